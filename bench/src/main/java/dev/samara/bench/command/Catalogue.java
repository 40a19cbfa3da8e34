// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.command;

import dev.samara.bench.About;
import java.io.PrintStream;
import java.lang.reflect.Method;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.regex.PatternSyntaxException;
import org.openjdk.jmh.annotations.Group;
import org.openjdk.jmh.runner.BenchmarkList;
import org.openjdk.jmh.runner.BenchmarkListEntry;
import org.openjdk.jmh.runner.format.OutputFormat;
import org.openjdk.jmh.runner.format.OutputFormatFactory;
import org.openjdk.jmh.runner.options.VerboseMode;

/** The benchmarks in JMH's list, each with its description, and the reports. */
final class Catalogue {
    private static final OutputFormat SILENT = OutputFormatFactory.createFormatInstance(System.out, VerboseMode.SILENT);

    private Catalogue() {}

    /**
     * Returns the benchmarks that JMH would run for the given expressions.
     *
     * @param includes regular expressions, at least one of which must match a part of the name; if empty, all names
     *     match
     * @param excludes regular expressions, none of which may match a part of the name
     * @throws PatternSyntaxException if an expression is invalid
     */
    static SortedSet<BenchmarkListEntry> find(List<String> includes, List<String> excludes) {
        return BenchmarkList.defaultList().find(SILENT, includes, excludes);
    }

    static void print(PrintStream out) {
        Map<String, String> lines = new TreeMap<>();
        for (BenchmarkListEntry entry : find(List.of(), List.of())) {
            lines.put(shortName(entry), about(entry));
        }
        int width = lines.keySet().stream().mapToInt(String::length).max().orElse(0);
        out.println("Benchmarks (java -jar samara-bench.jar NAME...; -h shows JMH's options, -lp the parameters)");
        lines.forEach((name, about) -> out.println("  " + padded(name, width) + "  " + about));
        out.println("Reports (java -jar samara-bench.jar NAME [--option value]...)");
        for (ReportCommand report : ReportCommand.ALL) {
            out.println("  " + padded(report.word(), width) + "  " + report.about());
        }
        out.println("Programs (java -jar samara-bench.jar NAME ...)");
        SuiteCommand.PROGRAMS.forEach((name, about) -> out.println("  " + padded(name, width) + "  " + about));
    }

    private static String padded(String name, int width) {
        return name + " ".repeat(Math.max(0, width - name.length()));
    }

    static String shortName(BenchmarkListEntry entry) {
        String name = entry.getUsername();
        return name.substring(name.lastIndexOf('.', name.lastIndexOf('.') - 1) + 1);
    }

    private static String about(BenchmarkListEntry entry) {
        String name = entry.getUsername().substring(entry.getUserClassQName().length() + 1);
        try {
            for (Method method : Class.forName(entry.getUserClassQName()).getMethods()) {
                Group group = method.getAnnotation(Group.class);
                About about = method.getAnnotation(About.class);
                if (about != null && name.equals(group == null ? method.getName() : group.value())) {
                    return about.value();
                }
            }
        } catch (ClassNotFoundException e) {
            throw new IllegalStateException("a benchmark that is listed is not there", e);
        }
        return "";
    }
}
