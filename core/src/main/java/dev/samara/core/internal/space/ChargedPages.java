// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * The charge and the mapped pages of a divided layout: the values at the division, plus what each part has added since.
 * Each part writes its own words.
 */
final class ChargedPages {
    /** The number of words per part: two cache lines, because processors fetch lines in pairs. */
    private static final int STRIDE = 16;

    /**
     * Written: holder of the lock of the part (opaque).
     * Read: any thread (opaque).
     * Invariant: the pages that the part charged and mapped since the division, as of its last publication or
     *     completion.
     */
    private static final VarHandle SINCE = MethodHandles.arrayElementVarHandle(long[].class);

    private final long chargedBefore;
    private final long mappedBefore;
    private final long[] since;

    ChargedPages(LayoutCounters before, int parts) {
        chargedBefore = before.accounted;
        mappedBefore = before.total;
        since = new long[(parts + 1) * STRIDE];
    }

    /** Sets how many pages a part charged and mapped since the division. Caller holds the lock of the part. */
    void set(int part, long charged, long mapped) {
        // Opaque, because these are statistics, as in Identity.
        SINCE.setOpaque(since, (part + 1) * STRIDE, charged);
        SINCE.setOpaque(since, (part + 1) * STRIDE + 1, mapped);
    }

    long sum() {
        return chargedBefore + sumFrom(STRIDE);
    }

    /** Returns the mapped pages. */
    long mapped() {
        return mappedBefore + sumFrom(STRIDE + 1);
    }

    private long sumFrom(int first) {
        long sum = 0;
        for (int i = first; i < since.length; i += STRIDE) {
            sum += (long) SINCE.getOpaque(since, i);
        }
        return sum;
    }
}
