// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.signal;

import dev.samara.emulator.cpu.Hart;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.wait.WaitingThread;

/** A thread of the guest, as its signals see it. */
public interface SignalThread extends WaitingThread {
    SignalProcess process();

    Hart hart();

    /** The memory in which handlers have their stack. */
    CallMemory memory();

    /** The signals that were sent to this thread alone. */
    PendingSignals pending();

    SignalMask mask();

    AlternateStack alternateStack();

    InterruptedCall interruptedCall();

    /** Whether this thread has to end, since its process does or it is alone to. */
    boolean mustEnd();

    /** Waits while a debugger has stopped this thread. For the thread itself, outside GUEST. */
    void pauseForDebugger();

    /** Whether a debugger decides about the signals that this thread takes. */
    boolean isDebugged();

    /** Has a debugger decide about a signal. Returns the number of the signal to act on instead; 0 for none. */
    int askDebugger(int signal);

    /** Counts a handler that begins. */
    void countHandler();

    /** Is told that a signal is about to end the process. */
    void reportEnd(SignalInfo info);
}
