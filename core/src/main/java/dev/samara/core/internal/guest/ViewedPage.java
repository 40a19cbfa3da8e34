// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import dev.samara.core.guest.PageView;
import dev.samara.core.internal.memory.ViewPins.Pinned;
import dev.samara.core.internal.sync.StackReserve;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** A page view: the bytes of pinned frames, or a copy of bytes on the heap. */
public final class ViewedPage extends PageView {
    /** The stack that a close needs, in stack frames. */
    private static final int DEPTH = StackReserve.around(48, 8);

    private final ByteBuffer bytes;

    /** The pins of the frames; null for a copy. */
    private final @Nullable Pinned pins;

    /** Whether the buffer rejects every access after the close. */
    private final boolean isRevoked;

    /**
     * Written: any thread that closes the view (volatile).
     * Read: any thread (volatile).
     * Invariant: set to true before the close releases the pins, and never reset.
     */
    private volatile boolean isClosed;

    ViewedPage(ByteBuffer bytes, @Nullable Pinned pins, boolean isRevoked) {
        this.bytes = bytes;
        this.pins = pins;
        this.isRevoked = isRevoked;
    }

    @Override
    public ByteBuffer buffer() {
        if (isClosed) {
            throw new IllegalStateException("a closed page view has no bytes: they may be another page by now");
        }
        return bytes;
    }

    @Override
    public boolean isCopy() {
        return pins == null;
    }

    @Override
    public void close() {
        StackReserve.check(DEPTH);
        isClosed = true;
        if (isRevoked) {
            // Set before a frame may contain another page.
            bytes.limit(0);
        }
        if (pins != null) {
            pins.release();
        }
    }

    /** Returns the number of bytes, and whether they are a copy or the view is closed, as text. */
    @Override
    public String toString() {
        return (isClosed ? "closed " : "") + "view of " + bytes.capacity() + " bytes" + (isCopy() ? ", a copy" : "");
    }
}
