// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

final class FaultOutcomesTest {
    @Test
    @DisplayName("each access ends as it would on Linux, and a copy leaves the file as it is")
    void prints() throws Exception {
        assertEquals(
                List.of(
                        "The first touch of a page reads it: done",
                        "The next one finds it mapped: done",
                        "A fault in another mapping maps the cached page: done",
                        "A store makes a copy: 7 here, 100 in the file",
                        "Beyond the end of the file: BUS_ADRERR, signal 7",
                        "A store that the mapping does not allow: SEGV_ACCERR, signal 11",
                        "Where nothing is mapped: SEGV_MAPERR, signal 11",
                        "Faults: 1 major, 3 minor",
                        "Frames in use: 1"),
                Printed.by(() -> FaultOutcomes.main(new String[0])));
    }
}
