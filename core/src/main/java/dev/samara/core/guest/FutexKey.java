// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import org.jspecify.annotations.Nullable;

/**
 * What makes two addresses one futex word ({@code union futex_key}). Equal keys mean the same word, in whichever spaces
 * and at whichever addresses. {@link GuestMemory#futexKey} returns the key of an address.
 *
 * <p>A key keeps nothing reachable, and never equals the key of a space or file that came later. It can be kept after
 * the word was unmapped. It is for the tables of the machine that has returned it.
 *
 * @param kind what the word belongs to
 * @param pageSize the page size of the space in bytes
 * @param object the number of the space on its machine; for {@link Kind#FILE} the number of the page cache, among those
 *     for the page size
 * @param place the address of the word; for {@link Kind#FILE} the offset in the file, in bytes
 */
public record FutexKey(Kind kind, int pageSize, long object, long place) {
    /** What a futex word belongs to. */
    public enum Kind {
        /** A space, in a call that says that only one process uses the word ({@code FUTEX_PRIVATE_FLAG}). */
        PRIVATE,
        /**
         * A space, in a call without that flag, where the page is private memory. A wait of one of these two kinds and
         * a wake of the other do not meet, even at one address ({@code FUT_OFF_MMSHARED}).
         */
        SPACE,
        /** A page cache: of a file, of shared anonymous memory or of a segment ({@code FUT_OFF_INODE}). */
        FILE
    }

    // Written out: those of a record link at their first call, which is made with a lock of the table.

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof FutexKey key
                && place == key.place
                && object == key.object
                && kind == key.kind
                && pageSize == key.pageSize;
    }

    @Override
    public int hashCode() {
        return (Long.hashCode(place) * 31 + Long.hashCode(object)) * 31 + pageSize;
    }
}
