// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.samara.core.fixture.ChildJvm;
import dev.samara.smoke.SmokeClient;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A JVM without the modules of the flight recorder and of MBeans runs a client, which prints nothing")
final class OptionalModulesTest {
    private static List<String> only(String modules) {
        return List.of("--limit-modules", modules);
    }

    @Test
    @DisplayName("on the class path")
    void classPath() throws Exception {
        ChildJvm.runSilently(SmokeClient.class, only("java.base"), ChildJvm.onClassPath());
    }

    @Test
    @DisplayName("on the module path")
    void modulePath() throws Exception {
        assumeTrue(Machine.class.getModule().isNamed(), "the classes are on the class path");
        ChildJvm.runSilently(SmokeClient.class, only("java.base,dev.samara.core"), ChildJvm.onModulePath());
    }
}
