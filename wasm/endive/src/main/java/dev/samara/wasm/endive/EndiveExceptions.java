// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm.endive;

import dev.samara.wasm.MemoryExceptions;
import run.endive.runtime.TrapException;
import run.endive.runtime.WasmInterruptedException;
import run.endive.runtime.WasmRuntimeException;
import run.endive.wasm.WasmEngineException;

/** The exceptions of Endive's own memories. */
final class EndiveExceptions implements MemoryExceptions {
    static final EndiveExceptions THE = new EndiveExceptions();

    private EndiveExceptions() {}

    @Override
    public RuntimeException outOfBounds(String message) {
        return new WasmRuntimeException(message);
    }

    @Override
    public RuntimeException trap(String message) {
        return new TrapException(message);
    }

    @Override
    public RuntimeException interrupted() {
        return new WasmInterruptedException("Thread interrupted");
    }

    @Override
    public RuntimeException failed(String message) {
        return new WasmEngineException(message);
    }
}
