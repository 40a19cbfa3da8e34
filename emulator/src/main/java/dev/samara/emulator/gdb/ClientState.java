// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

import dev.samara.emulator.linux.debug.DebuggedProcess;

/** What a client has said about itself, and which thread it speaks of. Used by the server's thread. */
final class ClientState {
    private final ClientThreads threads;
    private final DebuggedProcess process;

    /** Whether numbers of threads have that of their process. */
    boolean hasProcesses;

    boolean knowsBreakpoints;
    boolean knowsExecs;
    boolean acknowledges = true;

    /** The thread of registers; 0 for the one that has stopped the others. */
    int selected;

    ClientState(ClientThreads threads, DebuggedProcess process) {
        this.threads = threads;
        this.process = process;
    }

    /** Returns the number of the thread that packets about registers concern. */
    int selectedThread() {
        return selected > 0 && threads.has(selected) ? selected : threads.stopper();
    }

    /** Returns a number of a thread as this client has it. */
    String threadId(int tid) {
        String number = Integer.toHexString(tid);
        return hasProcesses ? "p" + Integer.toHexString(process.pid()) + "." + number : number;
    }
}
