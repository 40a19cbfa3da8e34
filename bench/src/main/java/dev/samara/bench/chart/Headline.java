// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.chart;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;

/**
 * A chart of docs/performance.md.
 *
 * @param file the name of the file with its numbers, including the extension
 * @param chart reads that file
 */
record Headline(String file, Function<Path, Plot> chart) {
    private static final String ON_A_PROCESSOR = "on a processor";

    private static final List<Headline> ALL = List.of(
            new Headline("lookups.json", TreeHeadlines::lookups),
            new Headline("updates.json", TreeHeadlines::updates),
            new Headline("compared-lookups.json", TreeHeadlines::comparedLookups),
            new Headline("compared-updates.json", TreeHeadlines::comparedUpdates),
            new Headline("footprint.json", TreeHeadlines::comparedFootprint),
            new Headline("beside-writer.json", TreeHeadlines::besideWriter),
            new Headline("contention.json", SpaceHeadlines::operations),
            new Headline("page-faults.json", SpaceHeadlines::faults),
            new Headline("shootdowns.json", SpaceHeadlines::shootdowns),
            new Headline("interpreter.json", file -> GuestHeadlines.speed(file, "interpreter")),
            new Headline("interpreter.json", file -> GuestHeadlines.speed(file, "translator")),
            new Headline("resets.json", GuestHeadlines::resets),
            new Headline("files.json", GuestHeadlines::files));

    /** Returns the charts whose files are in a directory. */
    static List<Plot> in(Path directory) {
        return ALL.stream()
                .filter(headline -> Files.exists(directory.resolve(headline.file)))
                .map(headline -> headline.chart.apply(directory.resolve(headline.file)))
                .filter(plot -> !plot.series().isEmpty())
                .toList();
    }

    /**
     * Returns the CPU time of each benchmark in a JMH result file, or the wall-clock time if the file contains no CPU
     * time.
     */
    static List<Figure> times(Path file) {
        List<Figure> all = ResultFile.read(file);
        List<Figure> processor = all.stream()
                .filter(figure -> figure.what().equals(ON_A_PROCESSOR))
                .toList();
        return processor.isEmpty()
                ? all.stream().filter(figure -> figure.what().isEmpty()).toList()
                : processor;
    }

    /** Returns the value of a parameter of a figure. The figure must have that parameter. */
    static String parameter(Figure figure, String name) {
        return Objects.requireNonNull(figure.parameters().get(name), () -> figure + " has no " + name);
    }
}
