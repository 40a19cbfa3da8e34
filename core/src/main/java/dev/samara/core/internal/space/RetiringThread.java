// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import org.jspecify.annotations.Nullable;

/**
 * The range in flight that the current thread is retiring. Code that a retirement calls must not wait for operations.
 * Methods that may wait for operations check here whether a retirement called them.
 */
public final class RetiringThread {
    /**
     * Written: its thread (plain: a {@code ThreadLocal}).
     * Read: its thread (plain: a {@code ThreadLocal}).
     * Invariant: the innermost range in flight that this thread retires.
     */
    private static final ThreadLocal<@Nullable InFlightOperation> RETIRING = new ThreadLocal<>();

    private RetiringThread() {}

    /** Returns the innermost range in flight that this thread is retiring, or null. */
    public static @Nullable InFlightOperation range() {
        return RETIRING.get();
    }

    /** Sets the range that this thread retires; null if there is none. */
    public static void set(@Nullable InFlightOperation range) {
        if (range == null) {
            RETIRING.remove();
        } else {
            RETIRING.set(range);
        }
    }
}
