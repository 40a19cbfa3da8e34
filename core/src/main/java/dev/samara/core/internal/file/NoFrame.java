// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.page.Frames;

/**
 * The reasons why a page cache returns no frame. Each reason is a result below {@link Frames#NONE}. Callers may use
 * smaller numbers for further reasons.
 */
public final class NoFrame {
    /** No frame is free. */
    public static final int NO_MEMORY = Frames.NONE - 1;

    /** The result of an insertion of a page whose read is stale. */
    public static final int STALE = NO_MEMORY - 1;

    /** The result of an insertion of a page that an eviction may put back. */
    public static final int EVICTED = STALE - 1;

    private NoFrame() {}
}
