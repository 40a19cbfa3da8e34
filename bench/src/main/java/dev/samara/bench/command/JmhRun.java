// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.command;

import dev.samara.bench.report.Figures;
import dev.samara.bench.report.UsageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.regex.PatternSyntaxException;
import org.openjdk.jmh.Main;
import org.openjdk.jmh.runner.BenchmarkListEntry;
import org.openjdk.jmh.runner.ProfilersFailedException;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.CommandLineOptionException;
import org.openjdk.jmh.runner.options.CommandLineOptions;

/**
 * A JMH command line. Its benchmarks and values are checked before the run: JMH would detect an invalid value only in
 * each fork, continue, and report success.
 */
final class JmhRun {
    private JmhRun() {}

    /**
     * Runs JMH.
     *
     * @return the exit status
     * @throws UsageException if a benchmark or a value in the command line does not exist
     */
    static int run(String[] words) throws IOException {
        CommandLineOptions options;
        try {
            options = new CommandLineOptions(words);
        } catch (CommandLineOptionException | IllegalStateException e) {
            throw new UsageException(e.getMessage() + " (-h shows JMH's options)");
        }
        if (options.shouldHelp()
                || options.shouldList()
                || options.shouldListWithParams()
                || options.shouldListProfilers()
                || options.shouldListResultFormats()) {
            Main.main(words);
            return 0;
        }
        check(options, words);
        try {
            new Runner(options).run();
            return 0;
        } catch (ProfilersFailedException e) {
            throw new UsageException("no such profiler: " + e.getMessage());
        } catch (RunnerException e) {
            System.err.println(e.getMessage());
            return 1;
        }
    }

    private static void check(CommandLineOptions options, String[] words) {
        Figures.requireDirectory(options.getResult().orElse(""));
        Figures.requireDirectory(options.getOutput().orElse(""));
        String jvm = options.getJvm().orElse("");
        // The system searches for a bare name in PATH.
        if (jvm.contains("/") && !Files.isExecutable(Path.of(jvm))) {
            throw new UsageException("there is no JVM " + jvm);
        }
        SortedSet<BenchmarkListEntry> found;
        try {
            found = Catalogue.find(options.getIncludes(), options.getExcludes());
        } catch (PatternSyntaxException e) {
            throw new UsageException("a benchmark is named by a regular expression: " + e.getMessage());
        }
        if (found.isEmpty()) {
            throw new UsageException("no benchmark is called " + String.join(" or ", options.getIncludes())
                    + ", and no program either; list shows what there is");
        }
        Map<String, Set<String>> defaults = new TreeMap<>();
        for (BenchmarkListEntry entry : found) {
            for (Map.Entry<String, String[]> parameter :
                    entry.getParams().orElse(Map.of()).entrySet()) {
                defaults.computeIfAbsent(parameter.getKey(), unused -> new LinkedHashSet<>())
                        .addAll(Arrays.asList(parameter.getValue()));
            }
        }
        parameters(words).forEach((name, values) -> check(name, values, defaults));
    }

    private static void check(String name, List<String> values, Map<String, Set<String>> defaults) {
        Set<String> choice = defaults.get(name);
        if (choice == null) {
            throw new UsageException("no selected benchmark has the parameter " + name + "; there are "
                    + String.join(", ", defaults.keySet()));
        }
        boolean isNumber = choice.stream().allMatch(JmhRun::isNumber);
        for (String value : values) {
            // The declared numbers are examples, but the declared names are the complete list.
            if (isNumber ? !isNumber(value) : !choice.contains(value)) {
                throw new UsageException(name + " cannot be " + value + "; "
                        + (isNumber ? "it is a number, such as " : "it is one of ") + String.join(", ", choice));
            }
        }
    }

    private static boolean isNumber(String text) {
        return text.matches("[0-9]{1,9}");
    }

    /**
     * Returns the arguments of {@code -p name=value,value}. They are parsed here because JMH returns the values of a
     * parameter only by its name.
     */
    private static Map<String, List<String>> parameters(String[] words) {
        Map<String, List<String>> parameters = new LinkedHashMap<>();
        for (int i = 0; i + 1 < words.length; i++) {
            int equals = words[i + 1].indexOf('=');
            if (words[i].equals("-p") && equals > 0) {
                parameters
                        .computeIfAbsent(words[i + 1].substring(0, equals), unused -> new ArrayList<>())
                        .addAll(List.of(words[i + 1].substring(equals + 1).split(",", -1)));
            }
        }
        return parameters;
    }
}
