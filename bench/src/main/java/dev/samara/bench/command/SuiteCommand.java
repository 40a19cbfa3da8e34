// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.command;

import dev.samara.bench.CostTable;
import dev.samara.bench.ab.AbReport;
import dev.samara.bench.chart.ChartProgram;
import dev.samara.bench.chart.TableProgram;
import dev.samara.bench.report.Arguments;
import dev.samara.bench.report.UsageException;
import java.io.IOException;
import java.io.PrintStream;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The main class of {@code samara-bench.jar}: runs a program of the suite, a report, or JMH, with the given arguments.
 *
 * <p>The exit status is 0 for success, 1 for a failure, and 2 for invalid input.
 */
public final class SuiteCommand {
    /** The programs of the suite, apart from benchmarks and reports. */
    static final Map<String, String> PROGRAMS = new TreeMap<>(Map.of(
            "list", "all of these",
            "ab", "two versions in one JVM in turns: OLD.jar NEW.jar [--rows ROW,...] [--set NAME=VALUE,...]",
            "chart", "draws SVG of what quick or full has written: [--out DIRECTORY] DIRECTORY",
            "costs", "what the time of each call grows with, at two sizes: [--rounds N] [--only CALL]",
            "tables", "fills the tables of a project's documents from its raw files: PROJECT",
            "quick", "everything once, in under 15 minutes: [--out DIRECTORY] [--only FILE,...]",
            "full", "what docs/measurements has, in an hour: [--out DIRECTORY] [--only FILE,...]"));

    private static final String USAGE =
            "Usage: java -jar samara-bench.jar PROGRAM [OPTION VALUE]..., or JMH's arguments;"
                    + " PROGRAM --help lists its options, -h those of JMH";

    private static final String STATUS = "Exit codes: 0 success, 1 a failure, 2 invalid input";

    private SuiteCommand() {}

    /**
     * Runs a command line, and exits the JVM.
     *
     * @param words the command line
     * @throws IOException if a file cannot be read or written
     * @throws InterruptedException if the program is interrupted
     */
    public static void main(String[] words) throws IOException, InterruptedException {
        System.exit(run(words, System.out, System.err));
    }

    /**
     * Runs a command line.
     *
     * @param words the command line
     * @param out receives the output of the suite's own programs
     * @param err receives the description of an error in the command line
     * @return the exit status
     */
    static int run(String[] words, PrintStream out, PrintStream err) throws IOException, InterruptedException {
        try {
            return run(words, out);
        } catch (UsageException e) {
            err.println(e.getMessage());
            return 2;
        }
    }

    private static int run(String[] words, PrintStream out) throws IOException, InterruptedException {
        String name = words.length == 0 ? "" : words[0];
        List<String> others = Arrays.asList(words).subList(Math.min(1, words.length), words.length);
        if (name.equals(Arguments.HELP) || others.contains(Arguments.HELP)) {
            return help(name, out);
        }
        if (name.equals("--version")) {
            String version = SuiteCommand.class.getPackage().getImplementationVersion();
            out.println("samara-bench " + (version == null ? "(not run from its jar)" : version));
            return 0;
        }
        ReportCommand report = ReportCommand.named(name);
        if (report != null) {
            report.run(others);
            return 0;
        }
        switch (name) {
            case "list" -> {
                if (!others.isEmpty()) {
                    throw new UsageException("list takes nothing, not " + String.join(" ", others));
                }
                Catalogue.print(out);
            }
            case "ab" -> AbReport.main(others.toArray(String[]::new));
            case "costs" -> CostTable.main(others.toArray(String[]::new));
            case "chart" -> ChartProgram.run(others, out);
            case "tables" -> TableProgram.run(others, out);
            case "quick" -> {
                return MeasuringRun.run(Selection.Length.QUICK, others, out);
            }
            case "full" -> {
                return MeasuringRun.run(Selection.Length.FULL, others, out);
            }
            default -> {
                return JmhRun.run(words);
            }
        }
        return 0;
    }

    /** Prints all programs, or the purpose of one program and its options with their default values. */
    private static int help(String name, PrintStream out) throws IOException, InterruptedException {
        ReportCommand report = ReportCommand.named(name);
        String about = PROGRAMS.get(name);
        if (report != null) {
            out.println(name + ": " + report.about());
            try {
                report.run(List.of(Arguments.HELP));
            } catch (Arguments.HelpRequested options) {
                out.println(options.getMessage());
            }
        } else if (about != null) {
            out.println(name + ": " + about);
        } else if (name.equals(Arguments.HELP)) {
            out.println(USAGE);
            Catalogue.print(out);
        } else {
            throw new UsageException("there is no program " + name + "; list shows what there is, -h JMH's options");
        }
        out.println(STATUS);
        return 0;
    }
}
