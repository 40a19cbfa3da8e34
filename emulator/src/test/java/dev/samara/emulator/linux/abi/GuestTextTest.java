// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.abi;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

final class GuestTextTest {
    @Test
    @DisplayName("a name is shown as UTF-8, without control characters that a terminal would obey")
    void shown() {
        assertEquals("/b\u00e4r \ufffd", GuestText.shown(GuestText.ofHost("/b\u00e4r ") + "\u00ff"));
        assertEquals("\\033[2J\\012\\233", GuestText.shown(GuestText.ofHost("\u001b[2J\n\u009b")));
    }
}
