// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import java.nio.ByteBuffer;

/** Saves pages of a file behind its page cache. Called without the locks of the cache; may block. */
@FunctionalInterface
public interface PageWriter {
    /** The result of a write-back during which the writer has held a page back, and nothing has failed. No errno. */
    long HELD = -4097;

    /** Returns the first failure of two results, or else {@link #HELD} if one of them is. */
    static long worse(long first, long second) {
        return first == 0 || (first == HELD && second != 0) ? second : first;
    }

    /**
     * Returns whether a page may be written now. A page that may not stays dirty.
     *
     * @param offset of the page in the file
     * @param page its bytes from the position to the limit
     */
    default boolean mayWrite(long offset, ByteBuffer page) {
        return true;
    }

    /**
     * Writes bytes of consecutive pages.
     *
     * @param offset of the first byte in the file
     * @param bytes the bytes from the position to the limit
     * @return 0 if all bytes are written; otherwise a negated errno, and the pages stay dirty
     */
    long write(long offset, ByteBuffer bytes);
}
