// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import static dev.samara.core.mman.Protection.READ;
import static dev.samara.core.mman.Protection.WRITE;

import dev.samara.bench.report.Arguments;
import dev.samara.bench.report.Figures;
import dev.samara.core.AddressSpace;
import dev.samara.core.vma.Vma;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;

/**
 * Scans of all mappings concurrently with a thread that unmaps and maps pages (paulmckrcu/proc-mmap_sem-test). The
 * report contains the time of each {@code mmap} and {@code munmap} of one page in 128 MiB, concurrently with two
 * scanners. It fails if a scan ever shows an impossible layout.
 *
 * <p>{@code java -jar bench/target/samara-bench.jar maps-scan --samples 5 --seconds 2 --json FILE}. Every scan is
 * checked: its ranges must ascend and not overlap, and ranges that no thread changes must be whole. In the 128 MiB,
 * only the page that the writer is changing at that time may be missing.
 */
public final class MapsScanReport {
    private static final long START = Ground.own(0);
    private static final int PAGES = 128 << 20 >> 12;
    private static final long END = START + PAGES * Ground.PAGE;

    private final int vmas;
    private final int samples;
    private final double seconds;
    private final int scanners;
    private final Figures figures;

    private MapsScanReport(String[] words) {
        Arguments arguments = new Arguments(words);
        vmas = arguments.count("--vmas", 1, 1000);
        samples = arguments.count("--samples", 1, 5);
        seconds = arguments.number("--seconds", 2);
        scanners = arguments.count("--scanners", 1, 2);
        String json = arguments.text("--json", "");
        arguments.check();
        figures = new Figures(MapsScanReport.class, words, json);
    }

    /**
     * Measures and prints.
     *
     * @param arguments the options in the class comment, and also {@code --vmas} and {@code --scanners}
     * @throws InterruptedException if the program is interrupted
     */
    public static void main(String[] arguments) throws InterruptedException {
        MapsScanReport program = new MapsScanReport(arguments);
        program.run();
        program.figures.write();
    }

    private void run() throws InterruptedException {
        List<ContenderRun> courses = new ArrayList<>();
        for (String name : Contenders.NAMES) {
            AddressSpace space = Ground.prepare(vmas);
            courses.add(new ContenderRun(name, space, Contenders.named(name, space, null)));
        }
        for (ContenderRun course : courses) {
            course.sample();
        }
        courses.forEach(ContenderRun::forget);
        for (int i = 0; i < samples; i++) {
            for (ContenderRun course : courses) {
                course.sample();
            }
        }
        Figures.line(
                "%-17s %-7s %11s %9s %9s %9s %12s %15s %11s",
                "contender",
                "call",
                "count",
                "median us",
                "mean us",
                "max us",
                "max/median",
                "scans per second",
                "with a hole");
        for (ContenderRun course : courses) {
            course.space.validate();
            course.print("mmap", course.maps);
            course.print("munmap", course.unmaps);
        }
        Figures.line(
                "%d samples of %.1f s, %d scanners, every scan checked: no false gap, no tear",
                samples, seconds, scanners);
    }

    /** One contender. */
    private final class ContenderRun {
        private final String name;
        private final AddressSpace space;
        private final Contender contender;
        private final Histogram maps = WorkerThreads.newHistogram();
        private final Histogram unmaps = WorkerThreads.newHistogram();
        private final SplittableRandom random = new SplittableRandom(42);
        private long scans;
        private long holes;

        ContenderRun(String name, AddressSpace space, Contender contender) {
            this.name = name;
            this.space = space;
            this.contender = contender;
            Ground.done(contender.mmap(START, END - START, READ | WRITE, Ground.HERE, null));
        }

        void forget() {
            maps.reset();
            unmaps.reset();
            scans = 0;
            holes = 0;
        }

        void sample() throws InterruptedException {
            Turn turn = new Turn();
            List<Scanner> threads = new ArrayList<>();
            for (int i = 0; i < scanners; i++) {
                threads.add(new Scanner(contender, turn, vmas));
            }
            threads.forEach(Thread::start);
            try {
                write(turn);
            } finally {
                turn.isOver = true;
            }
            for (Scanner thread : threads) {
                thread.join();
                Throwable thrown = thread.failure.get();
                if (thrown != null) {
                    throw new IllegalStateException(name + ": a scan was wrong", thrown);
                }
                scans += thread.scans;
                holes += thread.holes;
            }
        }

        private void write(Turn turn) {
            long until = System.nanoTime() + (long) (seconds * TimeUnit.SECONDS.toNanos(1));
            while (System.nanoTime() < until) {
                int page = random.nextInt(PAGES);
                turn.begin(page);
                long before = System.nanoTime();
                Ground.done(contender.munmap(START + page * Ground.PAGE, Ground.PAGE));
                long between = System.nanoTime();
                Ground.done(contender.mmap(START + page * Ground.PAGE, Ground.PAGE, READ | WRITE, Ground.HERE, null));
                long after = System.nanoTime();
                turn.end();
                unmaps.recordValue(between - before);
                maps.recordValue(after - between);
            }
        }

        void print(String call, Histogram times) {
            double median = times.getValueAtPercentile(50) / 1e3;
            double mean = times.getMean() / 1e3;
            double max = times.getMaxValue() / 1e3;
            double perSecond = scans / (samples * seconds);
            Figures.line(
                    "%-17s %-7s %11d %9.2f %9.2f %9.1f %12.1f %15.0f %11d",
                    name, call, times.getTotalCount(), median, mean, max, max / median, perSecond, holes);
            figures.row(
                    "contender",
                    name,
                    "call",
                    call,
                    "count",
                    times.getTotalCount(),
                    "median_us",
                    median,
                    "mean_us",
                    mean,
                    "max_us",
                    max,
                    "p99_9_us",
                    times.getValueAtPercentile(99.9) / 1e3,
                    "scans_per_second",
                    perSecond,
                    "scans_with_a_hole",
                    holes);
        }
    }

    /** The writer's position: the page of the current turn, or nothing between turns. */
    private static final class Turn {
        private static final long NOTHING = -1;

        private volatile long page = NOTHING;

        /**
         * Counts starts and ends of turns. If a reader reads the same value twice, no turn started or ended between the
         * reads.
         */
        private volatile long count;

        private volatile boolean isOver;

        /** The writer's own copy of {@code count}. */
        private long changes;

        void begin(int number) {
            page = number;
            count = ++changes;
        }

        void end() {
            page = NOTHING;
            count = ++changes;
        }
    }

    /** A thread that scans and checks. */
    private static final class Scanner extends Thread {
        private final Contender contender;
        private final Turn turn;
        private final int others;
        private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
        private long scans;

        /** The number of scans that showed the page missing. It proves that the check is not vacuous. */
        private long holes;

        Scanner(Contender contender, Turn turn, int others) {
            this.contender = contender;
            this.turn = turn;
            this.others = others;
        }

        @Override
        public void run() {
            try {
                while (!turn.isOver) {
                    long before = turn.count;
                    long page = turn.page;
                    List<Vma> vmas = contender.scan();
                    long missing = missing(vmas);
                    // If the count did not change, the writer stayed within one turn or between two turns during the
                    // scan.
                    if (turn.count == before && missing != Turn.NOTHING && missing != page) {
                        throw new AssertionError("page " + missing + " was missing, and the writer was at " + page);
                    }
                    scans++;
                    if (missing != Turn.NOTHING) {
                        holes++;
                    }
                }
            } catch (Throwable thrown) {
                failure.set(thrown);
            }
        }

        /** Checks a scan, and returns the only missing page in the range, or NOTHING. */
        private long missing(List<Vma> vmas) {
            long missing = Turn.NOTHING;
            long last = 0;
            long expected = START;
            int outside = 0;
            for (Vma vma : vmas) {
                if (vma.start() < last || vma.end() <= vma.start()) {
                    throw new AssertionError(vma + " overlaps what ends at " + Long.toHexString(last));
                }
                last = vma.end();
                if (vma.start() < START || vma.start() >= END) {
                    outside += vma.length() == Ground.LENGTH ? 1 : 0;
                    continue;
                }
                if (vma.start() != expected) {
                    missing = onePage(missing, expected, vma.start());
                }
                expected = vma.end();
            }
            if (expected != END) {
                missing = onePage(missing, expected, END);
            }
            if (outside != others) {
                throw new AssertionError(outside + " of " + others + " mappings that no thread touches");
            }
            return missing;
        }

        private static long onePage(long already, long from, long to) {
            if (already != Turn.NOTHING || to - from != Ground.PAGE) {
                throw new AssertionError("missing from " + Long.toHexString(from) + " to " + Long.toHexString(to)
                        + (already == Turn.NOTHING ? "" : ", and page " + already));
            }
            return (from - START) / Ground.PAGE;
        }
    }
}
