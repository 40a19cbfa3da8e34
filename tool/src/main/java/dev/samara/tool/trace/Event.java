// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.trace;

/**
 * An event of the process.
 *
 * @param line its line, counted from 1
 * @param sequence its number
 * @param thread the thread that caused it
 * @param kind its kind
 * @param child the thread that began; 0 if none did
 * @param childSpace the number of the address space that was copied for it; 0 if none was
 * @param flags the flags of its birth; 0 if none began
 */
public record Event(int line, long sequence, int thread, Kind kind, int child, int childSpace, long flags)
        implements TraceEntry {
    private static final long CLONE_THREAD = 0x10000;

    /** The kinds of events. */
    public enum Kind {
        /** A child that has a copy of the address space. */
        FORK,
        /** A thread, or a process, that shares the address space. */
        THREAD,
        /** A child that shares the address space while its parent waits. */
        VFORK,
        /** A program is about to be executed. */
        EXEC_ENTER,
        /** A program was executed; it has another address space. */
        EXEC_OK,
        /** A thread ended. */
        EXIT
    }

    /**
     * Returns whether a process began that shares this address space but has limits of its own.
     *
     * @return true if so
     */
    public boolean sharesOnlyMemory() {
        return (kind == Kind.THREAD || kind == Kind.VFORK) && (flags & CLONE_THREAD) == 0;
    }
}
