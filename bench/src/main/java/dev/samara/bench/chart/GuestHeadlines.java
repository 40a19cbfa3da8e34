// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.chart;

import java.nio.file.Path;

/** The charts of guests, and of the files that they map. */
final class GuestHeadlines {
    private static final double NANOS_IN_MICRO = 1e3;

    private GuestHeadlines() {}

    static Plot speed(Path file, String engine) {
        PlotBuilder plot = new PlotBuilder()
                .line("samara fast", "Samara, FlatMemory")
                .line("samara tlb", "Samara, the TLB read by the code")
                .line("samara kept", "Samara, granules in local variables")
                .line("samara segment", "Samara, granules, a MemorySegment")
                .line("paged", "a hand-written page table")
                .line("array", "one array, no page table")
                .place("sieve", "sieve")
                .place("matrix", "matrix product")
                .place("quicksort", "quicksort");
        for (ReportFile.ReportRow row : ReportFile.read(file)) {
            if (row.has("engine", engine)) {
                String memory = row.text("memory");
                String line = memory.equals("array") || memory.equals("paged") ? memory : "samara " + memory;
                plot.point(line, row.text("work"), row.number("mips"), Double.NaN);
            }
        }
        return plot.plot(
                engine,
                "Speed of a RISC-V " + engine + ", by kind of memory",
                "guest instructions per µs (higher is better)",
                "");
    }

    static Plot resets(Path file) {
        PlotBuilder plot = new PlotBuilder()
                .line("samara reset", "reset of the written pages")
                .line("samara fork", "fork for each run")
                .line("storesOnly", "only the stores");
        for (String mappings : new String[] {"16", "256"}) {
            for (String written : new String[] {"4", "64"}) {
                plot.place(mappings + " " + written, mappings + " mappings, " + written + " pages");
            }
        }
        for (Figure figure : Headline.times(file)) {
            String line = switch (figure.method()) {
                case "reset" -> "samara reset";
                case "forked" -> "samara fork";
                default -> figure.method();
            };
            plot.point(
                    line,
                    Headline.parameter(figure, "mappings") + " " + Headline.parameter(figure, "written"),
                    figure.score() / NANOS_IN_MICRO,
                    figure.error() / NANOS_IN_MICRO);
        }
        return plot.plot(
                "resets",
                "Fuzzing runs from one state, by mappings and written pages",
                "µs per run (lower is better)",
                "");
    }

    static Plot files(Path file) {
        PlotBuilder plot = new PlotBuilder()
                .line("samara", "Samara, cacheLimit of 64 MiB")
                .line("FileChannel", "FileChannel")
                .line("FileChannel.map", "FileChannel.map, no limit")
                .place("read-in-order", "read in order")
                .place("scan-in-order", "scan all words")
                .place("scan-by-runs", "scan by runs")
                .place("read-at-random", "read at random")
                .place("write-in-order", "write in order")
                .place("write-at-random", "write at random");
        for (ReportFile.ReportRow row : ReportFile.read(file)) {
            if (row.has("threads", "1")) {
                double error =
                        Math.max(row.number("most_ns") - row.number("ns"), row.number("ns") - row.number("least_ns"));
                plot.point(
                        row.text("contender"),
                        row.text("kind"),
                        row.number("ns") / NANOS_IN_MICRO,
                        error / NANOS_IN_MICRO);
            }
        }
        return plot.plot(
                "files",
                "Reads and writes of a host file in the host's page cache",
                "µs per page of 4 KiB (lower is better)",
                "");
    }
}
