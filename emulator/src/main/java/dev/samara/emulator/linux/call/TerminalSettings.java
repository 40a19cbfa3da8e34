// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.emulator.linux.memory.CallMemory;
import java.nio.ByteBuffer;

/** The settings of the emulator's terminal as the guest sees them. The guest cannot change them. */
final class TerminalSettings {
    private static final int ICRNL = 0x100;
    private static final int OPOST_ONLCR = 5;
    private static final int CREAD_CS8 = 0xb0;
    private static final int ECHO_ICANON_ISIG = 0xb;
    private static final int SETTINGS = 36;
    private static final int ROWS = 24;
    private static final int COLUMNS = 80;

    private TerminalSettings() {}

    /** Returns a {@code struct termios} according to which lines are edited and echoed, which the host does. */
    static ByteBuffer bytes() {
        return CallMemory.structure(SETTINGS)
                .putInt(0, ICRNL)
                .putInt(4, OPOST_ONLCR)
                .putInt(8, CREAD_CS8)
                .putInt(12, ECHO_ICANON_ISIG);
    }

    /** Returns a {@code struct winsize}. */
    static ByteBuffer size() {
        return CallMemory.structure(8).putShort(0, (short) ROWS).putShort(2, (short) COLUMNS);
    }
}
