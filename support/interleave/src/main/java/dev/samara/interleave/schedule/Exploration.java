// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.util.Locale;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Runs a scenario with the schedules of a strategy until a run fails. Then shortens the schedule of the failure:
 * removes choices as long as a run with the remaining ones fails in the same way.
 */
public final class Exploration {
    private final Supplier<Scenario> scenarios;
    private final Limits limits;

    public Exploration(Supplier<Scenario> scenarios) {
        this(scenarios, Limits.DEFAULT);
    }

    /**
     * Creates an exploration.
     *
     * @param scenarios creates a new scenario for each run
     */
    public Exploration(Supplier<Scenario> scenarios, Limits limits) {
        this.scenarios = scenarios;
        this.limits = limits;
    }

    /**
     * The result of an exploration.
     *
     * @param runs the number of runs
     * @param repetitions the number of runs that were abandoned because they would have repeated others
     * @param steps the total number of steps of all runs
     * @param nanos the time that the runs took, in nanoseconds
     * @param isComplete whether all runs of the strategy were made
     * @param failure the failure, or null if no run failed
     */
    public record Result(
            int runs,
            int repetitions,
            long steps,
            long nanos,
            boolean isComplete,
            @Nullable Failure failure) {
        /** Returns the numbers in one line. */
        public String figures() {
            double seconds = nanos / 1e9;
            return String.format(
                    Locale.ROOT,
                    "%d runs%s, %d steps each, %.1f s, %.0f runs/s%s",
                    runs,
                    repetitions == 0 ? "" : " (" + repetitions + " left)",
                    steps / Math.max(1, runs),
                    seconds,
                    runs / seconds,
                    failure != null ? ", failed" : isComplete ? "" : ", not complete");
        }

        @Override
        public String toString() {
            return figures() + (failure == null ? "" : "\n" + failure);
        }
    }

    /**
     * A run that failed.
     *
     * @param finding the failure
     * @param schedule the shortest list of choices found that leads to the failure
     * @param turns the turns of the threads
     */
    public record Failure(Finding finding, Schedule schedule, String turns) {
        @Override
        public String toString() {
            return finding + "\nschedule: " + schedule + '\n' + turns;
        }
    }

    /**
     * Explores until a run fails, all runs of the strategy were made, or the deadline passes.
     *
     * @param most the maximum number of runs
     */
    public Result explore(Strategy strategy, int most, Deadline deadline) {
        long began = System.nanoTime();
        int runs = 0;
        int repetitions = 0;
        long steps = 0;
        // The first run initializes classes, so it may differ from later runs.
        Run first = run(Strategy.replay(Schedule.DEFAULT).begin(), false);
        Finding finding = first.finding();
        if (finding != null && finding.thrown() instanceof LinkageError) {
            // Only this run says why; later ones find a class that could not be initialized.
            Failure failure = new Failure(finding, Schedule.DEFAULT, "");
            return new Result(0, 0, first.steps(), System.nanoTime() - began, false, failure);
        }
        boolean goesOn = true;
        Run failed = null;
        while (goesOn && failed == null && runs < most && !deadline.isOver()) {
            Run run = run(strategy.begin(), false);
            runs++;
            steps += run.steps();
            repetitions += run.isRepetition() ? 1 : 0;
            if (run.finding() != null) {
                failed = run;
            } else {
                goesOn = strategy.advance();
            }
        }
        long nanos = System.nanoTime() - began;
        return new Result(runs, repetitions, steps, nanos, !goesOn, failed == null ? null : shrunk(failed));
    }

    /** Explores until a run fails, all runs of the strategy were made, or the maximum number of runs is reached. */
    public Result explore(Strategy strategy, int most) {
        return explore(strategy, most, Deadline.NEVER);
    }

    /** Runs one schedule, and records only its failure. */
    public @Nullable Finding run(Schedule schedule) {
        return run(Strategy.replay(schedule).begin(), false).finding();
    }

    /** Runs one schedule, and records its failure with the turns of the threads. */
    public @Nullable Failure replay(Schedule schedule) {
        Run run = run(Strategy.replay(schedule).begin(), true);
        Finding finding = run.finding();
        return finding == null
                ? null
                : new Failure(finding, run.trace().schedule(), run.trace().turns(3));
    }

    /** Runs one schedule, and returns its steps as text. */
    public java.util.List<String> steps(Schedule schedule) {
        return run(Strategy.replay(schedule).begin(), true).trace().steps();
    }

    /**
     * Runs one schedule, and returns the words that one thread writes and another one reads or writes. Each is given by
     * its name and the sites of its writes.
     */
    public java.util.List<String> sharedWords(Schedule schedule) {
        Run run = run(Strategy.replay(schedule).begin(), true);
        if (run.finding() != null) {
            throw new IllegalStateException(run.finding().toString());
        }
        return run.trace().sharedWords();
    }

    private Run run(Chooser chooser, boolean records) {
        Run run = new Run(scenarios.get(), chooser, limits, records);
        run.execute();
        return run;
    }

    private Failure shrunk(Run failed) {
        Finding finding = failed.finding();
        if (finding == null) {
            throw new IllegalArgumentException("no failure");
        }
        Schedule shortest = failed.trace().schedule();
        if (finding.kind() != Finding.Kind.NOT_DETERMINISTIC) {
            for (int i = shortest.choices().size() - 1; i >= 0; i--) {
                Schedule shorter =
                        shortest.without(Math.min(i, shortest.choices().size() - 1));
                Run run = run(Strategy.replay(shorter).begin(), false);
                Finding found = run.finding();
                if (found != null && found.isLike(finding)) {
                    // A run may use fewer choices than its schedule contains.
                    shortest = run.trace().schedule();
                    i = Math.min(i, shortest.choices().size());
                }
            }
        }
        Failure replayed = replay(shortest);
        if (replayed == null) {
            return new Failure(
                    finding, shortest, "  (another run with this schedule did not fail: not deterministic)\n");
        }
        return replayed;
    }
}
