// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.lincheck;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.testing.Explored;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@DisplayName("Lincheck's model checker repeats scenarios of the scheduler")
@Tag("lincheck")
@Tag("model")
@Explored(4)
final class SecondOpinionTest {
    static List<SecondOpinions.Opinion> opinions() {
        return SecondOpinions.ALL;
    }

    @ParameterizedTest
    @MethodSource("opinions")
    @DisplayName("production code: nothing is found")
    void unchanged(SecondOpinions.Opinion opinion) {
        assertEquals("nothing", opinion.check());
    }

    /**
     * Plants all mutants together, because no scenario calls the mutated method of another scenario. They run in a
     * separate JVM, because Lincheck identifies classes by name and so instruments only one version of each.
     */
    @Test
    @DisplayName("with its mutant, each scenario fails")
    void broken(@TempDir Path directory) throws Exception {
        Path classes = directory.resolve("classes");
        for (SecondOpinions.Opinion opinion : SecondOpinions.ALL) {
            opinion.mutant().writeTo(classes);
        }
        Path out = directory.resolve("out");
        Process jvm = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:+IgnoreUnrecognizedVMOptions",
                        "-XX:+EnableDynamicAgentLoading",
                        "--sun-misc-unsafe-memory-access=allow",
                        "-Xshare:off",
                        "-Dsamara.torture=" + Boolean.getBoolean("samara.torture"),
                        "-Dlincheck.logFile=" + directory.resolve("log"),
                        "-cp",
                        classes + File.pathSeparator + System.getProperty("java.class.path"),
                        SecondOpinions.class.getName())
                .redirectErrorStream(true)
                .redirectOutput(out.toFile())
                .start();
        try {
            int status = jvm.waitFor();
            assertEquals(0, status, Files.readString(out));
        } finally {
            jvm.destroyForcibly();
        }
    }
}
