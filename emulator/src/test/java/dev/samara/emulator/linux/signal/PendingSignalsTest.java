// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.signal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
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
}
