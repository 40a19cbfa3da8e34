// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import org.jspecify.annotations.Nullable;

/**
 * Identifies a futex word ({@code union futex_key}). Two addresses, in one space or in different spaces, are the same
 * word if their keys are equal. {@link GuestMemory#futexKey} returns the key of an address.
 *
 * <p>A key keeps nothing reachable, and never equals a key of a later space or file. It can be kept after the word has
 * been unmapped. Use it only with tables of the machine that returned it.
 *
 * @param kind what the word belongs to
 * @param pageSize the page size of the space in bytes
 * @param object the number of the space on its machine; for {@link Kind#FILE} the number of the page cache, among the
 *     page caches of this page size
 * @param place the address of the word; for {@link Kind#FILE} the offset in the file, in bytes
 */
public record FutexKey(Kind kind, int pageSize, long object, long place) {
    /** What a futex word belongs to. */
    public enum Kind {
        /** A space, for a call that declares that only one process uses the word ({@code FUTEX_PRIVATE_FLAG}). */
        PRIVATE,
        /**
         * A space, for a call without that flag, if the page is private memory ({@code FUT_OFF_MMSHARED}). A wake with
         * a key of this kind does not wake a waiter with a key of the kind {@code PRIVATE}, even at the same address,
         * nor vice versa.
         */
        SPACE,
        /** A page cache: of a file, of shared anonymous memory or of a segment ({@code FUT_OFF_INODE}). */
        FILE
    }

    // Written by hand: a record's generated methods would be linked at the first call, while a lock of the table is
    // held.

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
