// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * The charge of a layout that is divided: that of the division, and what each part has charged since. Each part writes
 * a word of its own.
 */
final class ChargedPages {
    /** Words of a part: two cache lines, since processors fetch lines in pairs. */
    private static final int STRIDE = 16;

    private static final VarHandle SINCE = MethodHandles.arrayElementVarHandle(long[].class);

    private final long before;
    private final long[] since;

    ChargedPages(long before, int parts) {
        this.before = before;
        since = new long[(parts + 1) * STRIDE];
    }

    /** Sets what a part has charged. Caller holds the lock of the part. */
    void set(int part, long pages) {
        // Opaque: a statistic, as in Identity.
        SINCE.setOpaque(since, (part + 1) * STRIDE, pages);
    }

    long sum() {
        long sum = before;
        for (int i = STRIDE; i < since.length; i += STRIDE) {
            sum += (long) SINCE.getOpaque(since, i);
        }
        return sum;
    }
}
