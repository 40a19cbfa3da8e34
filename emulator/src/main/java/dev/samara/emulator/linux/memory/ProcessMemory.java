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
import java.util.concurrent.atomic.AtomicLong;

/** The memory of a process. A child of {@code vfork} shares it until the child executes another program. */
public final class ProcessMemory {
    public final AddressSpace space;

    /** The number of the space on its machine, even after the memory was closed. */
    public final long spaceNumber;

    public final long trampoline;
    private final byte[] auxiliary;

    /** The addresses of the program's arguments and environment. */
    public final ArgumentPlace arguments;

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

    /**
     * Counts the mappings of all processes together, because the library limits only the mappings of one space. A space
     * is counted after each call that may change its number of mappings, so concurrent calls may exceed the maximum by
     * the few mappings that each call adds.
     */
    public static final class MappingTotal {
        private final long most;

        /**
         * Words: {@code all}.
         * Written: threads that map, unmap, fork or end a space (get-and-add).
         * Read: any thread (volatile).
         * Invariant: the mappings of all spaces, each as counted last, plus those reserved for forks.
         */
        private final AtomicLong all = new AtomicLong();

        /**
         * Creates a count.
         *
         * @param most the maximum number of mappings
         */
        public MappingTotal(long most) {
            this.most = most;
        }

        /** Returns whether the maximum is reached, so that adding a mapping is ENOMEM. */
        public boolean isFull() {
            return all.get() >= most;
        }

        /** Returns the number of mappings. */
        public long count() {
            return all.get();
        }

        /** Reserves mappings for the copy of a space; returns false if there would be too many. */
        boolean reserve(long mappings) {
            if (all.addAndGet(mappings) <= most) {
                return true;
            }
            all.addAndGet(-mappings);
            return false;
        }

        /** Starts to count a space, for which a number of mappings was reserved. */
        CountedSpace count(AddressSpace space, long reserved) {
            CountedSpace counted = new CountedSpace(space, reserved);
            counted.recount();
            return counted;
        }

        void release(long mappings) {
            all.addAndGet(-mappings);
        }

        /** A space whose mappings are counted, with its users. */
        final class CountedSpace {
            private final AddressSpace space;
            private long counted;
            private int users = 1;

            private CountedSpace(AddressSpace space, long counted) {
                this.space = space;
                this.counted = counted;
            }

            /** Counts the present mappings of the space. Called by a user. */
            synchronized void recount() {
                long now = space.usage().maps();
                all.addAndGet(now - counted);
                counted = now;
            }

            synchronized long number() {
                return counted;
            }

            synchronized void addUser() {
                users++;
            }

            /** Removes a user. When the last one is removed, the mappings of the space no longer count. */
            synchronized void removeUser() {
                if (--users == 0) {
                    all.addAndGet(-counted);
                    counted = 0;
                }
            }
        }
    }

    /**
     * The file of a program, which cannot be opened for writing while a process runs the program ({@code
     * mm->exe_file}). Forked memories share this object. Thread-safe.
     */
    static final class ProgramFile {
        private final HostFile.WriteDenial denial;

        /**
         * Written: a fork, and the last user of a memory when it closes the memory (get-and-add).
         * Read: as written.
         * Invariant: the number of memories that run the program; writes to its file are denied while this is not 0.
         */
        private final AtomicInteger memories = new AtomicInteger(1);

        /** Takes ownership of the denial, for one memory. */
        ProgramFile(HostFile.WriteDenial denial) {
            this.denial = denial;
        }

        /** Adds a memory. The caller must own one already. */
        ProgramFile get() {
            memories.incrementAndGet();
            return this;
        }

        /** Removes a memory. When the last one is removed, writes are no longer denied. */
        void put() {
            if (memories.decrementAndGet() == 0) {
                denial.close();
            }
        }
    }
}
