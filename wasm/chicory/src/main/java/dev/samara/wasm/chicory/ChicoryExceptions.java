// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm.chicory;

import com.dylibso.chicory.runtime.ChicoryInterruptedException;
import com.dylibso.chicory.runtime.TrapException;
import com.dylibso.chicory.runtime.WasmRuntimeException;
import com.dylibso.chicory.wasm.ChicoryException;
import dev.samara.wasm.MemoryExceptions;

/** The exceptions of Chicory's own memories. */
final class ChicoryExceptions implements MemoryExceptions {
    static final ChicoryExceptions THE = new ChicoryExceptions();

    private ChicoryExceptions() {}

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
        return new ChicoryInterruptedException("Thread interrupted");
    }

    @Override
    public RuntimeException failed(String message) {
        return new ChicoryException(message);
    }
}
