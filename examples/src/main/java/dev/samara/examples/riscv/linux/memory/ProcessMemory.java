// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.memory;

import dev.samara.core.AddressSpace;
import dev.samara.examples.riscv.elf.LoadedProgram;

/** The memory of a process, which a child of {@code vfork} uses too until it executes another program. */
public final class ProcessMemory {
    private final AddressSpace space;
    private final long trampoline;
    private final byte[] auxiliary;

    /** Equal for all processes with this memory: the key of their private futexes. */
    private final Object identity;

    private ProcessMemory(AddressSpace space, long trampoline, byte[] auxiliary, Object identity) {
        this.space = space;
        this.trampoline = trampoline;
        this.auxiliary = auxiliary;
        this.identity = identity;
    }

    public static ProcessMemory of(LoadedProgram program) {
        return new ProcessMemory(program.space(), program.trampoline(), program.auxiliary(), new Object());
    }

    /** Copies the memory, as a fork does. */
    public ProcessMemory fork() {
        return new ProcessMemory(space.fork(), trampoline, auxiliary, new Object());
    }

    /** Returns another reference to this memory. */
    public ProcessMemory share() {
        return new ProcessMemory(space.get(), trampoline, auxiliary, identity);
    }

    public AddressSpace space() {
        return space;
    }

    public long trampoline() {
        return trampoline;
    }

    public byte[] auxiliary() {
        return auxiliary.clone();
    }

    public Object identity() {
        return identity;
    }

    /** Ends this reference; the last user's ends the memory. */
    public void close() {
        space.close();
    }
}
