// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.util.Locale;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Runs a scenario in the order of a strategy until a run fails. The schedule of a failure is then made shorter, by
 * leaving out choices as long as a run with the rest fails in that manner.
 */
public final class Exploration {
    private final Supplier<Scenario> scenarios;
    private final Limits limits;

    public Exploration(Supplier<Scenario> scenarios) {
        this(scenarios, Limits.DEFAULT);
    }

    /**
     * Makes an exploration with other limits than the default ones.
     *
     * @param scenarios makes the scenario anew for each run
     */
    public Exploration(Supplier<Scenario> scenarios, Limits limits) {
        this.scenarios = scenarios;
        this.limits = limits;
    }

    /**
     * The end of an exploration.
     *
     * @param runs the number of runs
     * @param repetitions the number of those that were left, because they would have repeated others
     * @param steps the number of steps of all runs
     * @param nanos the time that the runs took
     * @param isComplete whether the strategy has no run left
     * @param failure the failure, null if no run failed
     */
    public record Result(
            int runs,
            int repetitions,
            long steps,
            long nanos,
            boolean isComplete,
            @Nullable Failure failure) {
        /** Returns the numbers as one line. */
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
     * @param schedule the shortest list of choices that was found to lead to it
     * @param turns the turns of the threads
     */
    public record Failure(Finding finding, Schedule schedule, String turns) {
        @Override
        public String toString() {
            return finding + "\nschedule: " + schedule + '\n' + turns;
        }
    }

    /**
     * Explores until a run fails, the strategy ends, or the time is over.
     *
     * @param most the most runs
     */
    public Result explore(Strategy strategy, int most, Deadline deadline) {
        long began = System.nanoTime();
        int runs = 0;
        int repetitions = 0;
        long steps = 0;
        // The first run of a class initializes it, and may differ.
        run(Strategy.replay(Schedule.DEFAULT).begin(), false);
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

    /** Explores until a run fails, the strategy ends, or a number of runs is made. */
    public Result explore(Strategy strategy, int most) {
        return explore(strategy, most, Deadline.NEVER);
    }

    /** Runs one schedule, and records nothing but what has failed. */
    public @Nullable Finding run(Schedule schedule) {
        return run(Strategy.replay(schedule).begin(), false).finding();
    }

    /** Runs one schedule. */
    public @Nullable Failure replay(Schedule schedule) {
        Run run = run(Strategy.replay(schedule).begin(), true);
        Finding finding = run.finding();
        return finding == null
                ? null
                : new Failure(finding, run.trace().schedule(), run.trace().turns(3));
    }

    /** Returns the steps of the run of one schedule, as text. */
    public java.util.List<String> steps(Schedule schedule) {
        return run(Strategy.replay(schedule).begin(), true).trace().steps();
    }

    /** Returns the places of the writes of the run of one schedule, each as class, method and line. */
    public java.util.List<String> writes(Schedule schedule) {
        Run run = run(Strategy.replay(schedule).begin(), true);
        if (run.finding() != null) {
            throw new IllegalStateException(run.finding().toString());
        }
        return run.trace().writes();
    }

    /**
     * Returns the words that one thread writes and another one writes or reads in the run of one schedule, each by its
     * name and the places of its writes.
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
                    // A run may need fewer choices than it was given.
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
