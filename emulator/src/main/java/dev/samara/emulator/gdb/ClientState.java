// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

import dev.samara.emulator.linux.debug.DebuggedProcess;

/** The features that a client supports, and the thread that it selected. Used only by the server's thread. */
final class ClientState {
    private final ClientThreads threads;
    private final DebuggedProcess process;

    /** Whether thread IDs include the ID of the process. */
    boolean hasProcesses;

    boolean knowsBreakpoints;
    boolean knowsExecs;
    boolean acknowledges = true;

    /** The thread for packets about registers; 0 for the thread that caused the stop. */
    int selected;

    ClientState(ClientThreads threads, DebuggedProcess process) {
        this.threads = threads;
        this.process = process;
    }

    /** Returns the ID of the thread for packets about registers. */
    int selectedThread() {
        return selected > 0 && threads.has(selected) ? selected : threads.stopper();
    }

    /** Returns a thread ID in the form that this client uses. */
    String threadId(int tid) {
        String number = Integer.toHexString(tid);
        return hasProcesses ? "p" + Integer.toHexString(process.pid()) + "." + number : number;
    }
}
