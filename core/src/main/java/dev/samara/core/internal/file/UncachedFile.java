// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import java.nio.ByteBuffer;

/**
 * A file whose pages in memory are a cache of bytes that are stored elsewhere. If many bytes are copied from a mapping
 * of the file, they can be read from there, without bringing pages into memory.
 */
public interface UncachedFile {
    /** A range of a mapping that starts at the first byte of a read. */
    interface AbsentEntries {
        /**
         * Returns the number of pages, from the first one on, that have no entry in the page table while the mapping
         * exists.
         *
         * @param most the maximum number of pages
         * @return the number of pages; 0 if the mapping does not exist any more
         */
        int absent(int most);
    }

    /** Returns the minimum number of bytes of a read that bypasses the cache. */
    int leastUncached();

    /**
     * Reads bytes of consecutive pages that are not in memory into the remaining bytes of a buffer, and advances the
     * buffer's position by their number. May also overwrite bytes of the buffer after the new position. May wait for
     * the host, and for truncations.
     *
     * @param mapped the range of the mapping; pages with an entry are not read
     * @return the number of bytes read; each has a value that the mapping contained at some time during this call. 0 if
     *     the pages must be faulted in
     */
    int readUncached(ByteBuffer target, long offset, AbsentEntries mapped);
}
