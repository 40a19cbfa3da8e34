// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.samara.testing.judge.LiveKernel;
import dev.samara.testing.live.LiveRun;
import dev.samara.testing.live.ScriptFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
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
    private static final Path REGRESSIONS = FileLanguage.FOLDER.resolve("regressions");

    /** The number of scripts of a full run, and of parts, of which a build runs one. */
    private static final int SCRIPTS = 2_000;

    private static final int PARTS = 10;

    @TempDir
    @SuppressWarnings("NullAway.Init")
    private Path folder;

    @SuppressWarnings("NullAway.Init")
    private Arena arena;

    @BeforeEach
    void start() throws IOException {
        arena = Arena.of(folder);
    }

    @AfterEach
    void end() throws IOException {
        arena.close();
    }

    static Stream<String> regressions() throws IOException {
        return ScriptFiles.names(REGRESSIONS);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("regressions")
    @DisplayName("do the same in each script that once showed a difference:")
    void regression(String name) throws IOException {
        assertNull(Trial.run(arena, Step.parseAll(ScriptFiles.lines(REGRESSIONS.resolve(name)))));
    }

    @Test
    @DisplayName("do the same in scripts that a seed chooses")
    void share() throws IOException {
        new LiveRun<>(new FileLanguage(arena), REGRESSIONS).run(0, SCRIPTS, PARTS);
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
