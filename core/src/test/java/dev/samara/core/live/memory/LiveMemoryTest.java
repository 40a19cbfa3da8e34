// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.samara.testing.Share;
import dev.samara.testing.judge.LiveKernel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@LiveKernel
@Tag("comparison")
@DisplayName("Memory calls give what the running kernel gives, and leave what it leaves")
final class LiveMemoryTest {
    private static final long SHRINKING = TimeUnit.SECONDS.toNanos(30);
    private static final Path REGRESSIONS = Path.of("src/test/resources/dev/samara/core/live/memory/regressions");

    /** The seeds of a whole run, and the parts of which a build runs one. */
    private static final int SEEDS = 8_000;

    private static final int PARTS = 16;

    @TempDir
    @SuppressWarnings("NullAway.Init")
    private Path directory;

    /** Returns a comparison for the thread of a test: it has a CPU. */
    private Comparison begin() {
        return new Comparison(new Worlds(directory));
    }

    @Test
    @DisplayName("in random scripts")
    void randomScripts() throws IOException {
        try (Comparison comparison = begin()) {
            LiveRun run = new LiveRun(comparison);
            String seconds = System.getProperty("live.seconds");
            if (seconds != null) {
                runFor(run, comparison, Long.parseLong(seconds));
                return;
            }
            Share share = Share.of("memory, live", PARTS);
            for (int seed = 0; seed < SEEDS; seed++) {
                if (share.has(seed)) {
                    check(run, comparison, seed);
                }
            }
        }
    }

    private static void runFor(LiveRun run, Comparison comparison, long seconds) throws IOException {
        String chosen = System.getProperty("live.seed", "fresh");
        long seed = chosen.equals("fresh") ? System.nanoTime() & 0xfff_ffffL : Long.parseLong(chosen);
        System.out.println("memory, live: -Dlive.seed=" + seed);
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        for (long next = seed; System.nanoTime() - end < 0; next++) {
            check(run, comparison, next);
        }
        run.report();
    }

    private static void check(LiveRun run, Comparison comparison, long seed) {
        Difference difference = run.run(seed);
        if (difference != null) {
            throw new AssertionError(
                    "with -Dlive.seed=" + seed + "\n" + Shrinker.shrink(comparison, difference, SHRINKING));
        }
    }

    @Test
    @DisplayName("in scripts whose text is parsed again")
    void text() {
        try (Comparison comparison = begin()) {
            Script script = new LiveRun(comparison).script(5);
            long base = comparison.worlds().get(script.world()).base();
            List<String> lines = script.lines(base);
            assertEquals(lines, Script.parse(lines, comparison.worlds()).lines(base));
        }
    }

    static Stream<String> regressions() throws IOException {
        try (Stream<Path> all = Files.list(REGRESSIONS)) {
            return all.map(path -> path.getFileName().toString()).sorted().toList().stream();
        }
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("regressions")
    @DisplayName("in each script that once differed:")
    void regression(String name) throws IOException {
        try (Comparison comparison = begin()) {
            List<String> lines = Files.readAllLines(REGRESSIONS.resolve(name));
            assertNull(comparison.compare(Script.parse(lines, comparison.worlds())));
        }
    }
}
