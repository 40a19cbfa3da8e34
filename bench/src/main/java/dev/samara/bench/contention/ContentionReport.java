// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import static dev.samara.core.mman.Mman.FIXED;
import static dev.samara.core.mman.Mman.PRIVATE;
import static dev.samara.core.mman.Mman.READ;

import dev.samara.bench.report.Arguments;
import dev.samara.bench.report.Figures;
import dev.samara.core.AddressSpace;
import dev.samara.core.vma.Backing;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/**
 * The throughput and latency percentiles of lookups and small operations, by contender, number of threads
 * and neighbour, all in one run.
 *
 * <p>{@code java -jar bench/target/samara-bench.jar contention --seconds 2 --rounds 3 --threads 1,2,4 --what
 * lookup,operation --between 1000 --json FILE}: {@code --between} is the number of mappings between the ranges of the
 * first two threads. Contenders take turns within a round, so that other load on the machine affects all of them; a
 * figure is the median over the rounds. All contenders run in one process, so each call is a call of an interface with
 * four implementations.
 *
 * <p>Read a figure of readers together with the figure of their neighbour: readers that starve a writer are fast.
 */
public final class ContentionReport {
    private final int vmas;
    private final double seconds;
    private final int rounds;
    private final int pauseMillis;
    private final int[] threads;
    private final List<String> besides;
    private final List<String> activities;
    private final Figures figures;
    private final Map<String, AddressSpace> spaces = new HashMap<>();
    private final Map<String, Contender> contenders = new HashMap<>();
    private final Map<ContentionCell, Medians> cells = new HashMap<>();

    private ContentionReport(String[] words) {
        Arguments arguments = new Arguments(words);
        vmas = arguments.count("--vmas", 1, 1000);
        seconds = arguments.number("--seconds", 2);
        rounds = arguments.count("--rounds", 1, 3);
        pauseMillis = arguments.count("--pause", 0, (int) Neighbour.PAUSE_MILLIS);
        threads = arguments.counts("--threads", "1,2,4");
        besides = arguments.list("--beside", Beside.NAMES, Beside.NAMES);
        activities = arguments.list("--what", Activity.NAMES, Activity.NAMES);
        int between = arguments.count("--between", 0, 0);
        String json = arguments.text("--json", "");
        arguments.check();
        figures = new Figures(ContentionReport.class, words, json);
        for (String name : Contender.NAMES) {
            AddressSpace space = Ground.prepare(vmas);
            Ground.fillBetween(space, between);
            spaces.put(name, space);
            contenders.put(name, Contender.named(name, space));
        }
    }

    private record ContentionCell(String beside, Activity activity, int threads, String contender) {}

    /** One round of one cell: the outcome, and how many rounds per second the neighbour completed concurrently. */
    private record Measured(WorkerThreads.LoadOutcome outcome, double neighbour) {}

    /** The medians of one cell over the rounds. */
    private record Medians(
            double perSecond,
            double leastPerSecond,
            double mostPerSecond,
            double p50,
            double p99,
            double p999,
            double fixed999,
            double longest,
            double processors,
            double neighbour) {
        static Medians of(List<Measured> measured) {
            List<WorkerThreads.LoadOutcome> outcomes =
                    measured.stream().map(Measured::outcome).toList();
            return new Medians(
                    median(outcomes, WorkerThreads.LoadOutcome::perSecond),
                    outcomes.stream()
                            .mapToDouble(WorkerThreads.LoadOutcome::perSecond)
                            .min()
                            .orElse(Double.NaN),
                    outcomes.stream()
                            .mapToDouble(WorkerThreads.LoadOutcome::perSecond)
                            .max()
                            .orElse(Double.NaN),
                    median(outcomes, outcome -> outcome.percentile(50)),
                    median(outcomes, outcome -> outcome.percentile(99)),
                    median(outcomes, outcome -> outcome.percentile(99.9)),
                    median(outcomes, outcome -> outcome.percentileAtFixedTimes(99.9)),
                    median(outcomes, WorkerThreads.LoadOutcome::longestMicros),
                    median(outcomes, WorkerThreads.LoadOutcome::processors),
                    Figures.median(
                            measured.stream().mapToDouble(Measured::neighbour).toArray()));
        }

        private static double median(
                List<WorkerThreads.LoadOutcome> outcomes, ToDoubleFunction<WorkerThreads.LoadOutcome> figure) {
            return Figures.median(outcomes.stream().mapToDouble(figure).toArray());
        }
    }

    /**
     * Measures and prints.
     *
     * @param arguments the options in the class comment, and also {@code --vmas} and {@code --beside}
     * @throws InterruptedException if the program is interrupted
     */
    public static void main(String[] arguments) throws InterruptedException {
        new ContentionReport(arguments).run();
    }

    private void run() throws InterruptedException {
        warmUp();
        Figures.line(
                "%-11s %-10s %2s  %-17s %14s %9s %9s %10s %12s %11s %4s %12s",
                "beside",
                "what",
                "t",
                "contender",
                "per second",
                "p50 ns",
                "p99 ns",
                "p99.9 ns",
                "fixed p99.9",
                "longest us",
                "cpus",
                "neighbour /s");
        for (String beside : besides) {
            for (Activity activity : Activity.values()) {
                if (!activities.contains(activity.toString())) {
                    continue;
                }
                for (int count : threads) {
                    measure(beside, activity, count);
                }
            }
        }
        spaces.values().forEach(AddressSpace::validate);
        Figures.line(
                "%nns: nanoseconds of a batch, by its contents. fixed: as seen by a caller that asks at fixed times.");
        Figures.line("longest: a whole batch. cpus: on how many the measured threads ran; where samara's lookups have"
                + " fewer than there%nare threads, the machine was busy. neighbour: how often it has mapped and"
                + " unmapped.%n");
        goals();
        figures.write();
    }

    private void warmUp() throws InterruptedException {
        for (int i = 0; i < 2; i++) {
            for (String name : Contender.NAMES) {
                Contender contender = contender(name);
                for (Activity activity : Activity.values()) {
                    load(Beside.WRITER, contender, activity, 1, seconds / 4);
                }
            }
        }
    }

    private Measured load(Beside beside, Contender contender, Activity activity, int count, double time)
            throws InterruptedException {
        Neighbour neighbour = new Neighbour(beside, contender, pauseMillis);
        WorkerThreads.LoadOutcome outcome = WorkerThreads.run(contender, activity, vmas, count, time);
        return new Measured(outcome, neighbour.stop());
    }

    private Contender contender(String name) {
        Contender contender = contenders.get(name);
        if (contender == null) {
            throw new IllegalArgumentException("no contender is called " + name);
        }
        return contender;
    }

    private void measure(String beside, Activity activity, int count) throws InterruptedException {
        Map<String, List<Measured>> outcomes = new HashMap<>();
        for (int round = 0; round < rounds; round++) {
            for (String name : Contender.NAMES) {
                Contender contender = contender(name);
                outcomes.computeIfAbsent(name, unused -> new ArrayList<>())
                        .add(load(Beside.named(beside), contender, activity, count, seconds));
            }
        }
        for (String name : Contender.NAMES) {
            Medians medians = Medians.of(outcomes.getOrDefault(name, List.of()));
            cells.put(new ContentionCell(beside, activity, count, name), medians);
            Figures.line(
                    "%-11s %-10s %2d  %-17s %14.0f %9.1f %9.1f %10.1f %12.1f %11.1f %4.2f %12.0f",
                    beside,
                    activity,
                    count,
                    name,
                    medians.perSecond,
                    medians.p50,
                    medians.p99,
                    medians.p999,
                    medians.fixed999,
                    medians.longest,
                    medians.processors,
                    medians.neighbour);
            figures.row(
                    "beside",
                    beside,
                    "what",
                    activity,
                    "threads",
                    count,
                    "contender",
                    name,
                    "per_second",
                    medians.perSecond,
                    "least_per_second",
                    medians.leastPerSecond,
                    "most_per_second",
                    medians.mostPerSecond,
                    "p50_ns",
                    medians.p50,
                    "p99_ns",
                    medians.p99,
                    "p99_9_ns",
                    medians.p999,
                    "p99_9_at_fixed_times_ns",
                    medians.fixed999,
                    "longest_batch_us",
                    medians.longest,
                    "processors",
                    medians.processors,
                    "neighbour_per_second",
                    medians.neighbour);
        }
    }

    private void goals() {
        for (int number : threads) {
            for (String beside : besides) {
                goal(beside, number, Contender.WHOLE, "5");
                goal(beside, number, Contender.DOWNGRADE, "2");
            }
        }
    }

    private void goal(String beside, int number, String rival, String factor) {
        Medians samara = cells.get(new ContentionCell(beside, Activity.LOOK_UP, number, Contender.SAMARA));
        Medians other = cells.get(new ContentionCell(beside, Activity.LOOK_UP, number, rival));
        if (samara == null || other == null) {
            return;
        }
        String where = ", " + number + " threads, beside " + beside + ": samara / " + rival;
        boolean isGoal = !beside.equals("nobody");
        figures.goal("lookups per second" + where, samara.perSecond / other.perSecond, isGoal ? ">= " + factor : "-");
        if (rival.equals(Contender.WHOLE)) {
            figures.goal("lookup p99.9" + where, samara.p999 / other.p999, isGoal ? "<= 0.1" : "-");
            figures.goal("lookup p99.9 fixed" + where, samara.fixed999 / other.fixed999, "-");
        }
    }

    /**
     * The thread that runs concurrently with the measured threads, until it is stopped. If it maps, it uses its own
     * range.
     */
    static final class Neighbour {
        /** A range that no measured thread uses. */
        private static final long RANGE = Ground.own(1000);

        private static final long CLOSE_MILLIS = 100;

        /**
         * The default pause after a slow close. It is as long as a close, so a close is in progress half of the time.
         */
        static final long PAUSE_MILLIS = CLOSE_MILLIS;

        private final Contender contender;
        private final long pauseMillis;
        private final long started = System.nanoTime();
        private final @Nullable Thread thread;
        private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
        private volatile boolean over;

        /** The last snapshot, stored so that the compiler cannot remove the call. */
        @SuppressWarnings("UnusedVariable") // written only
        private volatile @Nullable Object last;

        /** The number of rounds: each maps and unmaps once, or takes one snapshot. Read after the thread ended. */
        private long rounds;

        /**
         * Starts the thread.
         *
         * @param pauseMillis the pause after each slow close
         */
        Neighbour(Beside beside, Contender contender, long pauseMillis) {
            this.contender = contender;
            this.pauseMillis = pauseMillis;
            thread = switch (beside) {
                case NOBODY -> null;
                case WRITER -> new Thread(() -> run(this::mapAndUnmap), "writer");
                case SNAPSHOTS -> new Thread(() -> run(this::takeSnapshots), "snapshots");
                case SLOW_CLOSE -> new Thread(() -> run(this::closeSlowly), "slow-close");
            };
            if (thread != null) {
                thread.setDaemon(true);
                thread.start();
            }
        }

        /** Work that may be interrupted. */
        private interface Work {
            void run() throws InterruptedException;
        }

        private void run(Work work) {
            try {
                work.run();
            } catch (Throwable thrown) {
                failure.set(thrown);
            }
        }

        private void mapAndUnmap() {
            while (!over) {
                Ground.done(contender.mmap(RANGE, Ground.LENGTH, READ, Ground.HERE, null));
                Ground.done(contender.munmap(RANGE, Ground.LENGTH));
                rounds++;
            }
        }

        private void takeSnapshots() {
            while (!over) {
                last = contender.snapshot();
                rounds++;
            }
        }

        /**
         * Unmaps files whose close is slow. The next round waits for the close even if {@code munmap} does not, so that
         * all contenders make the same number of closes.
         */
        private void closeSlowly() throws InterruptedException {
            Semaphore closed = new Semaphore(0);
            while (!over) {
                Backing file = contender.open(() -> {
                    sleep(CLOSE_MILLIS);
                    closed.release();
                });
                Ground.done(contender.mmap(RANGE, Ground.LENGTH, READ, PRIVATE | FIXED, file));
                Ground.done(contender.munmap(RANGE, Ground.LENGTH));
                closed.acquire();
                rounds++;
                sleep(pauseMillis);
            }
        }

        private static void sleep(long millis) {
            try {
                // Simulates a slow close, or the time between two closes; it is not a wait for a condition.
                Thread.sleep(millis);
            } catch (InterruptedException e) {
                throw new IllegalStateException("interrupted, which nothing here does", e);
            }
        }

        /** Ends the thread, and returns the number of its rounds per second. */
        double stop() throws InterruptedException {
            over = true;
            if (thread != null) {
                thread.join();
            }
            Throwable thrown = failure.get();
            if (thrown != null) {
                throw new IllegalStateException("the thread beside has failed", thrown);
            }
            return rounds * 1e9 / (System.nanoTime() - started);
        }
    }

    /** The thread that runs concurrently with the measured threads, called their neighbour. */
    enum Beside {
        /** No neighbour. */
        NOBODY("nobody"),
        /** A thread that maps and unmaps without pause. */
        WRITER("writer"),
        /** A thread that takes snapshots without pause. */
        SNAPSHOTS("snapshots"),
        /** A thread that repeatedly unmaps a file whose close takes 100 ms. */
        SLOW_CLOSE("slow-close");

        static final List<String> NAMES =
                Arrays.stream(values()).map(Beside::toString).toList();

        private final String text;

        Beside(String text) {
            this.text = text;
        }

        static Beside named(String text) {
            for (Beside beside : values()) {
                if (beside.text.equals(text)) {
                    return beside;
                }
            }
            throw new IllegalArgumentException("no disturbance is called " + text);
        }

        @Override
        public String toString() {
            return text;
        }
    }
}
