// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

/** Gives tests of other packages access to the numbers of {@link TlbContext}. */
public final class ContextNumbers {
    private ContextNumbers() {}

    /** Gives the next context a number that is above another context's number by a distance. */
    public static void nextAbove(TlbContext other, long distance) {
        TlbContext.next(other.id + distance);
    }
}
