// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import org.jspecify.annotations.Nullable;

/**
 * Finds out who waits where nobody may: within a call that a checked machine makes in a reader section. Whatever may
 * wait asks {@link #check} first; it throws there, and the one who made the call is told of the first time even if that
 * was caught.
 *
 * <p>State is the thread's own, but for a switch that spares everybody the look while no machine is checked.
 */
public final class NoWaiting {
    private static final ThreadLocal<@Nullable NoWaiting> CURRENT = new ThreadLocal<>();

    /** Some machine is checked. Never taken back. */
    private static volatile boolean isUsed;

    private final String where;
    private @Nullable IllegalStateException first;

    private NoWaiting(String where) {
        this.where = where;
    }

    /** Says that some machine is checked, before the first {@link #enter}. */
    public static void use() {
        isUsed = true;
    }

    /**
     * Begins a call in which this thread may not wait; not within another one.
     *
     * @param where the call, for people
     */
    public static void enter(String where) {
        CURRENT.set(new NoWaiting(where));
    }

    /**
     * Ends the call.
     *
     * @return what was thrown when it was about to wait first, or null if it never was
     */
    public static @Nullable IllegalStateException exit() {
        NoWaiting ended = CURRENT.get();
        CURRENT.remove();
        return ended == null ? null : ended.first;
    }

    /**
     * Called by what may have to wait, before it changes anything.
     *
     * @param what what it is, for people
     * @throws IllegalStateException if this thread may not wait
     */
    public static void check(String what) {
        if (isUsed) {
            NoWaiting current = CURRENT.get();
            if (current != null) {
                IllegalStateException refused = new IllegalStateException(
                        what + " was called by " + current.where + ", which must not wait for anything");
                if (current.first == null) {
                    current.first = refused;
                }
                throw refused;
            }
        }
    }
}
