// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.memory;

import dev.samara.core.AddressSpace;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.examples.riscv.elf.ArgumentPlace;
import dev.samara.examples.riscv.elf.LoadedProgram;
import java.util.concurrent.atomic.AtomicInteger;

/** The memory of a process, which a child of {@code vfork} uses too until it executes another program. */
public final class ProcessMemory {
    private final AddressSpace space;
    private final long trampoline;
    private final byte[] auxiliary;
    private final ArgumentPlace arguments;
    private final MappingTotal total;
    private final MappingTotal.CountedSpace counted;

    /** Equal for all processes with this memory: the key of their private futexes. */
    private final Object identity;

    /** The commands by which the memory was registered for {@code membarrier}. */
    private final AtomicInteger registrations;

    private ProcessMemory(
            AddressSpace space,
            long trampoline,
            byte[] auxiliary,
            ArgumentPlace arguments,
            MappingTotal total,
            MappingTotal.CountedSpace counted,
            Object identity,
            AtomicInteger registrations) {
        this.space = space;
        this.trampoline = trampoline;
        this.auxiliary = auxiliary;
        this.arguments = arguments;
        this.total = total;
        this.counted = counted;
        this.identity = identity;
        this.registrations = registrations;
    }

    /** Returns the memory of a new program, whose mappings count. */
    public static ProcessMemory of(LoadedProgram program, MappingTotal total) {
        return new ProcessMemory(
                program.space(),
                program.trampoline(),
                program.auxiliary(),
                program.arguments(),
                total,
                total.count(program.space(), 0),
                new Object(),
                new AtomicInteger());
    }

    /** Copies the memory, as a fork does; throws ENOMEM if there would be too many mappings. */
    public ProcessMemory fork() {
        counted.recount();
        long reserved = counted.number();
        if (!total.reserve(reserved)) {
            throw new MmException("fork", Errno.ENOMEM);
        }
        boolean isCounted = false;
        try {
            AddressSpace copy = space.fork();
            isCounted = true;
            return new ProcessMemory(
                    copy,
                    trampoline,
                    auxiliary,
                    arguments,
                    total,
                    total.count(copy, reserved),
                    new Object(),
                    new AtomicInteger(registrations.get()));
        } finally {
            if (!isCounted) {
                total.release(reserved);
            }
        }
    }

    /** Returns another reference to this memory. */
    public ProcessMemory share() {
        AddressSpace shared = space.get();
        counted.addUser();
        return new ProcessMemory(shared, trampoline, auxiliary, arguments, total, counted, identity, registrations);
    }

    /** Whether all processes together have as many mappings as may be. */
    public boolean mayMapNothing() {
        return total.isFull();
    }

    /** Counts the mappings after a call that may have changed their number. */
    public void recount() {
        counted.recount();
    }

    /** Returns where the arguments and the environment of the program were placed. */
    public ArgumentPlace arguments() {
        return arguments;
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

    /** Registers this memory for fences, by a command of {@code membarrier}. */
    public void register(int command) {
        registrations.accumulateAndGet(command, (known, added) -> known | added);
    }

    /** Returns the commands by which this memory was registered, also by its parents before a fork. */
    public int registrations() {
        return registrations.get();
    }

    /** Whether this memory was registered by all of some commands. */
    public boolean isRegistered(int commands) {
        return (registrations.get() & commands) == commands;
    }

    /** Ends this reference; the last user's ends the memory. */
    public void close() {
        counted.removeUser();
        space.close();
    }
}
