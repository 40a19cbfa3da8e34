// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.samara.testing.Share;
import dev.samara.testing.judge.LiveKernel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@LiveKernel
@Tag("comparison")
@DisplayName("Files of the host, and files that the running kernel maps,")
final class LiveFilesTest {
    private static final Path REGRESSIONS = Path.of("src/test/resources/dev/samara/core/live/file/regressions");

    /** The scripts of a whole run, and the parts of which a build runs one. */
    private static final int SCRIPTS = 2_000;

    private static final int PARTS = 10;
    private static final double NANOS = 1e9;

    @TempDir
    @SuppressWarnings("NullAway.Init")
    private Path folder;

    private final Pairs pairs = new Pairs();

    @SuppressWarnings("NullAway.Init")
    private Arena arena;

    @BeforeEach
    void start() throws IOException {
        arena = Arena.of(folder, pairs);
    }

    @AfterEach
    void end() throws IOException {
        arena.close();
    }

    static Stream<String> regressions() throws IOException {
        try (Stream<Path> all = Files.list(REGRESSIONS)) {
            return all.map(path -> path.getFileName().toString()).sorted().collect(Collectors.toList()).stream();
        }
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("regressions")
    @DisplayName("do the same in each script that once showed a difference:")
    void regression(String name) throws IOException {
        assertNull(Trial.run(arena, Step.parseAll(Files.readAllLines(REGRESSIONS.resolve(name)))));
    }

    @Test
    @DisplayName("do the same in scripts that a seed chooses")
    void share() throws IOException {
        FileLanguage language = new FileLanguage(arena);
        String seconds = System.getProperty("live.seconds");
        if (seconds != null) {
            run(language, Double.parseDouble(seconds));
            return;
        }
        int scripts = Share.of("files, live", PARTS).steps(SCRIPTS);
        long first = Long.getLong(Share.SEED, System.nanoTime()) * SCRIPTS;
        for (long seed = first; seed < first + scripts; seed++) {
            assertNull(language.run(seed));
        }
    }

    private void run(FileLanguage language, double seconds) throws IOException {
        String chosen = System.getProperty("live.seed", "fresh");
        long seed = chosen.equals("fresh") ? System.nanoTime() & 0xfff_ffffL : Long.parseLong(chosen);
        System.out.println("files, live: -Dlive.seed=" + seed);
        String found = language.runFor((long) (seconds * NANOS), seed);
        List<String> never = pairs.neverMet();
        String summary = String.format(
                Locale.ROOT,
                "files, live: %d scripts, %d operations, %d pairs met, never met: %s",
                language.scripts(),
                pairs.steps(),
                pairs.met().size(),
                never);
        System.out.println(summary);
        Files.writeString(Path.of("target", "live-files.txt"), summary + "\n" + pairs.met() + "\n");
        assertNull(found);
    }

    @Test
    @DisplayName("have scripts that are read again as they are written")
    void text() {
        Generator generator = new Generator(5);
        World world = new World();
        List<Step> steps =
                IntStream.range(0, 500).mapToObj(i -> generator.next(world, i)).collect(Collectors.toList());
        assertEquals(steps, Step.parseAll(steps.stream().map(Step::toString).collect(Collectors.toList())));
    }
}
