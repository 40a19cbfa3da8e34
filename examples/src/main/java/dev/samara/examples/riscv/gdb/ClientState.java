// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.gdb;

/** What a client has said about itself, and which thread it speaks of. Used by the server's thread. */
final class ClientState {
    private final StopControl control;

    /** Whether numbers of threads have that of their process. */
    boolean hasProcesses;

    boolean knowsBreakpoints;
    boolean knowsExecs;
    boolean acknowledges = true;

    /** The thread of registers; 0 for the one that has stopped the others. */
    int selected;

    ClientState(StopControl control) {
        this.control = control;
    }

    /** Returns the number of the thread that packets about registers concern. */
    int selectedThread() {
        return selected > 0 && control.has(selected) ? selected : control.stopper();
    }

    /** Returns a number of a thread as this client has it. */
    String threadId(int tid) {
        String number = Integer.toHexString(tid);
        return hasProcesses ? "p" + Integer.toHexString(control.process().pid()) + "." + number : number;
    }
}
