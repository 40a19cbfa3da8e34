// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import dev.samara.core.LazyTlb;
import dev.samara.tool.storm.Storm;
import dev.samara.tool.storm.StormPlan;
import java.time.Duration;
import java.util.Locale;
import java.util.Set;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** The options of a storm. */
final class StormOptions {
    @Option(
            names = "--seconds",
            paramLabel = "N",
            defaultValue = "10",
            description = "The duration. Default: 10. Up to 120 s longer, until each rule has been checked.")
    private int seconds;

    @Option(names = "--cpus", paramLabel = "N", defaultValue = "4", description = "The number of CPUs. Default: 4.")
    private int cpus;

    @Option(
            names = "--seed",
            paramLabel = "S",
            description = "The seed of the threads' choices. Default: another one each time.")
    private long seed = System.nanoTime();

    @Option(names = "--check", description = "Let the machine check each access as well, which is slower.")
    private boolean checked;

    @Option(
            names = "--lazy",
            paramLabel = "STRATEGY",
            defaultValue = "SHOOTDOWN",
            description = "What CPUs in LAZY keep of their space: ${COMPLETION-CANDIDATES}. Default: SHOOTDOWN.")
    private LazyTlb lazy;

    @Option(
            names = "--keep-going",
            description = "Continue after a violation. Without this option the first one ends the run.")
    private boolean keepsGoing;

    @Option(names = "--stop-cpus", description = "Stop a CPU in GUEST for ten seconds from time to time.")
    private boolean stopsCpu;

    @Option(
            names = "--flat",
            description =
                    "Compare the machine's resources after a fifth of the time, at most two minutes, and at the end:"
                            + " the heap may grow by 5 %%, and counts must be equal. Implies --stop-cpus.")
    private boolean isFlat;

    @Option(
            names = "--only",
            split = ",",
            paramLabel = "GROUP",
            description = "Run only these groups of threads: pages, early-reuse, notices, closes, lends, chains,"
                    + " files, guest-calls.")
    private Set<String> groups = Set.of();

    @Option(
            names = "--patience",
            paramLabel = "N",
            defaultValue = "60",
            description =
                    "Seconds without progress of a thread after which the run ends, with all stacks and the wait of"
                            + " each thread. Default: 60. Time in which a CPU is stopped does not count.")
    private int patience;

    StormOptions() {}

    /** Returns the duration, without the time by which the storm is extended until each rule has been checked. */
    int seconds() {
        return seconds;
    }

    int cpus() {
        return cpus;
    }

    long seed() {
        return seed;
    }

    /** Creates a storm, without starting it. */
    Storm storm(CommandSpec spec) {
        if (seconds <= 0 || cpus <= 0 || patience <= 0) {
            throw new ParameterException(spec.commandLine(), "--seconds, --cpus and --patience must be positive");
        }
        StormPlan plan = new StormPlan(
                seconds,
                cpus,
                seed,
                checked,
                lazy,
                keepsGoing,
                stopsCpu || isFlat,
                isFlat,
                groups,
                Duration.ofSeconds(patience));
        try {
            return new Storm(plan);
        } catch (IllegalArgumentException wrong) {
            throw new ParameterException(spec.commandLine(), String.valueOf(wrong.getMessage()), wrong);
        }
    }

    /** Returns a line with the options that make the threads choose in the same way again. */
    String title() {
        return String.format(Locale.ROOT, "storm of %d s, %d CPUs, --seed %d", seconds, cpus, seed);
    }
}
