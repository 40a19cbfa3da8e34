// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.signal;

import dev.samara.emulator.cpu.Hart;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.wait.WaitingThread;

/** The part of a guest thread that signals use. */
public interface SignalThread extends WaitingThread {
    SignalProcess process();

    Hart hart();

    /** The memory that contains the stacks of handlers. */
    CallMemory memory();

    /** The pending signals that were sent to this thread alone. */
    PendingSignals pending();

    SignalMask mask();

    AlternateStack alternateStack();

    InterruptedCall interruptedCall();

    /** Whether this thread must end, either alone or because its process ends. */
    boolean mustEnd();

    /** Waits while a debugger has stopped this thread. Called by this thread, outside GUEST. */
    void pauseForDebugger();

    /** Whether a debugger decides about the signals that this thread takes. */
    boolean isDebugged();

    /** Lets a debugger decide about a signal. Returns the number of the signal to deliver instead; 0 for none. */
    int askDebugger(SignalInfo info);

    /** Counts the start of a handler. */
    void countHandler();

    /** Reports that a signal is about to end the process. */
    void reportEnd(SignalInfo info);
}
