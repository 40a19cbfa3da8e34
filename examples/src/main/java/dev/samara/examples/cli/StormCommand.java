// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.cli;

import dev.samara.core.LazyTlb;
import dev.samara.examples.storm.Storm;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code samara storm}. */
@Command(
        name = "storm",
        description = "Runs CPUs against concurrent map changes and checks every access.",
        mixinStandardHelpOptions = true,
        versionProvider = JarVersion.class)
final class StormCommand implements Callable<Integer> {
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
                    + " guest-calls.")
    private Set<String> groups = Set.of();

    @Option(
            names = "--patience",
            paramLabel = "N",
            defaultValue = "60",
            description =
                    "Seconds without progress of a thread after which the run ends, with all stacks and the wait of"
                            + " each thread. Default: 60. Time in which a CPU is stopped does not count.")
    private int patience;

    @Spec
    private CommandSpec spec;

    StormCommand() {}

    @Override
    public Integer call() throws InterruptedException {
        if (seconds <= 0 || cpus <= 0 || patience <= 0) {
            throw new ParameterException(spec.commandLine(), "--seconds, --cpus and --patience must be positive");
        }
        PrintWriter out = spec.commandLine().getOut();
        out.printf(Locale.ROOT, "storm of %d s, %d CPUs, --seed %d%n", seconds, cpus, seed);
        out.flush();
        Storm storm = storm();
        boolean isTerminal = Ansi.AUTO.enabled();
        Storm.Verdict verdict = storm.run(counts -> {
            if (isTerminal) {
                out.print(PlainOutput.ERASE_LINE + line(counts));
                out.flush();
            }
        });
        out.println((isTerminal ? PlainOutput.ERASE_LINE : "") + line(storm.counts()));
        verdict.lines().forEach(out::println);
        out.printf(Locale.ROOT, "%d passed, %d failed%n", verdict.passed(), verdict.failed());
        out.flush();
        return verdict.failed() == 0 ? CheckRun.EQUAL : CheckRun.DIFFERENT;
    }

    private Storm storm() {
        Storm.Plan plan = new Storm.Plan(
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

    private static String line(Storm.Counts counts) {
        return String.format(
                Locale.ROOT,
                "%,d accesses, %,d beside a change of their page; %,d changes, %,d shootdowns of %,d CPUs",
                counts.accesses(),
                counts.overlaps(),
                counts.changes(),
                counts.shootdowns(),
                counts.targets());
    }
}
