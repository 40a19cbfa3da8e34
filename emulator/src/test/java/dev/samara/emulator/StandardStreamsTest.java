// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.emulator.linux.RunPlan;
import java.nio.file.Path;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tests what a guest sees of its standard streams. */
@Timeout(60)
final class StandardStreamsTest {
    @TempDir
    private Path root;

    @ParameterizedTest
    @DisplayName("each of a guest's standard streams may be a terminal while the others are none")
    @CsvSource({"true, false, false, 100", "false, true, false, 010", "false, false, true, 001", "true, true, true, 111"
    })
    void terminals(boolean in, boolean out, boolean errors, String printed) throws Exception {
        GuestRun run = new GuestRun(root).terminals(new RunPlan.Terminals(in, out, errors));
        assertEquals(new GuestRun.GuestResult(0, printed + "\nok terminals\n"), run.run(GuestRun.program("terminals")));
    }
}
