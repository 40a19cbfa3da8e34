// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

final class MunmapInFlightTest {
    @Test
    @DisplayName("lookups find nothing in a range in flight, placement avoids it, and a call that names it waits")
    void prints() throws Exception {
        assertEquals(
                List.of(
                        "In flight: the munmap is complete: false",
                        "  A lookup finds null",
                        "  An access ends at once in SEGV_MAPERR",
                        "  A mapping of that size is placed at 7ffff7ffb000, not at 7ffff7ffd000",
                        "  A mapping that must be there is done: false",
                        "Complete: munmap returned 0",
                        "  The mapping that had to be there is at 7ffff7ffd000",
                        "  7ffff7ffb000-7ffff7ffd000 r--p 00000000 00:00 0 ",
                        "  7ffff7ffd000-7ffff7fff000 -w-p 00000000 00:00 0 "),
                Printed.by(() -> MunmapInFlight.main(new String[0])));
    }
}
