// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.shootdown;

import static dev.samara.core.mman.Mman.ANONYMOUS;
import static dev.samara.core.mman.Mman.FIXED;
import static dev.samara.core.mman.Mman.NORESERVE;
import static dev.samara.core.mman.Mman.PRIVATE;
import static dev.samara.core.mman.Mman.READ;
import static dev.samara.core.mman.Mman.WRITE;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLongArray;
import org.HdrHistogram.Histogram;

/**
 * The workloads of RadixVM's mapbench: threads map, write and unmap pages that no other thread, one other thread or all
 * other threads wrote.
 *
 * <p>There are two modes. In the free mode, threads wait for each other only if the workload requires it; an operation
 * does not wait for a CPU whose thread is running an operation at the same time. In turns, operations that remove pages
 * run one after another while all other CPUs are in GUEST, so the number of CPUs that they wait for is exact.
 */
final class MapWork {
    static final int HERE = PRIVATE | ANONYMOUS | FIXED | NORESERVE;

    private static final long BASE = 0x1_0000_0000L;
    private static final int PAD = 16;

    private final Kind kind;
    private final int threads;
    private final int pages;
    private final int iterations;
    private final boolean inTurns;
    private final AtomicLongArray published;
    private final ThreadFigures[] allFigures;

    enum Kind {
        /** Each thread maps, writes and unmaps its own pages. */
        LOCAL("local"),
        /** Each thread writes its own pages and then its neighbour's pages, and unmaps its neighbour's pages. */
        PIPELINE("pipeline"),
        /** All threads write random pages of a table, and each thread replaces its slice of the table. */
        GLOBAL("global");

        static final List<String> NAMES =
                Arrays.stream(values()).map(Kind::toString).toList();

        private final String text;

        Kind(String text) {
            this.text = text;
        }

        @Override
        public String toString() {
            return text;
        }
    }

    /**
     * The outcome of a workload.
     *
     * @param pages the number of pages that a thread wrote for the first time
     * @param operations the number of operations that removed pages
     * @param perSecond the number of pages that all threads together wrote per second
     * @param taking the times of the operations that removed pages, in nanoseconds
     */
    record MapOutcome(
            long pages, long operations, double perSecond, Histogram taking, CpuThreads.ShootdownCounts counts) {}

    /** The figures of one thread. */
    private static final class ThreadFigures {
        private final Histogram taking = new Histogram(3);
        private long pages;
        private long nanos;
    }

    private MapWork(Kind kind, int threads, int pages, int iterations, boolean inTurns) {
        this.kind = kind;
        this.threads = threads;
        this.pages = pages;
        this.iterations = iterations;
        this.inTurns = inTurns;
        published = new AtomicLongArray(threads * PAD);
        allFigures = new ThreadFigures[threads];
        Arrays.setAll(allFigures, i -> new ThreadFigures());
    }

    /**
     * Runs one workload in a new space.
     *
     * @param pages the size of each mapping
     * @param iterations the number of iterations of each thread
     */
    static MapOutcome run(Kind kind, int threads, int pages, int iterations, boolean inTurns)
            throws InterruptedException {
        return new MapWork(kind, threads, pages, iterations, inTurns).run();
    }

    private MapOutcome run() throws InterruptedException {
        Machine machine = CpuThreads.machine((long) threads * (threads + 1) * pages);
        AddressSpace space = machine.newSpace(CpuThreads.GEOMETRY);
        CpuThreads.ShootdownCounts counts = CpuThreads.play(machine, space, threads, member -> {
            ThreadFigures figures = allFigures[member.number()];
            long began = System.nanoTime();
            switch (kind) {
                case LOCAL -> local(member, figures);
                case PIPELINE -> pipeline(member, figures);
                case GLOBAL -> global(member, figures);
            }
            figures.nanos = System.nanoTime() - began;
        });
        space.validate();
        space.close();
        Histogram taking = new Histogram(3);
        long written = 0;
        double perSecond = 0;
        for (ThreadFigures figures : allFigures) {
            taking.add(figures.taking);
            written += figures.pages;
            perSecond += figures.pages * 1e9 / figures.nanos;
        }
        return new MapOutcome(written, taking.getTotalCount(), perSecond, taking, counts);
    }

    private long length() {
        return pages * CpuThreads.PAGE;
    }

    private void map(CpuThreads.CpuThread member, long start) {
        member.operate(start, () -> member.space().mmap(start, length(), READ | WRITE, HERE, null, 0));
    }

    private void write(CpuThreads.CpuThread member, ThreadFigures figures, long start) {
        for (int i = 0; i < pages; i++) {
            member.write(start + i * CpuThreads.PAGE, i);
        }
        figures.pages += pages;
    }

    private void unmap(CpuThreads.CpuThread member, ThreadFigures figures, long start) {
        figures.taking.recordValue(member.operate(start, () -> member.space().munmap(start, length())));
    }

    private void local(CpuThreads.CpuThread member, ThreadFigures figures) {
        long start = BASE + (long) member.number() * pages * CpuThreads.MIB;
        for (int i = 0; i < iterations; i++) {
            map(member, start);
            write(member, figures, start);
            if (inTurns) {
                member.together();
                member.inTurn(() -> unmap(member, figures, start));
                member.together();
            } else {
                unmap(member, figures, start);
            }
        }
    }

    private void pipeline(CpuThreads.CpuThread member, ThreadFigures figures) {
        int sibling = (member.number() + 1) % threads;
        for (int i = 0; i < iterations; i++) {
            int round = i;
            long start = ofRound(member.number(), round);
            long others = ofRound(sibling, round);
            map(member, start);
            write(member, figures, start);
            published.set(member.number() * PAD, round + 1);
            member.await(() -> published.get(sibling * PAD) > round);
            write(member, figures, others);
            if (inTurns) {
                member.together();
                member.inTurn(() -> unmap(member, figures, others));
                member.together();
            } else {
                unmap(member, figures, others);
            }
        }
    }

    private long ofRound(int thread, int round) {
        return BASE + (long) thread * threads * 256 * CpuThreads.MIB + round % threads * CpuThreads.MIB;
    }

    private void global(CpuThreads.CpuThread member, ThreadFigures figures) {
        long slice = BASE + member.number() * length();
        int all = threads * pages;
        SplittableRandom random = new SplittableRandom(member.number());
        BitSet written = new BitSet(all);
        map(member, slice);
        for (int i = 0; i <= iterations; i++) {
            member.together();
            written.clear();
            for (int j = 0; j < all; j++) {
                int page = random.nextInt(all);
                if (!written.get(page)) {
                    written.set(page);
                    member.write(BASE + page * CpuThreads.PAGE, page);
                }
            }
            figures.pages += written.cardinality();
            member.together();
            if (i < iterations) {
                if (inTurns) {
                    member.inTurn(() -> replace(member, figures, slice));
                } else {
                    replace(member, figures, slice);
                }
            }
        }
    }

    private void replace(CpuThreads.CpuThread member, ThreadFigures figures, long slice) {
        figures.taking.recordValue(
                member.operate(slice, () -> member.space().mmap(slice, length(), READ | WRITE, HERE, null, 0)));
    }
}
