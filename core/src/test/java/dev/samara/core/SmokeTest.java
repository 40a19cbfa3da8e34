// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.samara.core.fixture.ChildJvm;
import dev.samara.smoke.SmokeClient;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Runs {@link SmokeClient} as an embedder would, in a child JVM of the version that runs the tests. */
@DisplayName("a client of the library needs no flag and prints nothing")
final class SmokeTest {
    /** Denies what a later JDK will deny by default. */
    private static final List<String> STRICT =
            List.of("--sun-misc-unsafe-memory-access=deny", "--illegal-native-access=deny");

    private static boolean knowsStrict() {
        return Runtime.version().feature() >= 24;
    }

    @Test
    @DisplayName("on the class path")
    void classPath() throws Exception {
        ChildJvm.runSilently(SmokeClient.class, List.of(), ChildJvm.onClassPath());
    }

    @Test
    @DisplayName("on the module path")
    void modulePath() throws Exception {
        assumeTrue(Machine.class.getModule().isNamed(), "the classes are on the class path");
        ChildJvm.runSilently(SmokeClient.class, List.of(), ChildJvm.onModulePath());
    }

    @Test
    @DisplayName("where the JVM denies Unsafe and native access, on either path")
    void strict() throws Exception {
        assumeTrue(knowsStrict(), "the JVM does not know the options");
        ChildJvm.runSilently(SmokeClient.class, STRICT, ChildJvm.onClassPath());
        assumeTrue(Machine.class.getModule().isNamed(), "the classes are on the class path");
        ChildJvm.runSilently(SmokeClient.class, STRICT, ChildJvm.onModulePath());
    }
}
