// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import static dev.samara.core.mman.Protection.READ;
import static dev.samara.core.mman.Protection.WRITE;

import dev.samara.bench.report.Arguments;
import dev.samara.bench.report.Figures;
import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Fault;
import dev.samara.core.vma.Geometry;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * A huge mapping in which one page of each page table is written, and then all pages are discarded. The report measures
 * the size of the page tables, and the latency of threads that read them concurrently.
 *
 * <p>{@code java -jar bench/target/samara-bench.jar sparse --gib 64 --walkers 1 --rounds 3 --json FILE}. Each written
 * page needs memory for the page and for one table of the same size. The known workload, 1,024 GiB, takes 2 GiB of heap
 * and 2 GiB of direct memory. Walkers query single random pages with {@code mincore}; a rival runs it under its lock.
 * Times are wall-clock times. A figure is the median over the rounds, except for the longest query.
 */
public final class SparseReport {
    private static final long BASE = 0x1000_0000_0000L;

    /** The number of bytes that one table of the lowest level maps. */
    private static final long STRIDE = 512 * Ground.PAGE;

    private final int gib;
    private final int walkers;
    private final int rounds;
    private final List<String> contenders;
    private final Figures figures;
    private final long length;
    private final int pages;

    private SparseReport(String[] words) {
        Arguments arguments = new Arguments(words);
        gib = arguments.count("--gib", 1, 64);
        walkers = arguments.count("--walkers", 0, 1);
        rounds = arguments.count("--rounds", 1, 3);
        contenders = arguments.list("--contender", Contenders.NAMES, Contenders.NAMES);
        String json = arguments.text("--json", "");
        arguments.check();
        figures = new Figures(SparseReport.class, words, json);
        length = (long) gib << 30;
        pages = (int) (length / STRIDE);
    }

    /**
     * Measures and prints.
     *
     * @param arguments the options in the class comment, and also {@code --contender}
     * @throws InterruptedException if the program is interrupted
     */
    public static void main(String[] arguments) throws InterruptedException {
        new SparseReport(arguments).run();
    }

    private void run() throws InterruptedException {
        Figures.line("%d GiB, of which %d pages are written; page tables in KiB", gib, pages);
        Figures.line(
                "%-17s %8s %8s %10s %8s %12s %14s %14s %12s",
                "contender",
                "before",
                "written",
                "discarded",
                "unmapped",
                "write ns",
                "discard ns",
                "walks/s",
                "longest us");
        for (String contender : contenders) {
            measure(contender);
        }
        figures.write();
    }

    private void measure(String name) throws InterruptedException {
        Machine machine =
                Machine.builder().memory(pages * Ground.PAGE + (64L << 20)).build();
        AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
        Contender contender = Contenders.named(name, space, null);
        double[] writing = new double[rounds];
        double[] discarding = new double[rounds];
        double[] walks = new double[rounds];
        long[] tables = new long[4];
        long longest = 0;
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            // One warm-up round comes first.
            for (int round = -1; round < rounds; round++) {
                Ground.done(contender.mmap(BASE, length, READ | WRITE, Ground.HERE, null));
                tables[0] = space.pageTableBytes();
                long began = System.nanoTime();
                write(contender, cpu);
                long written = System.nanoTime();
                tables[1] = space.pageTableBytes();
                List<Walker> walking = walk(contender);
                long before = System.nanoTime();
                Ground.done(contender.madvise(BASE, length, Advice.DONTNEED));
                long discarded = System.nanoTime() - before;
                double perSecond = 0;
                for (Walker walker : walking) {
                    walker.end();
                    perSecond += walker.perSecond();
                    longest = Math.max(longest, round < 0 ? 0 : walker.longest);
                }
                tables[2] = space.pageTableBytes();
                requireNothingIn(machine);
                Ground.done(contender.munmap(BASE, length));
                tables[3] = space.pageTableBytes();
                if (round >= 0) {
                    writing[round] = (double) (written - began) / pages;
                    discarding[round] = (double) discarded / pages;
                    walks[round] = perSecond;
                }
            }
        }
        space.validate();
        space.close();
        tell(name, tables, Figures.median(writing), Figures.median(discarding), Figures.median(walks), longest);
    }

    private void tell(String name, long[] tables, double writing, double discarding, double walks, long longest) {
        Figures.line(
                "%-17s %8d %8d %10d %8d %12.1f %14.1f %14.0f %12.1f",
                name,
                tables[0] >> 10,
                tables[1] >> 10,
                tables[2] >> 10,
                tables[3] >> 10,
                writing,
                discarding,
                walks,
                longest / 1e3);
        figures.row(
                "contender",
                name,
                "gib",
                gib,
                "tables_before",
                tables[0],
                "tables_written",
                tables[1],
                "tables_discarded",
                tables[2],
                "tables_unmapped",
                tables[3],
                "write_ns_a_page",
                writing,
                "discard_ns_a_page",
                discarding,
                "walks_per_second",
                walks,
                "longest_walk_ns",
                longest);
    }

    private void write(Contender contender, Cpu cpu) {
        for (int i = 0; i < pages; i++) {
            int result = contender.fault(cpu, BASE + i * STRIDE, WRITE);
            if (result != Fault.NONE) {
                throw new IllegalStateException("a fault ended as " + Fault.toString(result));
            }
        }
    }

    private static void requireNothingIn(Machine machine) {
        long left = machine.statistics().framesInUse();
        if (left != 0) {
            throw new IllegalStateException(left + " pages are in memory after all were discarded");
        }
    }

    private List<Walker> walk(Contender contender) {
        List<Walker> walking = new ArrayList<>();
        for (int i = 0; i < walkers; i++) {
            Walker walker = new Walker(contender, pages, i);
            walker.start();
            walking.add(walker);
        }
        walking.forEach(Walker::awaitFirst);
        return walking;
    }

    /** Queries one page after another until it is stopped. */
    private static final class Walker extends Thread {
        private final Contender contender;
        private final int pages;
        private final SplittableRandom random;
        private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
        private volatile boolean over;
        private volatile boolean hasBegun;

        /** Read after the thread ended. */
        private long walks;

        private long nanos;
        private long longest;

        Walker(Contender contender, int pages, int number) {
            super("walker-" + number);
            this.contender = contender;
            this.pages = pages;
            random = new SplittableRandom(number);
        }

        @Override
        public void run() {
            byte[] vector = new byte[1];
            try {
                long began = System.nanoTime();
                long last = began;
                while (!over) {
                    Ground.done(contender.mincore(BASE + random.nextInt(pages) * STRIDE, Ground.PAGE, vector));
                    long now = System.nanoTime();
                    longest = Math.max(longest, now - last);
                    last = now;
                    walks++;
                    hasBegun = true;
                }
                nanos = last - began;
            } catch (Throwable thrown) {
                failure.set(thrown);
            }
        }

        void awaitFirst() {
            while (!hasBegun && failure.get() == null) {
                Thread.onSpinWait();
            }
        }

        void end() throws InterruptedException {
            over = true;
            join();
            Throwable thrown = failure.get();
            if (thrown != null) {
                throw new IllegalStateException("a walker has failed", thrown);
            }
        }

        double perSecond() {
            return walks * 1e9 / nanos;
        }
    }
}
