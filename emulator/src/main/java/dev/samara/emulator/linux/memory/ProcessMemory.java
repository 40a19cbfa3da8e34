// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.memory;

import dev.samara.core.AddressSpace;
import dev.samara.core.SpaceIdentity;
import dev.samara.core.backing.HostFile;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.emulator.elf.ProgramLoader.ArgumentPlace;
import dev.samara.emulator.elf.ProgramLoader.LoadedProgram;
import java.util.concurrent.atomic.AtomicInteger;

/** The memory of a process. A child of {@code vfork} shares it until the child executes another program. */
public final class ProcessMemory {
    private final AddressSpace space;
    private final long spaceNumber;
    private final long trampoline;
    private final byte[] auxiliary;
    private final ArgumentPlace arguments;
    private final MappingTotal total;
    private final MappingTotal.CountedSpace counted;

    private final SharedMemory shared;

    /** The state that all processes with this memory share. */
    private static final class SharedMemory {
        /**
         * Words: {@code users}, {@code open}, {@code registrations}.
         * Written: threads that share or close the memory (get-and-add); a thread that registers it (accumulate).
         * Read: any thread (volatile).
         * Invariant: {@code users} is the number of processes with this memory, and {@code open} that of those which
         *     have not started to close it; a bit that is set in {@code registrations} stays set.
         */
        private final AtomicInteger users = new AtomicInteger(1);

        private final AtomicInteger open = new AtomicInteger(1);

        private final ProgramFile file;

        /** The commands by which the memory was registered for {@code membarrier}. */
        private final AtomicInteger registrations;

        SharedMemory(ProgramFile file, int registrations) {
            this.file = file;
            this.registrations = new AtomicInteger(registrations);
        }
    }

    private ProcessMemory(
            AddressSpace space,
            long trampoline,
            byte[] auxiliary,
            ArgumentPlace arguments,
            MappingTotal total,
            MappingTotal.CountedSpace counted,
            SharedMemory shared) {
        this.space = space;
        try (SpaceIdentity identity = space.grab()) {
            spaceNumber = identity.number();
        }
        this.trampoline = trampoline;
        this.auxiliary = auxiliary;
        this.arguments = arguments;
        this.total = total;
        this.counted = counted;
        this.shared = shared;
    }

    /**
     * Returns the memory of a new program, and starts to count its mappings.
     *
     * @param file denies writes to the file of the program until this memory and all memories forked from it are closed
     */
    public static ProcessMemory of(LoadedProgram program, HostFile.WriteDenial file, MappingTotal total) {
        return new ProcessMemory(
                program.space(),
                program.trampoline(),
                program.auxiliary(),
                program.arguments(),
                total,
                total.count(program.space(), 0),
                new SharedMemory(new ProgramFile(file), 0));
    }

    /** Copies the memory for a fork; throws ENOMEM if there would be too many mappings. */
    public ProcessMemory fork() {
        counted.recount();
        long reserved = counted.number();
        if (!total.reserve(reserved)) {
            throw new MmException("fork", Errno.ENOMEM);
        }
        AddressSpace copy = null;
        ProcessMemory made = null;
        try {
            copy = space.fork();
            made = new ProcessMemory(
                    copy,
                    trampoline,
                    auxiliary,
                    arguments,
                    total,
                    total.count(copy, reserved),
                    new SharedMemory(shared.file, registrations()));
            shared.file.get();
            return made;
        } finally {
            if (made == null) {
                total.release(reserved);
                if (copy != null) {
                    copy.close();
                }
            }
        }
    }

    /** Returns another reference to this memory. */
    public ProcessMemory share() {
        AddressSpace same = space.get();
        ProcessMemory made = null;
        try {
            made = new ProcessMemory(same, trampoline, auxiliary, arguments, total, counted, shared);
        } finally {
            if (made == null) {
                same.close();
            }
        }
        counted.addUser();
        shared.users.incrementAndGet();
        shared.open.incrementAndGet();
        return made;
    }

    /** Whether all processes together have the maximum number of mappings. */
    public boolean mayMapNothing() {
        return total.isFull();
    }

    /** Counts the mappings after a call that may have changed their number. */
    public void recount() {
        counted.recount();
    }

    /** Returns the addresses of the program's arguments and environment. */
    public ArgumentPlace arguments() {
        return arguments;
    }

    public AddressSpace space() {
        return space;
    }

    /** Returns the number of the space on its machine, even after the memory was closed. */
    public long spaceNumber() {
        return spaceNumber;
    }

    public long trampoline() {
        return trampoline;
    }

    public byte[] auxiliary() {
        return auxiliary.clone();
    }

    /** Returns an object that is equal only for processes with this memory. */
    public Object identity() {
        return shared;
    }

    /** Whether another process uses this memory. */
    public boolean isShared() {
        return shared.users.get() > 1;
    }

    /** Whether all processes with this memory have started to close it. */
    public boolean isClosing() {
        return shared.open.get() == 0;
    }

    /** Whether all processes with this memory have closed it, so that its pages are free. */
    public boolean isClosed() {
        return shared.users.get() == 0;
    }

    /** Registers this memory with a command of {@code membarrier}. */
    public void register(int command) {
        shared.registrations.accumulateAndGet(command, (known, added) -> known | added);
    }

    /** Returns the commands by which this memory was registered, including those inherited by a fork. */
    public int registrations() {
        return shared.registrations.get();
    }

    /** Whether this memory was registered by all given commands. */
    public boolean isRegistered(int commands) {
        return (registrations() & commands) == commands;
    }

    /** Closes this reference. When the last one is closed, the memory ends. */
    public void close() {
        counted.removeUser();
        shared.open.decrementAndGet();
        try {
            space.close();
        } finally {
            if (shared.users.decrementAndGet() == 0) {
                shared.file.put();
            }
        }
    }
}
