// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import static org.junit.jupiter.api.Assertions.assertNull;

import dev.samara.testing.live.LiveRun;
import dev.samara.testing.live.ScriptFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@Tag("live")
@Timeout(value = 4, unit = TimeUnit.HOURS)
@DisplayName("Files of the host, each call of which fails, is short or is interrupted in turn,")
final class HostFaultsTest {
    private static final Path REGRESSIONS = Path.of("src/test/resources/dev/samara/core/live/file/faults");

    /** The number of scripts of a full run, and of parts, of which a build runs one. */
    private static final int SCRIPTS = 200;

    private static final int PARTS = 25;

    @TempDir
    @SuppressWarnings("NullAway.Init")
    private Path folder;

    @SuppressWarnings("NullAway.Init")
    private FaultLanguage language;

    @BeforeEach
    void start() {
        language = new FaultLanguage(folder);
    }

    static Stream<String> regressions() throws IOException {
        return ScriptFiles.names(REGRESSIONS);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("regressions")
    @DisplayName("keep what was acknowledged in each script in which something was once lost:")
    void regression(String name) throws IOException {
        assertNull(language.runAll(Step.parseAll(ScriptFiles.lines(REGRESSIONS.resolve(name)))));
    }

    @Test
    @DisplayName("keep what was acknowledged, and tell each failure once, in scripts that a seed chooses")
    void share() throws IOException {
        new LiveRun<>(language, REGRESSIONS).run(0, SCRIPTS, PARTS);
    }
}
