// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.fuzz;

import dev.samara.testing.fuzz.Refusal;
import dev.samara.tool.MadeUpTrace;
import dev.samara.tool.Recordings;
import dev.samara.tool.record.InputException;
import dev.samara.tool.replay.PlacementSource;
import dev.samara.tool.replay.ReplayedInput;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Parses input as a trace, and replays it with accesses. The input also determines how mappings are placed. */
public final class TraceFuzzer {
    private static final InputFile FILE = new InputFile("fuzzed.trace.gz");

    /** Recordings whose lines are used in the seeds; together they contain all kinds of operations. */
    private static final List<String> SOURCES = List.of(
            "traces/bash/001-bash.trace.gz",
            "traces/gcc/006-ld.trace.gz",
            "traces/java17-serial/003-java.trace.gz",
            "traces/redis/007-redis-server.trace.gz",
            "traces/malloc-glibc/001-mstress.trace.gz");

    private static final int LINES_OF_A_KIND = 3;
    private static final int LINES_OF_A_SEED = 16;

    private TraceFuzzer() {}

    /**
     * Parses and replays one input.
     *
     * @param input the text of a trace, or a compressed trace
     * @throws Exception if the input is a finding
     */
    public static void fuzzerTestOneInput(byte[] input) throws Exception {
        Path file = FILE.write(input);
        try {
            ReplayedInput.replay(
                    file, (Arrays.hashCode(input) & 1) == 0 ? PlacementSource.TRACE : PlacementSource.LIBRARY);
        } catch (InputException refused) {
            Refusal.ofLine(refused, file, input);
        }
    }

    /**
     * Returns small traces with lines of recorded traces, some for each kind of operation and event, and a compressed
     * trace.
     */
    static List<byte[]> seeds() throws IOException {
        List<byte[]> seeds = new ArrayList<>();
        for (String source : SOURCES) {
            List<String> chosen = chosen(Recordings.lines(Recordings.bundled(source)));
            for (int i = 0; i < chosen.size(); i += LINES_OF_A_SEED) {
                seeds.add(trace(chosen.subList(i, Math.min(i + LINES_OF_A_SEED, chosen.size()))));
            }
        }
        seeds.add(compressed());
        return seeds;
    }

    /** Returns a trace in two gzip members. */
    private static byte[] compressed() throws IOException {
        Path file = Files.createTempFile("seed", ".trace.gz");
        try {
            List<String> lines = Recordings.lines(new MadeUpTrace().write(file));
            ByteArrayOutputStream members = new ByteArrayOutputStream();
            members.write(Files.readAllBytes(Recordings.write(file, lines.subList(0, 9))));
            members.write(Files.readAllBytes(Recordings.write(file, lines.subList(9, lines.size()))));
            return members.toByteArray();
        } finally {
            Files.delete(file);
        }
    }

    private static List<String> chosen(List<String> lines) {
        Map<String, Integer> kinds = new LinkedHashMap<>();
        List<String> chosen = new ArrayList<>();
        for (String line : lines) {
            String[] words = line.split(" ", -1);
            if ((words[0].equals("op") || words[0].equals("ev"))
                    && kinds.merge(words[3], 1, Integer::sum) <= LINES_OF_A_KIND) {
                chosen.add(line);
            }
        }
        return chosen;
    }

    private static byte[] trace(List<String> lines) throws IOException {
        Path file = Files.createTempFile("seed", ".trace.gz");
        try {
            new MadeUpTrace()
                    .lines(lines.toArray(String[]::new))
                    .snapshot(1_000_000, "periodic")
                    .write(file);
            return (String.join("\n", Recordings.lines(file)) + "\n").getBytes(StandardCharsets.UTF_8);
        } finally {
            Files.delete(file);
        }
    }
}
