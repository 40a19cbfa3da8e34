// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.memory;

import static dev.samara.core.mman.Mman.ANONYMOUS;
import static dev.samara.core.mman.Mman.FIXED;
import static dev.samara.core.mman.Mman.NORESERVE;
import static dev.samara.core.mman.Mman.PRIVATE;
import static dev.samara.core.mman.Mman.READ;
import static dev.samara.core.mman.Mman.WRITE;

import dev.samara.bench.report.Arguments;
import dev.samara.bench.report.Figures;
import dev.samara.core.AddressSpace;
import dev.samara.core.Checkpoint;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.vma.Geometry;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.HdrHistogram.Histogram;

/**
 * Measures the time of forks, and how long forks and checkpoints stop a thread that stores. The report {@code
 * fork-beside} measures threads of the parent that map and unmap during a fork.
 *
 * <p>{@code java -jar bench/target/samara-bench.jar fork --rounds 25 --mib 16,1024 --checkpoints
 * 10000 --json FILE}. It forks a space of
 * 134 VMAs with 4,000 written pages, and spaces of 1,000 and of 65,530 VMAs with untouched pages. The figure is the CPU
 * time of the fork; it does not include closing the child. Then it forks spaces of written memory while a thread stores
 * to pages at random: the figure is the thread's longest time for one store and one poll, by the clock, with forks and
 * without. Last, it makes and closes checkpoints of these spaces, and prints percentiles of the longest such time of
 * each checkpoint, and of as many stores without one.
 */
public final class ForkReport {
    private static final ThreadMXBean CLOCK = ManagementFactory.getThreadMXBean();
    private static final long PAGE = 4096;
    private static final long BASE = 0x1000_0000_0000L;
    private static final long OWN = 0x2000_0000_0000L;
    private static final int HERE = PRIVATE | ANONYMOUS | FIXED | NORESERVE;
    private static final int MANY = 65_530;
    private static final int TOUCHED_PAGES = 4_000;

    /** The pages to which the thread stores while the parent is forked. */
    private static final int STORED_PAGES = 1_000;

    /** The stores after each checkpoint that still count as during it; most of them copy a page. */
    private static final int LEAST_STORES = 16;

    private final int rounds;
    private final int[] mib;
    private final int checkpoints;
    private final Figures figures;

    private ForkReport(String[] words) {
        Arguments arguments = new Arguments(words);
        rounds = arguments.count("--rounds", 1, 25);
        mib = arguments.counts("--mib", "16,1024");
        checkpoints = arguments.count("--checkpoints", 1, 10_000);
        String json = arguments.text("--json", "");
        arguments.check();
        figures = new Figures(ForkReport.class, words, json);
    }

    /**
     * Measures and prints.
     *
     * @param arguments the options in the class comment
     * @throws InterruptedException if the program is interrupted
     */
    public static void main(String[] arguments) throws InterruptedException {
        new ForkReport(arguments).run();
    }

    private void run() throws InterruptedException {
        fork(134, TOUCHED_PAGES);
        fork(1_000, 0);
        double perVma = fork(MANY, 0);
        figures.goal("ns for each of 65,530 untouched VMAs", perVma, "<= 60");
        for (int size : mib) {
            storesBeside(size);
        }
        figures.write();
    }

    private void storesBeside(int size) throws InterruptedException {
        int pages = Math.toIntExact(((long) size << 20) / PAGE);
        AddressSpace space = Machine.builder()
                .memory(((long) size << 20) + (64L << 20))
                .build()
                .newSpace(Geometry.LINUX_X86_64);
        done(space.mmap(BASE, pages * PAGE, READ | WRITE, HERE, null, 0));
        try (Cpu cpu = space.machine().claimCpu()) {
            touch(space, cpu, 1, pages);
        }
        double[] forks = new double[rounds];
        Storer storer = new Storer(space, pages);
        storer.start();
        for (int round = -rounds; round < 0; round++) {
            space.fork().close();
        }
        storer.reset();
        long first = System.nanoTime();
        for (int round = 0; round < rounds; round++) {
            long began = System.nanoTime();
            AddressSpace child = space.fork();
            forks[round] = System.nanoTime() - began;
            child.close();
        }
        long beside = storer.reset();
        // The same time without forks; not a wait for a condition.
        TimeUnit.NANOSECONDS.sleep(System.nanoTime() - first);
        long alone = storer.reset();
        pauses(size, space, storer);
        storer.end();
        space.close();
        double fork = Figures.median(forks);
        Figures.line(
                "%4d MiB: fork %8.0f us; longest store %8.0f us, without forks %8.0f us",
                size, fork / 1e3, beside / 1e3, alone / 1e3);
        figures.row("mib", size, "fork_ns", fork, "longest_store_ns", beside, "longest_alone_ns", alone);
    }

    /** Measures the longest store and poll during each of some checkpoints. */
    private void pauses(int size, AddressSpace space, Storer storer) {
        Histogram alone = new Histogram(3);
        Histogram beside = new Histogram(3);
        Histogram calls = new Histogram(3);
        for (int i = -checkpoints; i < checkpoints; i++) {
            storer.awaitStores();
            storer.reset();
            storer.awaitStores();
            long longestAlone = storer.reset();
            long began = System.nanoTime();
            Checkpoint checkpoint = space.checkpoint();
            long took = System.nanoTime() - began;
            storer.awaitStores();
            long longest = storer.reset();
            checkpoint.close();
            if (i >= 0) {
                alone.recordValue(longestAlone);
                beside.recordValue(longest);
                calls.recordValue(took);
            }
        }
        percentiles(size, "a checkpoint", calls);
        percentiles(size, "the longest store during one", beside);
        percentiles(size, "the longest store without one", alone);
    }

    private void percentiles(int size, String what, Histogram times) {
        long median = times.getValueAtPercentile(50);
        long p99 = times.getValueAtPercentile(99);
        long most = times.getMaxValue();
        Figures.line("%4d MiB: %-30s p50 %8d ns, p99 %8d, most %8d", size, what, median, p99, most);
        figures.row("mib", size, "what", what, "p50_ns", median, "p99_ns", p99, "most_ns", most);
    }

    /** Stores to pages of a space at random, in GUEST. */
    private static final class Storer extends Thread {
        private final AddressSpace space;
        private final int pages;
        private final AtomicLong longest = new AtomicLong();
        private final AtomicLong stores = new AtomicLong();
        private volatile boolean ends;

        Storer(AddressSpace space, int pages) {
            super("storer");
            this.space = space;
            this.pages = pages;
        }

        @Override
        public void run() {
            SplittableRandom random = new SplittableRandom(1);
            try (Cpu cpu = space.machine().claimCpu()) {
                cpu.switchTo(space);
                cpu.enterGuest();
                long last = System.nanoTime();
                while (!ends) {
                    long page = (long) random.nextInt(Math.min(pages, STORED_PAGES)) * (pages / STORED_PAGES);
                    long address = BASE + page * PAGE;
                    if (cpu.memory().store(address, 8, last) != Fault.NONE) {
                        throw new IllegalStateException("a page could not be written");
                    }
                    cpu.poll();
                    long now = System.nanoTime();
                    longest.accumulateAndGet(now - last, Math::max);
                    stores.incrementAndGet();
                    last = now;
                }
                cpu.leaveGuest();
                cpu.switchTo(null);
            }
        }

        /** Returns the longest time of a store and a poll since the last call. */
        long reset() {
            return longest.getAndSet(0);
        }

        /** Waits for the store in progress, and some more. */
        void awaitStores() {
            long enough = stores.get() + LEAST_STORES;
            while (stores.get() < enough) {
                Thread.onSpinWait();
            }
        }

        void end() throws InterruptedException {
            ends = true;
            join();
        }
    }

    private static AddressSpace space(int vmas, int touched) {
        AddressSpace space = Machine.builder()
                .memory(64L << 20)
                .maxMapCount(vmas + 100)
                .build()
                .newSpace(Geometry.LINUX_X86_64);
        int pages = Math.max(1, (touched + vmas - 1) / vmas);
        for (int i = 0; i < vmas; i++) {
            long start = BASE + i * 2L * pages * PAGE;
            done(space.mmap(start, pages * PAGE, i % 2 == 0 ? WRITE : READ | WRITE, HERE, null, 0));
        }
        return space;
    }

    private static void touch(AddressSpace space, Cpu cpu, int vmas, int touched) {
        int pages = Math.max(1, (touched + vmas - 1) / vmas);
        cpu.switchTo(space);
        for (int i = 0; i < touched; i++) {
            long address = BASE + (i / pages * 2L * pages + i % pages) * PAGE;
            if (cpu.memory().store(address, 8, i) != Fault.NONE) {
                throw new IllegalStateException("a page could not be written");
            }
        }
    }

    private static void done(long result) {
        if (Errno.isError(result)) {
            throw new IllegalStateException("an operation failed: " + Errno.of(result));
        }
    }

    /** Prints and returns the nanoseconds per VMA. */
    private double fork(int vmas, int touched) {
        AddressSpace space = space(vmas, touched);
        double[] nanos = new double[rounds];
        double[] firstWrites = new double[rounds];
        try (Cpu cpu = space.machine().claimCpu()) {
            touch(space, cpu, vmas, touched);
            for (int round = -rounds; round < rounds; round++) {
                long began = CLOCK.getCurrentThreadCpuTime();
                AddressSpace child = space.fork();
                long forked = CLOCK.getCurrentThreadCpuTime();
                done(child.mmap(OWN, PAGE, READ, HERE, null, 0));
                long written = CLOCK.getCurrentThreadCpuTime();
                child.close();
                // Makes the parent's pages exclusive again before the next fork.
                touch(space, cpu, vmas, touched);
                if (round >= 0) {
                    nanos[round] = forked - began;
                    firstWrites[round] = written - forked;
                }
            }
        }
        space.validate();
        space.close();
        double fork = Figures.median(nanos);
        Figures.line(
                "%6d VMAs, %4d pages: fork %10.0f ns, %7.1f a VMA; first mapping of the child %6.0f ns",
                vmas, touched, fork, fork / vmas, Figures.median(firstWrites));
        figures.row("vmas", vmas, "pages", touched, "fork_ns", fork, "ns_a_vma", fork / vmas);
        return fork / vmas;
    }
}
