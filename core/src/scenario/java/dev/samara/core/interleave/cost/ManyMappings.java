// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.cost;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.MachineInternals;
import dev.samara.core.fixture.NamedBacking;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;

/** Counts the steps of a {@link CallOverMany}. Loaded by a {@link CountingClassLoader}. */
final class ManyMappings implements BiFunction<String, Integer, long[]> {
    static final long AT = 0x1_0000_0000L;
    static final long TARGET = 0x9_0000_0000L;
    static final int RW = Mman.READ | Mman.WRITE;
    static final int FIXED = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;
    static final int FIXED_SHARED = Mman.SHARED | Mman.ANONYMOUS | Mman.FIXED;
    static final int MOVE = Mman.MAYMOVE | Mman.MREMAP_FIXED;

    private static final int OTHERS = 4;

    private static final long PAGE = Geometry.LINUX_X86_64.pageSize();

    /** A backing that grants each request, and whose mappings may merge. */
    private static final class Asked extends NamedBacking {
        Asked(int inode) {
            super("asked", inode);
        }

        @Override
        public boolean countsMappings() {
            return false;
        }

        @Override
        public @Nullable Errno open(Vma vma) {
            return null;
        }

        @Override
        public void close(Vma vma) {
            // Nothing to close.
        }
    }

    /** Counts the steps of each hold. */
    private final class CountedLock extends ReentrantLock {
        private static final long serialVersionUID = 1L;

        private long began;

        @Override
        public void lock() {
            super.lock();
            began = CountedSteps.steps();
        }

        @Override
        public void unlock() {
            longest = Math.max(longest, CountedSteps.steps() - began);
            super.unlock();
        }
    }

    /** The steps of the longest hold of the layout lock. */
    private long longest;

    /** How many mappings were created concurrently with the call. */
    private int others;

    /**
     * Returns the number of a call's steps, and of the steps of its longest hold of the layout lock.
     *
     * @param name the name of a {@link CallOverMany}
     */
    @Override
    public long[] apply(String name, Integer mappings) {
        CallOverMany call = CallOverMany.valueOf(name);
        boolean isToTheLimit = call.mapped == CallOverMany.Mapped.ALTERNATELY_TO_THE_LIMIT;
        MachineBuilder builder =
                Machine.builder().memory(1L << 28).checked(false).maxMapCount(isToTheLimit ? mappings : 1 << 20);
        Machine machine = MachineInternals.withLocks(builder.build(), CountedLock::new);
        try (machine;
                AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64)) {
            space.setLimit(Resource.MEMLOCK, -1L);
            long length = map(space, call.mapped, mappings);
            if (isToTheLimit) {
                space.addNotifier((start, end, reason) -> mapOthers(space));
            }
            longest = 0;
            CountedSteps.begin();
            long result = call.call.make(space, length);
            CountedSteps.end();
            if (Errno.isError(result)) {
                throw new IllegalStateException(call + ": " + Errno.of(result));
            }
            if (others != (isToTheLimit ? OTHERS : 0)) {
                throw new IllegalStateException(call + ": " + others + " mappings beside it");
            }
            return new long[] {CountedSteps.steps(), longest};
        }
    }

    /** Maps some separate pages, in the notifier of a call in flight. */
    private void mapOthers(AddressSpace space) {
        while (others < OTHERS) {
            map(space, TARGET + 2 * PAGE * others, 1, RW, FIXED, null);
            others++;
        }
    }

    /** Maps pages; returns the length of their range. */
    private static long map(AddressSpace space, CallOverMany.Mapped mapped, int mappings) {
        Backing one = new Asked(1);
        for (int i = 0; i < mappings; i++) {
            long apart = 2L * i * PAGE;
            int rights = i % 2 == 0 ? RW : Mman.READ;
            switch (mapped) {
                case APART -> map(space, AT + apart, 1, RW, FIXED, null);
                case APART_BELOW_OTHERS -> {
                    map(space, AT + apart, 1, RW, FIXED, null);
                    map(space, TARGET + apart, 1, RW, FIXED, null);
                }
                case APART_BELOW_SHARED -> {
                    map(space, AT + apart, 1, RW, FIXED, null);
                    map(space, TARGET + apart, 1, RW, FIXED_SHARED, null);
                }
                case TOUCHED -> map(space, AT + apart, 1, RW, FIXED | Mman.POPULATE, null);
                case SHARED -> map(space, AT + apart, 1, RW, FIXED_SHARED, null);
                case BACKED -> map(space, AT + apart, 1, RW, Mman.PRIVATE | Mman.FIXED, one);
                case BACKED_EACH -> map(space, AT + apart, 1, RW, Mman.PRIVATE | Mman.FIXED, new Asked(2 + i));
                case BACKED_BELOW_OTHERS -> {
                    map(space, AT + apart, 1, RW, Mman.PRIVATE | Mman.FIXED, one);
                    map(space, TARGET + apart, 1, RW, FIXED, null);
                }
                case ALTERNATELY_BACKED ->
                    // Not writable, because accounted memory would not merge with other memory.
                    map(
                            space,
                            AT + i * PAGE,
                            1,
                            i % 2 == 0 ? Mman.READ | Mman.EXEC : Mman.READ,
                            Mman.PRIVATE | Mman.FIXED,
                            one);
                default -> map(space, AT + i * PAGE, 1, rights, FIXED, null);
            }
        }
        return (mapped.name().startsWith("ALTERNATELY") ? 1L : 2L) * mappings * PAGE;
    }

    private static void map(AddressSpace space, long at, int pages, int rights, int flags, @Nullable Backing backing) {
        succeed(space.mmap(at, pages * PAGE, rights, flags, backing, backing == null ? 0 : at));
    }

    private static void succeed(long result) {
        if (Errno.isError(result)) {
            throw new IllegalStateException("" + Errno.of(result));
        }
    }
}
