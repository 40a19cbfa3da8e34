// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live;

import static org.junit.jupiter.api.Assertions.assertNull;

import dev.samara.testing.Share;
import dev.samara.testing.judge.LiveKernel;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

@LiveKernel
@DisplayName("Memory calls give what the running kernel gives, and leave what it leaves")
final class LiveMemoryTest {
    private static final long SHRINKING = TimeUnit.SECONDS.toNanos(30);
    private static final long SHORT = 6;
    private static final int SCRIPTS_OF_A_SHARE = 1 << 20;
    private static final Path REGRESSIONS = Path.of("src/test/resources/live/memory");

    @TempDir
    @SuppressWarnings("NullAway.Init")
    private Path directory;

    @SuppressWarnings("NullAway.Init")
    private Comparison comparison;

    @BeforeEach
    void begin() {
        comparison = new Comparison(new Worlds(directory));
    }

    @AfterEach
    void end() {
        comparison.close();
    }

    @Test
    @DisplayName("in random scripts")
    void randomScripts() throws IOException {
        long seconds = Long.getLong("live.seconds", SHORT);
        long fresh = Long.getLong(Share.SEED, System.nanoTime()) * SCRIPTS_OF_A_SHARE;
        long seed = Long.getLong("live.seed", fresh);
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        LiveRun run = new LiveRun(comparison);
        for (long next = seed; System.nanoTime() - end < 0; next++) {
            Difference difference = run.run(next);
            if (difference != null) {
                throw new AssertionError("-Dlive.seed=" + next + "\n"
                        + Shrinker.shrink(comparison, difference, SHRINKING));
            }
        }
        run.report(seed);
    }

    @TestFactory
    @DisplayName("in scripts that once differed")
    Stream<DynamicTest> regressions() throws IOException {
        try (Stream<Path> files = Files.list(REGRESSIONS)) {
            return files.sorted().toList().stream()
                    .map(file -> DynamicTest.dynamicTest(String.valueOf(file.getFileName()), () -> replay(file)));
        }
    }

    private void replay(Path file) {
        try {
            List<String> lines = Files.readAllLines(file);
            assertNull(comparison.compare(Script.parse(lines, comparison.worlds())));
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }
}
