// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.elf;

import dev.samara.core.AddressSpace;

/** A program that was loaded into a new space and is ready to start. */
public final class LoadedProgram {
    private final AddressSpace space;
    private final long entry;
    private final long stackPointer;
    private final long trampoline;
    private final byte[] auxiliary;
    private final ArgumentPlace arguments;

    LoadedProgram(
            AddressSpace space,
            long entry,
            long stackPointer,
            long trampoline,
            byte[] auxiliary,
            ArgumentPlace arguments) {
        this.space = space;
        this.entry = entry;
        this.stackPointer = stackPointer;
        this.trampoline = trampoline;
        this.auxiliary = auxiliary;
        this.arguments = arguments;
    }

    /**
     * Returns the memory of the program.
     *
     * @return its space, which the caller must close
     */
    public AddressSpace space() {
        return space;
    }

    /**
     * Returns the entry point.
     *
     * @return the address of the first instruction, which is the interpreter's if the program has an interpreter
     */
    public long entry() {
        return entry;
    }

    /**
     * Returns the initial stack pointer.
     *
     * @return the address of argc
     */
    public long stackPointer() {
        return stackPointer;
    }

    /**
     * Returns the address of the code that returns from a signal handler.
     *
     * @return the address
     */
    public long trampoline() {
        return trampoline;
    }

    /**
     * Returns the auxiliary vector, for {@code /proc/self/auxv}.
     *
     * @return a copy of its bytes
     */
    public byte[] auxiliary() {
        return auxiliary.clone();
    }

    /**
     * Returns the addresses of the arguments and the environment.
     *
     * @return their addresses
     */
    public ArgumentPlace arguments() {
        return arguments;
    }
}
