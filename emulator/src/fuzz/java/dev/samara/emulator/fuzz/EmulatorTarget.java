// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.fuzz;

import dev.samara.testing.fuzz.FuzzTarget;
import java.io.IOException;
import java.util.List;

/** The parsers of the emulator. */
public enum EmulatorTarget implements FuzzTarget {
    /** Executable files, which are loaded into a space. */
    ELF(ElfFuzzer.class),
    /** The bytes that a client of gdb's protocol sends. */
    GDB(GdbFuzzer.class);

    private final Class<?> driver;

    EmulatorTarget(Class<?> driver) {
        this.driver = driver;
    }

    @Override
    public Class<?> driver() {
        return driver;
    }

    @Override
    public void accept(byte[] input) throws Exception {
        switch (this) {
            case ELF -> ElfFuzzer.fuzzerTestOneInput(input);
            case GDB -> GdbFuzzer.fuzzerTestOneInput(input);
        }
    }

    @Override
    public List<byte[]> seeds() throws IOException {
        return switch (this) {
            case ELF -> ElfFuzzer.seeds();
            case GDB -> GdbFuzzer.seeds();
        };
    }
}
