// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

final class MapFixedTest {
    @Test
    @DisplayName("accesses and calls of the replaced page wait, and no others")
    void prints() throws Exception {
        assertEquals(
                List.of(
                        "These do not wait:",
                        "  find, which has the new mapping: 11000-12000 +11 anonymous [rd mr mw me]",
                        "  the VMA of a reference: 11000-12000 +11 anonymous [rd mr mw me]",
                        "  an access next to it: NONE",
                        "  mprotect next to it: 0",
                        "  mmap elsewhere: 20000",
                        "These wait, so none of them is done:",
                        "  the mmap itself: false",
                        "  an access to the page: false",
                        "  mprotect of the page: false",
                        "Now they are:",
                        "  the mmap itself: 11000",
                        "  an access to the page: NONE",
                        "  mprotect of the page: 0",
                        "  00010000-00011000 ---p 00000000 00:00 0 ",
                        "  00011000-00013000 rw-p 00000000 00:00 0 ",
                        "  00020000-00021000 rw-p 00000000 00:00 0 "),
                Printed.by(() -> MapFixed.main(new String[0])));
    }
}
