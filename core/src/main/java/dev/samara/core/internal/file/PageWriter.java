// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import java.nio.ByteBuffer;

/** Saves pages of a file behind its page cache. Called without the locks of the cache; may block. */
@FunctionalInterface
public interface PageWriter {
    /**
     * Writes bytes of consecutive pages.
     *
     * @param offset of the first byte in the file
     * @param bytes the bytes from the position to the limit
     * @return 0 if all bytes are written; otherwise a negated errno, and the pages stay dirty
     */
    long write(long offset, ByteBuffer bytes);
}
