// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import static dev.samara.core.mman.Mman.FIXED;
import static dev.samara.core.mman.Mman.READ;
import static dev.samara.core.mman.Mman.SHARED;
import static dev.samara.core.mman.Mman.WRITE;

import dev.samara.bench.report.Arguments;
import dev.samara.bench.report.Figures;
import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.backing.CachedBacking;
import dev.samara.core.mman.Fault;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.PageCache;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;

/**
 * The time of {@code munmap} concurrently with hundreds of faults that wait for a disk, and how often these faults
 * acquire the space's lock.
 *
 * <p>{@code java -jar bench/target/samara-bench.jar sleeping-faults --faults 500 --delay 50 --seconds 3 --json FILE}.
 * Each faulting thread reads page after page of its own file; the pages arrive after a random delay and are evicted
 * again. Another thread maps 16 pages, writes them, and unmaps them. This is timed three times: alone, concurrently
 * with as many threads that only sleep equally often, and concurrently with the faulting threads. Then only the
 * faulting threads run, and the report counts the acquisitions of the lock; a space samples one in 61.
 */
public final class SleepingFaults {
    private static final int FILE_PAGES = 4096;
    private static final int KEPT_PAGES = 32;
    private static final int PIECE_PAGES = 16;
    private static final int OWN = 4000;

    private final int faults;
    private final int delay;
    private final double seconds;
    private final List<String> contenders;
    private final Figures figures;

    private SleepingFaults(String[] words) {
        Arguments arguments = new Arguments(words);
        faults = arguments.count("--faults", 1, 500);
        delay = arguments.count("--delay", 1, 50);
        seconds = arguments.number("--seconds", 3);
        contenders = arguments.list("--contender", Contender.NAMES, Contender.NAMES);
        String json = arguments.text("--json", "");
        arguments.check();
        figures = new Figures(SleepingFaults.class, words, json);
    }

    /**
     * Measures and prints.
     *
     * @param arguments the options in the class comment, and also {@code --contender}
     * @throws InterruptedException if the program is interrupted
     */
    public static void main(String[] arguments) throws InterruptedException {
        SleepingFaults program = new SleepingFaults(arguments);
        Figures.line(
                "%-17s %12s %12s %12s %12s %12s %12s %10s %12s",
                "contender",
                "alone p50 us",
                "p99",
                "sleepers p50",
                "p99",
                "beside p50",
                "p99",
                "faults /s",
                "locks noted");
        for (String contender : program.contenders) {
            program.measure(contender);
        }
        program.figures.write();
    }

    private void measure(String name) throws InterruptedException {
        Machine machine = Machine.builder().memory(256L << 20).build();
        AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
        Contender contender = Contender.named(name, space);
        unmapping(machine, space, contender);
        Histogram alone = unmapping(machine, space, contender);
        Histogram sleepers = besideSleepers(machine, space, contender);
        List<PageReader> readers = new ArrayList<>();
        for (int i = 0; i < faults; i++) {
            readers.add(new PageReader(machine, space, contender, i));
        }
        readers.forEach(Thread::start);
        for (PageReader reader : readers) {
            reader.awaitFirst();
        }
        long began = System.nanoTime();
        long before = done(readers);
        Histogram beside = unmapping(machine, space, contender);
        double perSecond = (done(readers) - before) * 1e9 / (System.nanoTime() - began);

        long held = space.holdTimes().count();
        // The duration of the measurement, not a wait for a condition.
        Thread.sleep((long) (seconds * 1000));
        long noted = space.holdTimes().count() - held;
        readers.forEach(reader -> reader.over = true);
        for (PageReader reader : readers) {
            reader.end();
        }
        space.validate();
        space.close();
        tell(name, alone, sleepers, beside, perSecond, noted);
    }

    private void tell(
            String name, Histogram alone, Histogram sleepers, Histogram beside, double perSecond, long noted) {
        Figures.line(
                "%-17s %12.1f %12.1f %12.1f %12.1f %12.1f %12.1f %10.0f %12d",
                name,
                micros(alone, 50),
                micros(alone, 99),
                micros(sleepers, 50),
                micros(sleepers, 99),
                micros(beside, 50),
                micros(beside, 99),
                perSecond,
                noted);
        figures.row(
                "contender",
                name,
                "alone_p50_us",
                micros(alone, 50),
                "alone_p99_us",
                micros(alone, 99),
                "sleepers_p50_us",
                micros(sleepers, 50),
                "sleepers_p99_us",
                micros(sleepers, 99),
                "beside_p50_us",
                micros(beside, 50),
                "beside_p99_us",
                micros(beside, 99),
                "faults_per_second",
                perSecond,
                "locks_noted",
                noted);
        if (name.equals(Contender.SAMARA)) {
            figures.goal("munmap p99 beside / alone, samara", micros(beside, 99) / micros(alone, 99), "<= 2");
            figures.goal("locks of the space noted while only faults go on", (double) noted, "0");
        }
    }

    private static double micros(Histogram latencies, double percentile) {
        return latencies.getValueAtPercentile(percentile) / 1e3;
    }

    private static long done(List<PageReader> readers) {
        return readers.stream().mapToLong(reader -> reader.done.get()).sum();
    }

    /**
     * Measures concurrently with as many threads that sleep equally often but touch nothing, which shows the effect of
     * the wakeups alone.
     */
    private Histogram besideSleepers(Machine machine, AddressSpace space, Contender contender)
            throws InterruptedException {
        List<Thread> sleepers = new ArrayList<>();
        for (int i = 0; i < faults; i++) {
            Thread sleeper = new Thread(
                    () -> {
                        while (!Thread.currentThread().isInterrupted()) {
                            pause();
                        }
                    },
                    "sleeper-" + i);
            sleepers.add(sleeper);
            sleeper.start();
        }
        Histogram latencies = unmapping(machine, space, contender);
        sleepers.forEach(Thread::interrupt);
        for (Thread sleeper : sleepers) {
            sleeper.join();
        }
        return latencies;
    }

    /** Returns false after an interrupt. */
    private boolean pause() {
        try {
            // Simulates the latency of a disk; it is not a wait for a condition.
            Thread.sleep(ThreadLocalRandom.current().nextInt(2 * delay));
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    private Histogram unmapping(Machine machine, AddressSpace space, Contender contender) {
        Histogram latencies = WorkerThreads.newHistogram();
        long own = Ground.own(OWN - 1);
        long length = PIECE_PAGES * Ground.PAGE;
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            long end = System.nanoTime() + (long) (seconds * 1e9);
            while (System.nanoTime() < end) {
                Ground.done(contender.mmap(own, length, READ | WRITE, Ground.HERE, null));
                for (int i = 0; i < PIECE_PAGES; i++) {
                    if (contender.fault(cpu, own + i * Ground.PAGE, WRITE) != Fault.NONE) {
                        throw new IllegalStateException("a page could not be written");
                    }
                }
                long before = System.nanoTime();
                Ground.done(contender.munmap(own, length));
                latencies.recordValue(System.nanoTime() - before);
            }
        }
        return latencies;
    }

    /** A file whose pages arrive after a delay. */
    private final class SlowFile extends CachedBacking {
        private final PageCache cache;

        SlowFile(int number, PageCache cache) {
            super("/disk" + number, cache);
            this.cache = cache;
        }

        @Override
        protected boolean read(long page, int frame, FrameStore store) {
            if (!pause()) {
                return false;
            }
            store.put(frame, 0, Long.BYTES, page);
            return true;
        }

        void evict() {
            cache.remove(0, FILE_PAGES);
        }
    }

    /** A thread that reads page after page. */
    private final class PageReader extends Thread {
        private final Machine machine;
        private final AddressSpace space;
        private final Contender contender;
        private final SlowFile disk;
        private final long start;
        private final AtomicLong done = new AtomicLong();
        private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
        private volatile boolean over;

        PageReader(Machine machine, AddressSpace space, Contender contender, int number) {
            super("reader-" + number);
            this.machine = machine;
            this.space = space;
            this.contender = contender;
            long bytes = FILE_PAGES * Ground.PAGE;
            disk = new SlowFile(number, machine.newPageCache(Geometry.LINUX_X86_64, bytes));
            start = Ground.own(OWN + number);
            Ground.done(contender.mmap(start, bytes, READ, SHARED | FIXED, disk));
        }

        @Override
        public void run() {
            try (Cpu cpu = machine.claimCpu()) {
                cpu.switchTo(space);
                for (int page = 0; !over; page = (page + 1) % FILE_PAGES) {
                    if (page % KEPT_PAGES == 0) {
                        disk.evict();
                    }
                    int result = contender.fault(cpu, start + page * Ground.PAGE, READ);
                    if (result != Fault.NONE) {
                        throw new IllegalStateException("a fault ended as " + Fault.toString(result));
                    }
                    done.getAndIncrement();
                }
                disk.evict();
            } catch (Throwable thrown) {
                failure.set(thrown);
            }
        }

        void awaitFirst() {
            while (done.get() == 0 && failure.get() == null) {
                Thread.onSpinWait();
            }
        }

        void end() throws InterruptedException {
            join();
            Throwable thrown = failure.get();
            if (thrown != null) {
                throw new IllegalStateException("a thread that faults has failed", thrown);
            }
        }
    }
}
