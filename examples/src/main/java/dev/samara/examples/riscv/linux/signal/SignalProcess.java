// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.signal;

import dev.samara.examples.riscv.linux.memory.ProcessMemory;

/** A process of the guest, as its signals see it. */
public interface SignalProcess {
    /** The user that its signals come from. */
    int user();

    ProcessMemory memory();

    /** The lock of actions and pending signals, also of those of its threads. */
    Object signals();

    SignalActions actions();

    /** The signals that any of its threads may take. */
    PendingSignals pending();

    /** Whether each thread blocks a signal, so that it has to be kept although it is ignored now. */
    boolean isBlocked(int signal);

    /** Has all threads look for signals. For any thread. */
    void wakeAll();

    /** Ends this process by a signal, unless it is ending. For any thread. */
    void kill(int signal);
}
