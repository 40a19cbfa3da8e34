// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import org.jspecify.annotations.Nullable;

/**
 * Detects waits in calls that must not wait: the calls that a machine with {@code checkOffers} makes in a reader
 * section. Every method that may wait calls {@link #check} first, which throws in such a call. The caller of {@link
 * #exit} learns of the first exception even if it was caught.
 *
 * <p>State is per thread, except for a flag that avoids the thread-local read as long as no machine with {@code
 * checkOffers} was built.
 */
public final class NoWaiting {
    private static final ThreadLocal<@Nullable NoWaiting> CURRENT = new ThreadLocal<>();

    /**
     * Whether a machine with {@code checkOffers} was built. Never reset.
     *
     * <p>Written: a thread that builds a machine with {@code checkOffers} (volatile).
     * Read: a thread that may have to wait (volatile).
     * Invariant: never reset. A machine is passed to other threads after it has been built, so each thread that works
     *     on such a machine sees the flag.
     */
    private static volatile boolean isUsed;

    private final String where;
    private @Nullable IllegalStateException first;

    private NoWaiting(String where) {
        this.where = where;
    }

    /** Records that a machine with {@code checkOffers} is built. Called before the first {@link #enter}. */
    public static void use() {
        isUsed = true;
    }

    /**
     * Starts a call in which this thread must not wait. Does not nest.
     *
     * @param where the call, for messages
     */
    public static void enter(String where) {
        CURRENT.set(new NoWaiting(where));
    }

    /**
     * Ends the call.
     *
     * @return the exception of the first attempt to wait, or null if there was none
     */
    public static @Nullable IllegalStateException exit() {
        NoWaiting ended = CURRENT.get();
        CURRENT.remove();
        return ended == null ? null : ended.first;
    }

    /** Returns whether this thread is in a call in which it must not wait. */
    public static boolean isEntered() {
        return isUsed && CURRENT.get() != null;
    }

    /**
     * Checks that this thread may wait. Called by methods that may have to wait, before they change anything.
     *
     * @param what the wait, for messages
     * @throws IllegalStateException if this thread must not wait
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
