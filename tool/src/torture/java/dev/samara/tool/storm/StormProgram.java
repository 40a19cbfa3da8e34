// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import dev.samara.core.LazyTlb;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Runs a storm, or each kind of storm in turn, as a command line says. */
@Command(
        name = "storm",
        description = "Runs CPUs against concurrent map changes and checks every access.",
        mixinStandardHelpOptions = true)
public final class StormProgram implements Callable<Integer> {
    /** The minimum number of seconds of each storm of {@code --all}. */
    private static final int SHORTEST = 5;

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
            description = "The seed of the threads' choices. Default: the number in the property torture.seed, or"
                    + " another one each time.")
    private long seed = Long.getLong("torture.seed", System.nanoTime());

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
            arity = "0..1",
            fallbackValue = "true",
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

    @Option(
            names = "--all",
            description = "Run a storm with --check for each strategy, a flat storm, and a storm of each group, in"
                    + " --seconds together. If they would be shorter than " + SHORTEST
                    + " s, the seed selects some of them.")
    private boolean isEach;

    @Option(
            names = "--percent",
            paramLabel = "N",
            defaultValue = "100",
            description = "The share of --seconds that --all takes. Default: 100.")
    private int percent;

    @Spec
    private CommandSpec spec;

    private StormProgram() {}

    /**
     * Runs the storms, and exits the JVM: with status 1 if a rule was broken or never checked.
     *
     * @param arguments the command line
     */
    public static void main(String[] arguments) {
        System.exit(commandLine().execute(arguments));
    }

    static CommandLine commandLine() {
        return new CommandLine(new StormProgram());
    }

    @Override
    public Integer call() throws InterruptedException {
        if (seconds <= 0 || cpus <= 0 || patience <= 0) {
            throw new ParameterException(spec.commandLine(), "--seconds, --cpus and --patience must be positive");
        }
        int failed = 0;
        for (StormPlan plan : isEach ? some() : List.of(plan(seconds, checked, lazy, isFlat, groups))) {
            failed += run(plan);
        }
        return failed == 0 ? 0 : 1;
    }

    private StormPlan plan(int duration, boolean isChecked, LazyTlb strategy, boolean flat, Set<String> named) {
        return new StormPlan(
                duration,
                cpus,
                seed,
                isChecked,
                strategy,
                keepsGoing,
                stopsCpu || flat,
                flat,
                named,
                Duration.ofSeconds(patience));
    }

    /** Returns the storms of {@code --all} for which there is time, and one at least. */
    private List<StormPlan> some() {
        int time = seconds * percent / 100;
        int kinds = LazyTlb.values().length + 1 + Storm.GROUPS.size();
        int duration = Math.max(SHORTEST, time / kinds);
        List<StormPlan> all = new ArrayList<>();
        for (LazyTlb strategy : LazyTlb.values()) {
            all.add(plan(duration, true, strategy, false, Set.of()));
        }
        all.add(plan(duration, checked, lazy, true, Set.of()));
        Storm.GROUPS.forEach(group -> all.add(plan(duration, checked, lazy, false, Set.of(group))));
        Collections.rotate(all, Math.floorMod(seed, kinds));
        return all.subList(0, Math.max(1, Math.min(kinds, time / duration)));
    }

    private int run(StormPlan plan) throws InterruptedException {
        PrintWriter out = spec.commandLine().getOut();
        out.printf(Locale.ROOT, "storm of %s%n", plan);
        out.flush();
        Storm storm;
        try {
            storm = new Storm(plan);
        } catch (IllegalArgumentException wrong) {
            throw new ParameterException(spec.commandLine(), String.valueOf(wrong.getMessage()), wrong);
        }
        StormVerdict verdict = storm.run();
        Storm.Counts counts = storm.counts();
        out.printf(
                Locale.ROOT,
                "%,d accesses, %,d beside a change of their page; %,d changes, %,d shootdowns of %,d CPUs%n",
                counts.accesses(),
                counts.overlaps(),
                counts.changes(),
                counts.shootdowns(),
                counts.targets());
        verdict.lines().forEach(out::println);
        out.printf(Locale.ROOT, "%d passed, %d failed%n", verdict.passed(), verdict.failed());
        out.flush();
        return verdict.failed();
    }
}
