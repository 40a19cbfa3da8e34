// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

/**
 * Why the guest has stopped.
 *
 * @param cause what has stopped it
 * @param signal the number of the signal, as Linux has it
 * @param address the written or read address, for a watchpoint
 * @param detail the name of the kind of watchpoint, or the path of the executed program; empty for others
 */
record StopEvent(Cause cause, int signal, long address, String detail) {
    static final int INT = 2;
    static final int TRAP = 5;

    /** What stops the guest. */
    enum Cause {
        /** A client has connected. */
        ATTACHED(false),
        /** The client wants a stop. */
        INTERRUPTED(false),
        /** A thread came to a breakpoint: if another stop is first, the thread comes to it again. */
        BREAKPOINT(false),
        /** A thread has made its one instruction. */
        STEPPED(false),
        /** A thread has accessed watched bytes. */
        WATCHED(true),
        /** A thread has taken a signal. */
        SIGNALLED(true),
        /** The process executes another program. */
        EXECUTED(true);

        private final boolean isKept;

        Cause(boolean isKept) {
            this.isKept = isKept;
        }
    }

    static StopEvent of(Cause cause, int signal) {
        return new StopEvent(cause, signal, 0, "");
    }

    /** Whether it is still to be reported after a stop of another thread that was reported first. */
    boolean isKept() {
        return cause.isKept;
    }
}
