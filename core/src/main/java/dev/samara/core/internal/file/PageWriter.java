// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import java.nio.ByteBuffer;

/** Writes pages of a page cache to the file's storage. Called without the locks of the cache; may block. */
@FunctionalInterface
public interface PageWriter {
    /**
     * The result of a write-back that did not fail, but in which the writer held back at least one page. This is not an
     * errno.
     */
    long HELD = -4097;

    /**
     * Returns the first of two results that is a failure, otherwise {@link #HELD} if one of them is {@code HELD},
     * otherwise 0.
     */
    static long worse(long first, long second) {
        return first == 0 || (first == HELD && second != 0) ? second : first;
    }

    /**
     * Returns whether a page may be written now. If not, the page is held back and stays dirty.
     *
     * @param offset the offset of the page in the file
     * @param page the bytes of the page, from the buffer's position to its limit
     */
    default boolean mayWrite(long offset, ByteBuffer page) {
        return true;
    }

    /**
     * Writes bytes of consecutive pages.
     *
     * @param offset the offset of the first byte in the file
     * @param bytes the bytes, from the buffer's position to its limit
     * @return 0 if all bytes were written; otherwise a negated errno, and the pages stay dirty
     */
    long write(long offset, ByteBuffer bytes);
}
