// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm;

import com.dylibso.chicory.wasm.Parser;
import com.dylibso.chicory.wasm.WasmModule;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Objects;

/** The modules in the resources. Next to each one is its source, with the command that translates it. */
final class TestModules {
    private TestModules() {}

    static WasmModule kernels() {
        return read("kernels.wasm");
    }

    static WasmModule warm() {
        return read("warm.wasm");
    }

    private static WasmModule read(String name) {
        try (InputStream bytes = Objects.requireNonNull(TestModules.class.getResourceAsStream(name), name)) {
            return Parser.parse(bytes);
        } catch (IOException unreadable) {
            throw new UncheckedIOException(name + " cannot be read", unreadable);
        }
    }
}
