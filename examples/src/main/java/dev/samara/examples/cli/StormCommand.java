// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.cli;

import dev.samara.examples.storm.Storm;
import java.io.PrintWriter;
import java.util.Locale;
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
        description = "Has CPUs access memory while others take it away, and judges what they meet.",
        mixinStandardHelpOptions = true,
        versionProvider = JarVersion.class)
final class StormCommand implements Callable<Integer> {
    @Option(names = "--seconds", paramLabel = "N", defaultValue = "10", description = "How long; 10 unless given.")
    private int seconds;

    @Option(names = "--cpus", paramLabel = "N", defaultValue = "4", description = "How many CPUs; 4 unless given.")
    private int cpus;

    @Option(names = "--seed", paramLabel = "S", description = "What the threads do; another each time unless given.")
    private long seed = System.nanoTime();

    @Option(names = "--check", description = "Have the machine judge each access itself, too; slower.")
    private boolean checked;

    @Spec
    private CommandSpec spec;

    StormCommand() {}

    @Override
    public Integer call() throws InterruptedException {
        if (seconds <= 0 || cpus <= 0) {
            throw new ParameterException(spec.commandLine(), "--seconds and --cpus must be positive");
        }
        PrintWriter out = spec.commandLine().getOut();
        out.printf(Locale.ROOT, "storm of %d s, %d CPUs, --seed %d%n", seconds, cpus, seed);
        Storm storm = new Storm(seconds, cpus, seed, checked);
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
