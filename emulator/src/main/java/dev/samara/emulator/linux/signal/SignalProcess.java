// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.signal;

import dev.samara.emulator.linux.memory.ProcessMemory;
import org.jspecify.annotations.Nullable;

/** A process of the guest, as its signals see it. */
public interface SignalProcess {
    ProcessMemory memory();

    /** The lock of actions and pending signals, also of those of its threads. */
    Object signals();

    SignalActions actions();

    /** The signals that any of its threads may take. */
    PendingSignals pending();

    /** Whether a signal has stopped this process. */
    GroupStop stop();

    /** The number of its threads. */
    int threads();

    boolean isExiting();

    /** Whether no other process could continue this one, so that only SIGSTOP stops it. */
    boolean isOrphaned();

    /** Tells the parent if this process has stopped. The caller has no lock of it. */
    void noticeStop();

    /**
     * Tells the parent that this process was continued. The caller has no lock of it.
     *
     * @param code what the parent finds in si_code
     */
    void noticeContinuation(int code);

    /** Forgets signals of a set that wait, for this process or for a thread. The caller has the lock of signals. */
    void discard(long set);

    /** Returns what the first thread blocks, also after its end. */
    SignalMask leaderMask();

    /** Returns a thread that does not block a signal, of which the bit is given; the first one comes first. */
    @Nullable
    SignalThread taker(long bit);

    /** Has all threads look for signals. For any thread. */
    void wakeAll();

    /** Ends this process by a signal, unless it is ending. For any thread. */
    void kill(int signal);
}
