// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

/** The seam of {@link TlbContext}'s numbers, for tests of other packages. */
public final class ContextNumbers {
    private ContextNumbers() {}

    /** Gives the next context the number that is so far above that of another one. */
    public static void nextAbove(TlbContext other, long distance) {
        TlbContext.next(other.id() + distance);
    }
}
