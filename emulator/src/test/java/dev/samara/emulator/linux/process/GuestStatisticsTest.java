// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.emulator.limit.GuestLimits;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

final class GuestStatisticsTest {
    @Test
    @DisplayName("calls of numbers that Linux does not have are one line, however many numbers there are")
    void unknownNumbers() {
        GuestStatistics counts = new GuestStatistics();
        counts.unknownCall(GuestLimits.CALL_NUMBERS - 1);
        for (int number = GuestLimits.CALL_NUMBERS; number < 10_000; number++) {
            counts.unknownCall(number);
            counts.unknownCall(-number);
        }
        List<String> lines =
                counts.lines().stream().filter(line -> line.contains("ENOSYS")).toList();
        assertEquals(
                List.of(
                        "call 511 is not known here: ENOSYS, 1 times",
                        "a number that Linux does not have is not known here: ENOSYS, 18976 times"),
                lines);
    }
}
