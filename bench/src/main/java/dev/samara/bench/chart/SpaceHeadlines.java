// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.chart;

import java.nio.file.Path;

/** The charts of address spaces. */
final class SpaceHeadlines {
    private static final double MILLION = 1e6;

    private SpaceHeadlines() {}

    static Plot operations(Path file) {
        PlotBuilder plot = new PlotBuilder()
                .line("samara", "Samara")
                .line("rwlock-downgrade", "read-write lock, downgraded for munmap as in Linux")
                .line("rwlock-whole", "read-write lock")
                .line("stamped", "StampedLock, optimistic lookups")
                .place("nobody 1", "one thread")
                .place("nobody 2", "two threads")
                .place("snapshots 1", "one, with snapshots")
                .place("snapshots 2", "two, with snapshots");
        for (ReportFile.ReportRow row : ReportFile.read(file)) {
            if (row.has("what", "operation")) {
                double error = Math.max(
                        row.number("most_per_second") - row.number("per_second"),
                        row.number("per_second") - row.number("least_per_second"));
                plot.point(
                        row.text("contender"),
                        row.text("beside") + " " + row.text("threads"),
                        row.number("per_second") / MILLION,
                        error / MILLION);
            }
        }
        return plot.plot(
                "operations",
                "mmap, mprotect and munmap in one address space, each thread in its own range",
                "million operations per second, all threads (higher is better)",
                "");
    }

    static Plot faults(Path file) {
        PlotBuilder plot = new PlotBuilder()
                .line("samara", "Samara")
                .line("treeMapAndLock", "TreeMap, read-write lock, an equal page table")
                .place("file_1", "one page of a file")
                .place("file_16", "sixteen pages at once")
                .place("anonymous", "a new page")
                .place("zero", "the zero page")
                .place("copy", "copy on write");
        for (Figure figure : Headline.times(file)) {
            if (Headline.parameter(figure, "where").equals("random")) {
                String line = figure.method().equals("fault") ? "samara" : figure.method();
                plot.point(line, Headline.parameter(figure, "kind"), figure.score(), figure.error());
            }
        }
        return plot.plot(
                "faults",
                "Time of a page fault at a random address, 1,000 mappings",
                "ns per fault, with loop and clock (lower is better)",
                "");
    }

    static Plot shootdowns(Path file) {
        PlotBuilder plot = new PlotBuilder()
                .line(Drawing.BASELINE, "two threads exchange a word, the baseline")
                .line("samara", "Samara")
                .place("ping-pong", "round trip of a word")
                .place("nobody", "the CPU is outside GUEST")
                .place("spinning", "the CPU only polls")
                .place("every-16", "a poll every 16 loads")
                .place("every-64", "a poll every 64 loads");
        for (ReportFile.ReportRow row : ReportFile.read(file)) {
            if (row.has("work", "round-trip")) {
                String peer = row.text("peer");
                plot.point(peer.equals("ping-pong") ? Drawing.BASELINE : "samara", peer, row.number("ns"), Double.NaN);
            }
        }
        return plot.plot(
                "shootdowns",
                "Time of a shootdown: another CPU drops a translation and acknowledges",
                "ns per shootdown (lower is better)",
                "");
    }
}
