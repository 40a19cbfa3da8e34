// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import dev.samara.bench.report.Arguments;
import dev.samara.bench.report.Figures;
import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.LockFlags;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.mman.RemapFlags;
import dev.samara.core.mman.Resource;
import dev.samara.core.mman.SyncFlags;
import dev.samara.core.vma.Geometry;
import java.util.Arrays;
import java.util.List;

/**
 * Single calls over many mappings: the time of the call, and how long another thread waits for the layout lock
 * meanwhile.
 *
 * <p>{@code java -jar bench/target/samara-bench.jar many-mappings --vmas 15000,60000 --rounds 5 --json FILE}. The other
 * thread asks for the counters of the space without a pause, which takes the lock for a moment. Its longest wait is
 * about the longest hold. All times are by a clock, so other work on the machine adds to the longest wait. The figures
 * are those of the round with the median of that wait; the rounds before it are for the compiler.
 */
public final class ManyMappingsReport {
    private static final long PAGE = Geometry.LINUX_X86_64.pageSize();
    private static final long AT = 0x1_0000_0000L;
    private static final long TARGET = 0x9_0000_0000L;
    private static final int RW = Protection.READ | Protection.WRITE;
    private static final int FIXED = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED;
    private static final int MOVE = RemapFlags.MAYMOVE | RemapFlags.MREMAP_FIXED;

    /** A call over a range. */
    @SuppressWarnings("ImmutableEnumChecker") // lambdas that capture nothing
    private enum OverMany {
        MREMAP(true, (space, length) -> space.mremap(AT, length, length, MOVE, TARGET)),
        MUNMAP(true, (space, length) -> space.munmap(AT, length)),
        MAP_FIXED(true, (space, length) -> space.mmap(AT, length, RW, FIXED, null, 0)),
        MPROTECT(false, (space, length) -> space.mprotect(AT, length, Protection.READ)),
        MPROTECT_NONE(false, (space, length) -> space.mprotect(AT, length, Protection.NONE)),
        DONTNEED(false, (space, length) -> space.madvise(AT, length, Advice.DONTNEED)),
        GUARD_INSTALL(false, (space, length) -> space.madvise(AT, length, Advice.GUARD_INSTALL)),
        DONTFORK(false, (space, length) -> space.madvise(AT, length, Advice.DONTFORK)),
        POPULATE_READ(false, (space, length) -> space.madvise(AT, length, Advice.POPULATE_READ)),
        MLOCK(false, (space, length) -> space.mlock2(AT, length, LockFlags.ONFAULT)),
        MLOCKALL(false, (space, length) -> space.mlockall(LockFlags.CURRENT | LockFlags.ALL_ONFAULT)),
        MSYNC(false, (space, length) -> space.msync(AT, length, SyncFlags.SYNC)),
        MSEAL(false, (space, length) -> space.mseal(AT, length, 0)),
        FORK(false, (space, length) -> {
            space.fork().close();
            return 0;
        });

        private interface Made {
            long make(AddressSpace space, long length);
        }

        /** Whether the mappings have holes between them; else they are neighbours with different rights. */
        private final boolean hasHoles;

        private final Made made;

        OverMany(boolean hasHoles, Made made) {
            this.hasHoles = hasHoles;
            this.made = made;
        }
    }

    private final int[] sizes;
    private final int rounds;
    private final Figures figures;

    private ManyMappingsReport(String[] words) {
        Arguments arguments = new Arguments(words);
        sizes = arguments.counts("--vmas", "15000,60000");
        rounds = arguments.count("--rounds", 1, 5);
        String json = arguments.text("--json", "");
        arguments.check();
        figures = new Figures(ManyMappingsReport.class, words, json);
    }

    /**
     * Measures and prints.
     *
     * @param arguments see above
     * @throws InterruptedException if the program is interrupted
     */
    public static void main(String[] arguments) throws InterruptedException {
        new ManyMappingsReport(arguments).run();
    }

    private void run() throws InterruptedException {
        Figures.line("%-14s %7s %10s %12s %16s", "call", "VMAs", "ms", "ns a VMA", "longest wait us");
        for (OverMany call : OverMany.values()) {
            for (int vmas : sizes) {
                measure(call, vmas);
            }
        }
        figures.write();
    }

    private void measure(OverMany call, int vmas) throws InterruptedException {
        long[][] results = new long[rounds][];
        for (int round = 0; round < rounds; round++) {
            results[round] = once(call, vmas);
        }
        List<long[]> half = Arrays.asList(results).subList(rounds / 2, rounds);
        half.sort((one, other) -> Long.compare(one[1], other[1]));
        long took = half.get(half.size() / 2)[0];
        long longest = half.get(half.size() / 2)[1];
        Figures.line("%-14s %7d %10.1f %12d %16.1f", call, vmas, took / 1e6, took / vmas, longest / 1e3);
        figures.row("call", call.name(), "vmas", vmas, "call_ns", took, "longest_wait_ns", longest);
    }

    /** Returns the time of the call and the longest wait of the other thread. */
    private static long[] once(OverMany call, int vmas) throws InterruptedException {
        Machine machine = Machine.builder().memory(1L << 29).build();
        try (machine;
                AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64)) {
            space.setLimit(Resource.MEMLOCK, -1L);
            long length = map(space, vmas, call.hasHoles);
            Asker asker = new Asker(space);
            asker.start();
            asker.begin();
            long began = System.nanoTime();
            long result = call.made.make(space, length);
            long took = System.nanoTime() - began;
            asker.end();
            if (Errno.isError(result)) {
                throw new IllegalStateException(call + ": " + Errno.of(result));
            }
            return new long[] {took, asker.longest};
        }
    }

    /** Maps pages; returns the length of their range. */
    private static long map(AddressSpace space, int vmas, boolean hasHoles) {
        for (int i = 0; i < vmas; i++) {
            long at = AT + (hasHoles ? 2 * PAGE : PAGE) * i;
            long mapped = space.mmap(at, PAGE, i % 2 == 0 || hasHoles ? RW : Protection.READ, FIXED, null, 0);
            if (mapped != at) {
                throw new IllegalStateException("mmap: " + Errno.of(mapped));
            }
        }
        return (hasHoles ? 2 * PAGE : PAGE) * vmas;
    }

    /** Takes the layout lock again and again. */
    private static final class Asker extends Thread {
        private final AddressSpace space;
        private volatile boolean hasBegun;
        private volatile boolean isOver;

        /** In nanoseconds. Read after the end. */
        private long longest;

        /** Adds up the counters, so that they are read. */
        private long sum;

        Asker(AddressSpace space) {
            this.space = space;
        }

        @Override
        public void run() {
            for (int i = 0; i < 10_000; i++) {
                sum += space.usage().maps();
            }
            hasBegun = true;
            while (!isOver) {
                long began = System.nanoTime();
                sum += space.usage().maps();
                longest = Math.max(longest, System.nanoTime() - began);
            }
        }

        void begin() {
            while (!hasBegun) {
                Thread.onSpinWait();
            }
        }

        void end() throws InterruptedException {
            isOver = true;
            join();
            if (sum == 0) {
                throw new IllegalStateException("the counters are 0");
            }
        }
    }
}
