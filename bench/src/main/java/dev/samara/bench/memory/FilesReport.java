// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.memory;

import dev.samara.bench.report.Arguments;
import dev.samara.bench.report.Figures;
import dev.samara.core.backing.HostFileOption;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * Reads and writes a large host file through a mapping under a memory limit, and in other ways.
 *
 * <p>{@code java -jar bench/target/samara-bench.jar files --mib 1024 --limit 64 --rounds 5 --threads 1,4}. A pass
 * copies all bytes to a buffer, reads all words by accesses or by runs, writes all words, reads or writes one word of
 * random pages, writes whole random pages, or reads all words of a few resident pages as buffers; {@code --threads}
 * threads share the work. {@code --work} selects passes. {@code --block-kib 16} or {@code 64} opens the library's files
 * in blocks, except direct ones. The contenders take turns: a mapping of the library, the
 * library's calls (an array for resident pages), its calls on a direct open, {@code FileChannel}, and the host's own
 * mapping. The figures are wall-clock time, CPU time and bytes of garbage per page, and calls that
 * read from the host per 1,000 pages.
 */
public final class FilesReport {
    /** The number of warm-up rounds, during which memory fills up to the limit and code is compiled. */
    private static final int WARM = 3;

    private static final String MAPPING = "samara";
    private static final String CALLS = "samara, calls";
    private static final String DIRECT = "samara, direct";
    private static final String CHANNEL = "FileChannel";
    private static final String MAPPED = "FileChannel.map";
    private static final String ARRAY = "array";

    private static final OpenOption[] DIRECTLY = {
        StandardOpenOption.READ, StandardOpenOption.WRITE, HostFileOption.DIRECT
    };

    private static final List<String> CONTENDERS = List.of(CHANNEL, MAPPED, ARRAY, MAPPING, CALLS, DIRECT);

    private final int rounds;
    private final int[] threads;
    private final long size;
    private final long limit;
    private final int picks;
    private final OpenOption[] options;
    private final List<FilePass.Kind> kinds;
    private final Path directory;
    private final Figures figures;
    private final Map<String, List<FilePass.Cost>> costs = new LinkedHashMap<>();

    private FilesReport(String[] words) {
        Arguments arguments = new Arguments(words);
        rounds = arguments.count("--rounds", 1, 5);
        threads = arguments.counts("--threads", "1");
        size = (long) arguments.count("--mib", 1, 1024) << 20;
        limit = (long) arguments.count("--limit", 1, 64) << 20;
        picks = arguments.count("--picks", 1, 100_000);
        options = options(arguments.list("--block-kib", List.of("4"), List.of("4", "16", "64")));
        List<String> names =
                Stream.of(FilePass.Kind.values()).map(FilePass.Kind::word).toList();
        List<String> chosen = arguments.list("--work", names, names);
        kinds = Stream.of(FilePass.Kind.values())
                .filter(kind -> chosen.contains(kind.word()))
                .toList();
        directory = Path.of(arguments.text("--directory", System.getProperty("java.io.tmpdir")));
        String json = arguments.text("--json", "");
        arguments.check();
        figures = new Figures(FilesReport.class, words, json);
    }

    private static OpenOption[] options(List<String> blocks) {
        List<OpenOption> options = new ArrayList<>(List.of(StandardOpenOption.READ, StandardOpenOption.WRITE));
        if (blocks.contains("16")) {
            options.add(HostFileOption.BLOCKS_16K);
        }
        if (blocks.contains("64")) {
            options.add(HostFileOption.BLOCKS_64K);
        }
        return options.toArray(OpenOption[]::new);
    }

    /**
     * Measures and prints.
     *
     * @param arguments the options in the class comment
     */
    public static void main(String[] arguments) {
        new FilesReport(arguments).run();
    }

    private void run() {
        try {
            Path file = Files.createTempFile(directory, "samara", ".bin");
            try {
                fill(file);
                for (int count : threads) {
                    costs.clear();
                    for (FilePass.Kind kind : kinds) {
                        if (kind == FilePass.Kind.PAGE_AS_BUFFER) {
                            roundsInMemory(file, count);
                        } else {
                            rounds(file, kind, count);
                        }
                    }
                    report(count);
                }
            } finally {
                Files.delete(file);
            }
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
        figures.write();
    }

    private void fill(Path file) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocateDirect(1 << 20);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            for (long at = 0; at < size; at += bytes.capacity()) {
                channel.write(bytes.clear(), at);
            }
        }
    }

    private void rounds(Path file, FilePass.Kind kind, int count) throws IOException {
        try (ChannelPass channel = new ChannelPass(file, size);
                MappedPass mapped = new MappedPass(file, size);
                MappingPass mapping = new MappingPass(file, size, limit, options);
                CallPass calls = new CallPass(file, size, limit, options);
                CallPass direct = new CallPass(file, size, limit, DIRECTLY)) {
            for (int round = -WARM; round < rounds; round++) {
                note(kind, CHANNEL, channel.run(kind, count, picks), round >= 0);
                if (!kind.writes()) {
                    note(kind, MAPPED, mapped.run(kind, count, picks), round >= 0);
                }
                note(kind, MAPPING, mapping.run(kind, count, picks), round >= 0);
                note(kind, CALLS, calls.run(kind, count, picks), round >= 0);
                note(kind, DIRECT, direct.run(kind, count, picks), round >= 0);
            }
        }
    }

    private void roundsInMemory(Path file, int count) throws IOException {
        FilePass.Kind kind = FilePass.Kind.PAGE_AS_BUFFER;
        try (ArrayPass array = new ArrayPass(file, size);
                MappedPass mapped = new MappedPass(file, size);
                MappingPass mapping = new MappingPass(file, size, limit, options)) {
            for (int round = -WARM; round < rounds; round++) {
                note(kind, ARRAY, array.run(kind, count, picks), round >= 0);
                note(kind, MAPPED, mapped.run(kind, count, picks), round >= 0);
                note(kind, MAPPING, mapping.run(kind, count, picks), round >= 0);
            }
        }
    }

    private void note(FilePass.Kind kind, String contender, FilePass.Cost cost, boolean counts) {
        if (counts) {
            costs.computeIfAbsent(kind + " " + contender, any -> new ArrayList<>())
                    .add(cost);
        }
    }

    private void report(int count) {
        Figures.line("%d threads", count);
        for (FilePass.Kind kind : kinds) {
            for (String contender : CONTENDERS) {
                List<FilePass.Cost> of = costs.get(kind + " " + contender);
                if (of != null) {
                    double wall = median(of, 0);
                    double busy = median(of, 1);
                    double garbage = median(of, 2);
                    double reads = median(of, 3);
                    Figures.line(
                            "%-16s %-16s %8.0f ns per page, %8.0f of processors, %6.1f B of garbage, %5.0f reads of"
                                    + " the host per 1,000",
                            kind, contender, wall, busy, garbage, 1000 * reads);
                    figures.row(
                            "kind",
                            kind.word(),
                            "contender",
                            contender,
                            "threads",
                            count,
                            "ns",
                            wall,
                            "least_ns",
                            of.stream().mapToDouble(FilePass.Cost::wall).min().orElse(wall),
                            "most_ns",
                            of.stream().mapToDouble(FilePass.Cost::wall).max().orElse(wall),
                            "busy_ns",
                            busy,
                            "garbage",
                            garbage,
                            "reads",
                            reads);
                }
            }
        }
        ratio(FilePass.Kind.READ_IN_ORDER, MAPPING, CHANNEL, ">= 0.8");
        ratio(FilePass.Kind.READ_IN_ORDER, MAPPING, MAPPED, "beside");
        ratio(FilePass.Kind.SCAN_IN_ORDER, MAPPING, CHANNEL, "beside");
        ratio(FilePass.Kind.SCAN_IN_ORDER, MAPPING, MAPPED, "beside");
        ratio(FilePass.Kind.SCAN_BY_RUNS, MAPPING, CHANNEL, "beside");
        ratio(FilePass.Kind.SCAN_BY_RUNS, MAPPING, MAPPED, Runtime.version().feature() < 25 ? ">= 0.65" : ">= 0.7");
        ratio(FilePass.Kind.PAGE_AS_BUFFER, MAPPING, MAPPED, "beside");
        timeRatio(FilePass.Kind.PAGE_AS_BUFFER, MAPPING, ARRAY, "<= 1.3");
        ratio(FilePass.Kind.READ_AT_RANDOM, MAPPING, CHANNEL, ">= 0.6");
        ratio(FilePass.Kind.WRITE_IN_ORDER, MAPPING, CHANNEL, "beside");
        ratio(FilePass.Kind.WRITE_AT_RANDOM, MAPPING, CHANNEL, "beside");
        ratio(FilePass.Kind.WRITE_PAGES_AT_RANDOM, MAPPING, CHANNEL, "beside");
        ratio(FilePass.Kind.READ_IN_ORDER, CALLS, CHANNEL, ">= 0.9");
        ratio(FilePass.Kind.READ_AT_RANDOM, CALLS, CHANNEL, ">= 0.6");
        ratio(FilePass.Kind.WRITE_IN_ORDER, CALLS, CHANNEL, "beside");
        ratio(FilePass.Kind.READ_IN_ORDER, DIRECT, CHANNEL, ">= 0.9");
        ratio(FilePass.Kind.READ_AT_RANDOM, DIRECT, CHANNEL, ">= 0.6");
        ratio(FilePass.Kind.WRITE_IN_ORDER, DIRECT, CHANNEL, ">= 0.7");
        ratio(FilePass.Kind.WRITE_PAGES_AT_RANDOM, DIRECT, CHANNEL, ">= 1.0");
    }

    private void ratio(FilePass.Kind kind, String contender, String rival, String goal) {
        if (kinds.contains(kind)) {
            double figure = nanos(kind, rival) / nanos(kind, contender);
            figures.goal(kind + ": " + contender + " of the speed of " + rival, figure, goal);
        }
    }

    private void timeRatio(FilePass.Kind kind, String contender, String rival, String goal) {
        if (kinds.contains(kind)) {
            double figure = nanos(kind, contender) / nanos(kind, rival);
            figures.goal(kind + ": " + contender + " of the time of " + rival, figure, goal);
        }
    }

    private double nanos(FilePass.Kind kind, String contender) {
        return median(Objects.requireNonNull(costs.get(kind + " " + contender)), 0);
    }

    private static double median(List<FilePass.Cost> of, int figure) {
        return Figures.median(of.stream()
                .mapToDouble(cost -> switch (figure) {
                    case 0 -> cost.wall();
                    case 1 -> cost.busy();
                    case 2 -> cost.garbage();
                    default -> cost.reads();
                })
                .toArray());
    }
}
