// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

final class FivePageMprotectTest {
    @Test
    @DisplayName("one mapping becomes three and one again")
    void prints() throws Exception {
        assertEquals(
                List.of(
                        "Five pages that may be read and written are one mapping:",
                        "  7ffff7ffa000-7ffff7fff000 rw-p 00000000 00:00 0 ",
                        "The one in the middle may only be read now, so there are three:",
                        "  7ffff7ffa000-7ffff7ffc000 rw-p 00000000 00:00 0 ",
                        "  7ffff7ffc000-7ffff7ffd000 r--p 00000000 00:00 0 ",
                        "  7ffff7ffd000-7ffff7fff000 rw-p 00000000 00:00 0 ",
                        "All five are alike again, and one mapping again:",
                        "  7ffff7ffa000-7ffff7fff000 rw-p 00000000 00:00 0 "),
                Printed.by(() -> FivePageMprotect.main(new String[0])));
    }
}
