// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Tests a guest that runs as user 0. */
@Timeout(60)
@Tag("comparison")
final class RootUserTest {
    @TempDir
    private Path root;

    @Test
    @DisplayName("A guest of user 0 becomes other users by the rules of Linux, and its signals and programs show whose")
    void becomesOthers() throws Exception {
        assertEquals(
                new GuestRun.GuestResult(0, "ok users\n"),
                new GuestRun(root).asRoot().run(GuestRun.program("users"), "root"));
    }
}
