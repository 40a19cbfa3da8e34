// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.signal;

import dev.samara.emulator.linux.memory.ProcessMemory;
import org.jspecify.annotations.Nullable;

/** The part of a guest process that signals use. */
public interface SignalProcess {
    ProcessMemory memory();

    /** The lock of the actions and of the pending signals, including those of its threads. */
    Object signals();

    SignalActions actions();

    /** The pending signals that any of its threads may take. */
    PendingSignals pending();

    /**
     * Discards the pending signals of a set, both of this process and of its threads. The caller holds the signals'
     * lock.
     */
    void discard(long set);

    /** Returns the mask of the first thread, even after its end. */
    SignalMask leaderMask();

    /** Returns the first thread that does not block the signal with this bit; null if there is none. */
    @Nullable
    SignalThread taker(long bit);

    /** Wakes all threads, which then check for signals. May be called by any thread. */
    void wakeAll();

    /** Ends this process by a signal, unless it is already ending. May be called by any thread. */
    void kill(int signal);
}
