// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

/**
 * The reason for which the guest stopped.
 *
 * @param cause the kind of reason
 * @param signal the number of the signal in Linux
 * @param address the written or read address of a watchpoint; 0 for other reasons
 * @param detail the name of the kind of watchpoint, or the path of the executed program; empty for other reasons
 */
record StopEvent(Cause cause, int signal, long address, String detail) {
    static final int INT = 2;
    static final int TRAP = 5;

    /** The kinds of reasons. */
    enum Cause {
        /** A client connected. */
        ATTACHED(false),
        /** The client requested a stop. */
        INTERRUPTED(false),
        /**
         * A thread reached a breakpoint. If another stop is reported first, the thread reaches the breakpoint again.
         */
        BREAKPOINT(false),
        /** A thread executed its single instruction. */
        STEPPED(false),
        /** A thread accessed watched bytes. */
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

    /** Whether the event must still be reported if a stop of another thread was reported first. */
    boolean isKept() {
        return cause.isKept;
    }
}
