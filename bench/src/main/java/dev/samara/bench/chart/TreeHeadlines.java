// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.chart;

import dev.samara.bench.index.Indexes;
import java.nio.file.Path;
import java.util.function.Function;

/** The charts that compare the range tree with other structures. */
final class TreeHeadlines {
    private static final double NANOS_IN_MICRO = 1e3;

    private TreeHeadlines() {}

    private static PlotBuilder structures() {
        return new PlotBuilder()
                .line(Indexes.SAMARA, "Samara")
                .line(Indexes.SAMARA_SNAPSHOT, "Samara, a snapshot")
                .line(Indexes.SKIPLIST, "ConcurrentSkipListMap")
                .line(Indexes.TREEMAP_RWLOCK, "TreeMap, read-write lock")
                .line(Indexes.COW_ARRAY, "sorted array, copied at each change");
    }

    /** The structures that a program could use instead. Each is thread-safe, by design or by a lock. */
    private static PlotBuilder libraries() {
        PlotBuilder plot = new PlotBuilder();
        ComparedTables.STRUCTURES.stream()
                .filter(structure -> !structure.legend().isEmpty())
                .forEach(structure -> plot.line(structure.index(), structure.legend()));
        return plot;
    }

    private static void add(PlotBuilder plot, Figure figure, String place) {
        plot.point(Headline.parameter(figure, "index"), place, figure.score(), figure.error());
    }

    static Plot lookups(Path file) {
        PlotBuilder plot = structures();
        for (int ranges : new int[] {30, 200, 1_000, 10_000, 100_000, 1_000_000}) {
            plot.place(Integer.toString(ranges), Integer.toString(ranges));
        }
        for (Figure figure : Headline.times(file)) {
            if (figure.method().equals("get")) {
                add(plot, figure, Headline.parameter(figure, "ranges"));
            }
        }
        return plot.plot(
                "lookups",
                "Lookup of the range that contains an address, one thread, random addresses",
                "ns per lookup (lower is better)",
                "ranges in the structure");
    }

    static Plot updates(Path file) {
        PlotBuilder plot = structures()
                .place("eraseAndStore 1000", "erase and store, 1,000")
                .place("eraseAndStore 100000", "erase and store, 100,000")
                .place("storeAndErase 1000", "store and erase, 1,000")
                .place("storeAndErase 100000", "store and erase, 100,000");
        for (Figure figure : Headline.times(file)) {
            add(plot, figure, figure.method() + " " + Headline.parameter(figure, "ranges"));
        }
        return plot.plot(
                "updates", "Two updates of one range, by number of ranges", "ns per two updates (lower is better)", "");
    }

    static Plot comparedLookups(Path file) {
        PlotBuilder plot = libraries();
        for (int ranges : new int[] {30, 1_000, 100_000, 1_000_000}) {
            plot.place(Integer.toString(ranges), Integer.toString(ranges));
        }
        for (Figure figure : Headline.times(file)) {
            add(plot, figure, Headline.parameter(figure, "ranges"));
        }
        return plot.plot(
                "compared-lookups",
                "Lookup in a range map, one thread, random addresses",
                "ns per lookup (lower is better)",
                "ranges in the map");
    }

    static Plot comparedUpdates(Path file) {
        PlotBuilder plot = libraries().place("1000", "1,000 ranges").place("100000", "100,000 ranges");
        for (Figure figure : Headline.times(file)) {
            add(plot, figure, Headline.parameter(figure, "ranges"));
        }
        return plot.plot(
                "compared-updates", "Erase a range and store it again", "ns per erase and store (lower is better)", "");
    }

    static Plot comparedFootprint(Path file) {
        PlotBuilder plot = libraries().place("1000", "1,000 ranges").place("100000", "100,000 ranges");
        for (ReportFile.ReportRow row : ReportFile.read(file)) {
            plot.point(row.text("index"), row.text("ranges"), row.number("bytes_per_range"), Double.NaN);
        }
        return plot.plot(
                "compared-footprint", "Heap bytes per range, without values", "bytes per range (lower is better)", "");
    }

    static Plot besideWriter(Path file) {
        PlotBuilder plot = structures()
                .place("p50 1000", "p50, 1,000 ranges")
                .place("p99.9 1000", "p99.9, 1,000 ranges")
                .place("p50 100000", "p50, 100,000 ranges")
                .place("p99.9 100000", "p99.9, 100,000 ranges");
        Function<Figure, String> place = figure -> figure.what() + " " + Headline.parameter(figure, "ranges");
        for (Figure figure : ResultFile.read(file)) {
            if (figure.method().equals("besideWriter:reader") && figure.what().startsWith("p")) {
                String index = Headline.parameter(figure, "index");
                plot.point(index, place.apply(figure), figure.score() / NANOS_IN_MICRO, Double.NaN);
            }
        }
        return plot.plot(
                "beside-writer",
                "Batch of 32 lookups while another thread updates the structure",
                "µs per batch of 32 lookups (lower is better)",
                "");
    }
}
