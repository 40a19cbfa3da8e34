// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import dev.samara.bench.report.Arguments;
import dev.samara.bench.report.Figures;
import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import java.util.Arrays;
import java.util.List;

/**
 * Measures single calls that affect many mappings: the time of the call, and how long another thread waits for the
 * layout lock during the call.
 *
 * <p>{@code java -jar bench/target/samara-bench.jar many-mappings --vmas 15000,60000 --rounds 5 --only MUNMAP --json
 * FILE}. The other thread reads the counters of the space in a loop without a pause; each read acquires the lock
 * briefly. The thread's longest wait is about the longest time that the call holds the lock. All times are wall-clock
 * times, so other work on the machine adds to the longest wait. The figures are those of the round with the median
 * longest wait; the first rounds only warm up the compiler. With {@code --heap collected}, the heap is collected before
 * the call, as in a program that ran for some time: the collection moves the objects of the mappings next to each
 * other, and removes the garbage between them.
 */
public final class ManyMappingsReport {
    private static final long PAGE = Geometry.LINUX_X86_64.pageSize();
    private static final long AT = 0x1_0000_0000L;
    private static final long TARGET = 0x9_0000_0000L;
    private static final int RW = Mman.READ | Mman.WRITE;
    private static final int FIXED = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;
    private static final int SHARED = Mman.SHARED | Mman.ANONYMOUS | Mman.FIXED;
    private static final int MOVE = Mman.MAYMOVE | Mman.MREMAP_FIXED;

    /** The spacing of the mappings, which are one page each. */
    private enum Spacing {
        /** With a hole after each mapping. */
        APART,
        /** With a hole after each mapping; each mapping has its own shared object. */
        SHARED,
        /** Adjacent mappings with alternating rights. */
        ALTERNATELY
    }

    /** A call that affects a range of mappings. */
    @SuppressWarnings("ImmutableEnumChecker") // lambdas that capture nothing
    private enum OverMany {
        MREMAP(Spacing.APART, (space, length) -> space.mremap(AT, length, length, MOVE, TARGET)),
        MUNMAP(Spacing.APART, (space, length) -> space.munmap(AT, length)),
        MUNMAP_OF_SHARED(Spacing.SHARED, (space, length) -> space.munmap(AT, length)),
        MAP_FIXED(Spacing.APART, (space, length) -> space.mmap(AT, length, RW, FIXED, null, 0)),
        MAP_FIXED_OVER_SHARED(Spacing.SHARED, (space, length) -> space.mmap(AT, length, RW, FIXED, null, 0)),
        MPROTECT(Spacing.ALTERNATELY, (space, length) -> space.mprotect(AT, length, Mman.READ)),
        MPROTECT_NONE(Spacing.ALTERNATELY, (space, length) -> space.mprotect(AT, length, Mman.NONE)),
        DONTNEED(Spacing.ALTERNATELY, (space, length) -> space.madvise(AT, length, Mman.DONTNEED)),
        GUARD_INSTALL(Spacing.ALTERNATELY, (space, length) -> space.madvise(AT, length, Mman.GUARD_INSTALL)),
        DONTFORK(Spacing.ALTERNATELY, (space, length) -> space.madvise(AT, length, Mman.DONTFORK)),
        POPULATE_READ(Spacing.ALTERNATELY, (space, length) -> space.madvise(AT, length, Mman.POPULATE_READ)),
        MLOCK(Spacing.ALTERNATELY, (space, length) -> space.mlock2(AT, length, Mman.ONFAULT)),
        MLOCKALL(Spacing.ALTERNATELY, (space, length) -> space.mlockall(Mman.CURRENT | Mman.ALL_ONFAULT)),
        MSYNC(Spacing.ALTERNATELY, (space, length) -> space.msync(AT, length, Mman.SYNC)),
        MSEAL(Spacing.ALTERNATELY, (space, length) -> space.mseal(AT, length, 0)),
        FORK(Spacing.ALTERNATELY, (space, length) -> {
            space.fork().close();
            return 0;
        });

        private interface Made {
            long make(AddressSpace space, long length);
        }

        private final Spacing mapped;

        private final Made made;

        OverMany(Spacing mapped, Made made) {
            this.mapped = mapped;
            this.made = made;
        }
    }

    private final List<String> calls;
    private final int[] sizes;
    private final int rounds;

    /** Whether the heap is collected before the call, so that the VMAs are next to each other in memory. */
    private final boolean collects;

    private final Figures figures;

    private ManyMappingsReport(String[] words) {
        Arguments arguments = new Arguments(words);
        List<String> all = Arrays.stream(OverMany.values()).map(Enum::name).toList();
        calls = arguments.list("--only", all, all);
        sizes = arguments.counts("--vmas", "15000,60000");
        rounds = arguments.count("--rounds", 1, 5);
        collects = arguments
                .list("--heap", List.of("untouched"), List.of("untouched", "collected"))
                .contains("collected");
        String json = arguments.text("--json", "");
        arguments.check();
        figures = new Figures(ManyMappingsReport.class, words, json);
    }

    /**
     * Measures and prints.
     *
     * @param arguments the options in the class comment
     * @throws InterruptedException if the program is interrupted
     */
    public static void main(String[] arguments) throws InterruptedException {
        new ManyMappingsReport(arguments).run();
    }

    private void run() throws InterruptedException {
        Figures.line("%-22s %7s %10s %12s %16s", "call", "VMAs", "ms", "ns per VMA", "longest wait us");
        for (String call : calls) {
            for (int vmas : sizes) {
                measure(OverMany.valueOf(call), vmas);
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
        Figures.line("%-22s %7d %10.1f %12d %16.1f", call, vmas, took / 1e6, took / vmas, longest / 1e3);
        figures.row("call", call.name(), "vmas", vmas, "call_ns", took, "longest_wait_ns", longest);
    }

    /** Returns the time of the call and the longest wait of the other thread. */
    private long[] once(OverMany call, int vmas) throws InterruptedException {
        Machine machine = Machine.builder().memory(1L << 29).build();
        try (machine;
                AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64)) {
            space.setLimit(Resource.MEMLOCK, -1L);
            long length = map(space, vmas, call.mapped);
            if (collects) {
                System.gc();
            }
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

    /** Maps pages, and returns the length of their range. */
    private static long map(AddressSpace space, int vmas, Spacing mapped) {
        long step = mapped == Spacing.ALTERNATELY ? PAGE : 2 * PAGE;
        int flags = mapped == Spacing.SHARED ? SHARED : FIXED;
        for (int i = 0; i < vmas; i++) {
            long at = AT + step * i;
            int rights = mapped == Spacing.ALTERNATELY && i % 2 != 0 ? Mman.READ : RW;
            long result = space.mmap(at, PAGE, rights, flags, null, 0);
            if (result != at) {
                throw new IllegalStateException("mmap: " + Errno.of(result));
            }
        }
        return step * vmas;
    }

    /** A thread that repeatedly acquires the layout lock. */
    private static final class Asker extends Thread {
        private final AddressSpace space;
        private volatile boolean hasBegun;
        private volatile boolean isOver;

        /** The longest wait in nanoseconds. Read after the thread ended. */
        private long longest;

        /** The sum of the counters; without it, the compiler could remove their reads. */
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
