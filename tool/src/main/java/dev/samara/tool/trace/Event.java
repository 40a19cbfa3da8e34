// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.trace;

/**
 * An event of the traced process.
 *
 * @param line its line, counted from 1
 * @param sequence its sequence number
 * @param thread the ID of the thread that caused it
 * @param kind its kind
 * @param child the ID of the thread that was created; 0 if none was
 * @param childSpace the number of the address space that was copied for the child; 0 if none was
 * @param flags the flags of the call that created the thread; 0 if none was created
 */
public record Event(int line, long sequence, int thread, Kind kind, int child, int childSpace, long flags)
        implements TraceEntry {
    private static final long CLONE_THREAD = 0x10000;

    /** The kinds of events. */
    public enum Kind {
        /** A child with a copy of the address space was created. */
        FORK,
        /** A thread was created, or a process that shares the address space. */
        THREAD,
        /** A child was created that shares the address space while its parent waits. */
        VFORK,
        /** A program is about to be executed. */
        EXEC_ENTER,
        /** A program was executed in another address space. */
        EXEC_OK,
        /** A thread ended. */
        EXIT
    }

    /**
     * Returns whether a process was created that shares this address space, but has separate limits.
     *
     * @return true if so
     */
    public boolean sharesOnlyMemory() {
        return (kind == Kind.THREAD || kind == Kind.VFORK) && (flags & CLONE_THREAD) == 0;
    }
}
