// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.chart;

import dev.samara.bench.index.Indexes;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;

/**
 * A chart of docs/performance.md.
 *
 * @param file the name of the file with its numbers, including the extension
 * @param chart reads that file
 */
record Headline(String file, Function<Path, Plot> chart) {
    private static final double NANOS_IN_MICRO = 1e3;
    private static final double MILLION = 1e6;

    private static final List<Headline> ALL = List.of(
            new Headline("lookups.json", Headline::lookups),
            new Headline("updates.json", Headline::updates),
            new Headline("compared-lookups.json", Headline::comparedLookups),
            new Headline("compared-updates.json", Headline::comparedUpdates),
            new Headline("footprint.json", Headline::comparedFootprint),
            new Headline("beside-writer.json", Headline::besideWriter),
            new Headline("contention.json", Headline::operations),
            new Headline("page-faults.json", Headline::faults),
            new Headline("shootdowns.json", Headline::shootdowns),
            new Headline("interpreter.json", file -> speed(file, "interpreter")),
            new Headline("interpreter.json", file -> speed(file, "translator")),
            new Headline("resets.json", Headline::resets),
            new Headline("files.json", Headline::files));

    /** Returns the charts whose files are in a directory. */
    static List<Plot> in(Path directory) {
        return ALL.stream()
                .filter(headline -> Files.exists(directory.resolve(headline.file)))
                .map(headline -> headline.chart.apply(directory.resolve(headline.file)))
                .filter(plot -> !plot.series().isEmpty())
                .toList();
    }

    private static Plot.Builder structures() {
        return new Plot.Builder()
                .line(Indexes.SAMARA, "Samara")
                .line(Indexes.SAMARA_SNAPSHOT, "Samara, a snapshot")
                .line(Indexes.SKIPLIST, "ConcurrentSkipListMap")
                .line(Indexes.TREEMAP_RWLOCK, "TreeMap, read-write lock")
                .line(Indexes.COW_ARRAY, "sorted array, copied at each change");
    }

    /** The structures that a program could use instead. Each is thread-safe, by design or by a lock. */
    private static Plot.Builder libraries() {
        Plot.Builder plot = new Plot.Builder();
        ComparedTables.STRUCTURES.stream()
                .filter(structure -> !structure.legend().isEmpty())
                .forEach(structure -> plot.line(structure.index(), structure.legend()));
        return plot;
    }

    private static void add(Plot.Builder plot, RawRow row, String place) {
        plot.point(row.text("index"), place, row.number("score"), row.number("error"));
    }

    private static Plot lookups(Path file) {
        Plot.Builder plot = structures();
        for (int ranges : new int[] {30, 200, 1_000, 10_000, 100_000, 1_000_000}) {
            plot.place(Integer.toString(ranges), Integer.toString(ranges));
        }
        for (RawRow row : RawRow.read(file)) {
            if (row.has("method", "get")) {
                add(plot, row, row.text("ranges"));
            }
        }
        return plot.plot(
                "lookups",
                "Lookup of the range that contains an address, one thread, random addresses",
                "ns per lookup (lower is better)",
                "ranges in the structure");
    }

    private static Plot updates(Path file) {
        Plot.Builder plot = structures()
                .place("eraseAndStore 1000", "erase and store, 1,000")
                .place("eraseAndStore 100000", "erase and store, 100,000")
                .place("storeAndErase 1000", "store and erase, 1,000")
                .place("storeAndErase 100000", "store and erase, 100,000");
        for (RawRow row : RawRow.read(file)) {
            add(plot, row, row.text("method") + " " + row.text("ranges"));
        }
        return plot.plot(
                "updates", "Two updates of one range, by number of ranges", "ns per two updates (lower is better)", "");
    }

    private static Plot comparedLookups(Path file) {
        Plot.Builder plot = libraries();
        for (int ranges : new int[] {30, 1_000, 100_000, 1_000_000}) {
            plot.place(Integer.toString(ranges), Integer.toString(ranges));
        }
        for (RawRow row : RawRow.read(file)) {
            add(plot, row, row.text("ranges"));
        }
        return plot.plot(
                "compared-lookups",
                "Lookup in a range map, one thread, random addresses",
                "ns per lookup (lower is better)",
                "ranges in the map");
    }

    private static Plot comparedUpdates(Path file) {
        Plot.Builder plot = libraries().place("1000", "1,000 ranges").place("100000", "100,000 ranges");
        for (RawRow row : RawRow.read(file)) {
            add(plot, row, row.text("ranges"));
        }
        return plot.plot(
                "compared-updates", "Erase a range and store it again", "ns per erase and store (lower is better)", "");
    }

    private static Plot comparedFootprint(Path file) {
        Plot.Builder plot = libraries().place("1000", "1,000 ranges").place("100000", "100,000 ranges");
        for (RawRow row : RawRow.read(file)) {
            plot.point(row.text("index"), row.text("ranges"), row.number("bytes_per_range"), Double.NaN);
        }
        return plot.plot(
                "compared-footprint", "Heap bytes per range, without values", "bytes per range (lower is better)", "");
    }

    private static Plot besideWriter(Path file) {
        Plot.Builder plot = structures()
                .place("p50 1000", "p50, 1,000 ranges")
                .place("p99.9 1000", "p99.9, 1,000 ranges")
                .place("p50 100000", "p50, 100,000 ranges")
                .place("p99.9 100000", "p99.9, 100,000 ranges");
        for (RawRow row : RawRow.read(file)) {
            if (row.has("method", "besideWriter:reader")) {
                for (String percentile : List.of("p50", "p99.9")) {
                    plot.point(
                            row.text("index"),
                            percentile + " " + row.text("ranges"),
                            row.number(percentile) / NANOS_IN_MICRO,
                            Double.NaN);
                }
            }
        }
        return plot.plot(
                "beside-writer",
                "Batch of 32 lookups while another thread updates the structure",
                "µs per batch of 32 lookups (lower is better)",
                "");
    }

    private static Plot operations(Path file) {
        Plot.Builder plot = new Plot.Builder()
                .line("samara", "Samara")
                .line("rwlock-downgrade", "read-write lock, downgraded for munmap as in Linux")
                .line("rwlock-whole", "read-write lock")
                .line("stamped", "StampedLock, optimistic lookups")
                .place("nobody 1", "one thread")
                .place("nobody 2", "two threads")
                .place("snapshots 1", "one, with snapshots")
                .place("snapshots 2", "two, with snapshots");
        for (RawRow row : RawRow.read(file)) {
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

    private static Plot faults(Path file) {
        Plot.Builder plot = new Plot.Builder()
                .line("samara", "Samara")
                .line("treeMapAndLock", "TreeMap, read-write lock, an equal page table")
                .place("file_1", "one page of a file")
                .place("file_16", "sixteen pages at once")
                .place("anonymous", "a new page")
                .place("zero", "the zero page")
                .place("copy", "copy on write");
        for (RawRow row : RawRow.read(file)) {
            if (row.text("where").equals("random")) {
                String line = row.text("method").equals("fault") ? "samara" : row.text("method");
                plot.point(line, row.text("kind"), row.number("score"), row.number("error"));
            }
        }
        return plot.plot(
                "faults",
                "Time of a page fault at a random address, 1,000 mappings",
                "ns per fault, with loop and clock (lower is better)",
                "");
    }

    private static Plot shootdowns(Path file) {
        Plot.Builder plot = new Plot.Builder()
                .line(Drawing.BASELINE, "two threads exchange a word, the baseline")
                .line("samara", "Samara")
                .place("ping-pong", "round trip of a word")
                .place("nobody", "the CPU is outside GUEST")
                .place("spinning", "the CPU only polls")
                .place("every-16", "a poll every 16 loads")
                .place("every-64", "a poll every 64 loads");
        for (RawRow row : RawRow.read(file)) {
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

    private static Plot speed(Path file, String engine) {
        Plot.Builder plot = new Plot.Builder()
                .line("samara fast", "Samara, FlatMemory")
                .line("samara tlb", "Samara, the TLB read by the code")
                .line("samara kept", "Samara, granules in local variables")
                .line("samara segment", "Samara, granules, a MemorySegment")
                .line("paged", "a hand-written page table")
                .line("array", "one array, no page table")
                .place("sieve", "sieve")
                .place("matrix", "matrix product")
                .place("quicksort", "quicksort");
        for (RawRow row : RawRow.read(file)) {
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

    private static Plot resets(Path file) {
        Plot.Builder plot = new Plot.Builder()
                .line("samara checkpoint", "restore of a checkpoint")
                .line("samara reset", "reset of the written pages")
                .line("samara image", "private mapping, DONTNEED")
                .line("samara fork", "fork for each run")
                .line("storesOnly", "only the stores");
        for (String mappings : new String[] {"16", "256"}) {
            for (String written : new String[] {"4", "64"}) {
                plot.place(mappings + " " + written, mappings + " mappings, " + written + " pages");
            }
        }
        for (RawRow row : RawRow.read(file)) {
            String line = switch (row.text("method")) {
                case "restored" -> "samara checkpoint";
                case "reset" -> "samara reset";
                case "discarded" -> "samara image";
                case "forked" -> "samara fork";
                default -> row.text("method");
            };
            plot.point(
                    line,
                    row.text("mappings") + " " + row.text("written"),
                    row.number("score") / NANOS_IN_MICRO,
                    row.number("error") / NANOS_IN_MICRO);
        }
        return plot.plot(
                "resets",
                "Fuzzing runs from one state, by mappings and written pages",
                "µs per run (lower is better)",
                "");
    }

    private static Plot files(Path file) {
        Plot.Builder plot = new Plot.Builder()
                .line("samara", "Samara, cacheLimit of 64 MiB")
                .line("FileChannel", "FileChannel")
                .line("FileChannel.map", "FileChannel.map, no limit")
                .place("read-in-order", "read in order")
                .place("scan-in-order", "scan all words")
                .place("scan-by-runs", "scan by runs")
                .place("read-at-random", "read at random")
                .place("write-in-order", "write in order")
                .place("write-at-random", "write at random");
        for (RawRow row : RawRow.read(file)) {
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
