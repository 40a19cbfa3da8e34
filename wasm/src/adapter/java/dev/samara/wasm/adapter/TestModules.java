// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm.adapter;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Objects;

/** The modules in the resources. Next to each one is its source, with the command that translates it. */
final class TestModules {
    private TestModules() {}

    static byte[] kernels() {
        return read("kernels.wasm");
    }

    static byte[] warm() {
        return read("warm.wasm");
    }

    static byte[] changes() {
        return read("changes.wasm");
    }

    private static byte[] read(String name) {
        try (InputStream bytes = Objects.requireNonNull(TestModules.class.getResourceAsStream(name), name)) {
            return bytes.readAllBytes();
        } catch (IOException unreadable) {
            throw new UncheckedIOException(name + " cannot be read", unreadable);
        }
    }
}
