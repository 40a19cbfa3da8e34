// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import java.nio.ByteBuffer;

/**
 * A file whose pages in memory are a cache of bytes elsewhere, so that a copy of many bytes of a mapping need not bring
 * pages into memory.
 */
public interface UncachedFile {
    /** A range of a mapping, from the first byte of a read on. */
    interface AbsentEntries {
        /**
         * Returns how many pages from the first one on have no entry in the page table, while the mapping stands.
         *
         * @param most the most pages
         * @return the number of pages; 0 if the mapping does not stand any more
         */
        int absent(int most);
    }

    /** Returns the fewest bytes that are read past the cache. */
    int leastUncached();

    /**
     * Reads bytes of consecutive pages that are not in memory into the remaining bytes of a buffer, and advances its
     * position by their number. The bytes after these may have changed. May wait for the host, and for truncations.
     *
     * @param mapped the pages of the mapping: those with an entry are left out
     * @return the number of bytes, each of which the mapping had at some instant of this call; 0 if they have to be
     *     faulted in
     */
    int readUncached(ByteBuffer target, long offset, AbsentEntries mapped);
}
