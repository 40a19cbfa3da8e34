// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.elf;

import dev.samara.core.AddressSpace;

/** A program in a space of its own, ready to begin. */
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
     * @return its space, which the receiver closes
     */
    public AddressSpace space() {
        return space;
    }

    /**
     * Returns where the program begins.
     *
     * @return the address of its first instruction, which is the interpreter's if it has one
     */
    public long entry() {
        return entry;
    }

    /**
     * Returns the first stack pointer.
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
     * Returns where the arguments and the environment are.
     *
     * @return their addresses
     */
    public ArgumentPlace arguments() {
        return arguments;
    }
}
