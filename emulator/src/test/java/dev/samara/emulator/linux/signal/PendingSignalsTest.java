// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.signal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.emulator.linux.signal.PendingSignals.SignalInfo;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Tests the order in which signals are taken ({@code next_signal}). */
class PendingSignalsTest {
    private final PendingSignals pending = new PendingSignals(new Semaphore(8));

    /** On Linux, a program took these signals in this order: those in SYNCHRONOUS_MASK come first. */
    @Test
    void signalsOfFaultsComeFirst() {
        for (int signal : List.of(40, 1, 31, 6, 8, 7, 5, 11, 4, 2)) {
            assertTrue(pending.add(SignalInfo.sent(signal, SignalInfo.SI_USER, 1000, 1000)));
        }
        List<Integer> taken = new ArrayList<>();
        for (SignalInfo next = pending.take(-1); next != null; next = pending.take(-1)) {
            taken.add(next.signal());
        }
        assertEquals(List.of(4, 5, 7, 8, 11, 31, 1, 2, 6, 40), taken);
    }

    private boolean isQueued(int signal) {
        return pending.add(SignalInfo.sent(signal, -1, 1000, 1000));
    }

    @Test
    @DisplayName("queued signals that are discarded leave their room to others, and all others stay")
    void discardedLeaveTheirRoom() {
        for (int i = 0; i < 4; i++) {
            assertTrue(isQueued(40));
            assertTrue(isQueued(41));
        }
        assertFalse(isQueued(42));
        pending.discard(SignalInfo.bit(40));
        assertEquals(SignalInfo.bit(41), pending.set());
        for (int i = 0; i < 4; i++) {
            assertTrue(isQueued(42));
        }
        assertFalse(isQueued(42));
        pending.close();
        assertEquals(0, pending.set());
    }
}
