// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * The record of a frame: its word, its owner, its page in that owner's cache, and its reuse stamp. Records are in
 * arrays of longs; each record is contiguous, so that it is in one cache line.
 *
 * <p>This class contains all accesses to records. Each method takes the array and the position of the record, and its
 * name contains the access mode; an access without a mode is plain. {@link Frames} defines the meaning of the word.
 */
final class FrameRecordWords {
    /** Binary logarithm of the number of longs of a record. */
    static final int SHIFT = 2;

    /**
     * Written: allocating, freeing: the thread that owns the frame (release); counts, pins and marks: a thread that
     *     knows that the frame is not free (get-and-add, get-and-or, get-and-and; unpinning, and clearing DIRTY:
     *     compare-and-set).
     * Read: installing, reading the pins or the mark REMOVED, clearing DIRTY (volatile); deciding on reuse, unpinning
     *     (acquire); checks of the highest counts, displays, and the marks DIRTY, INACTIVE and WRITE_FAILED (opaque).
     * Pairs: a removal marks the frame, then walks; a fault links the leaf, then reads the mark. {@code GuestPins} pins
     *     a frame, fences (full), then reads the entry again, and sets DIRTY; a fork clears rights in the entry, then
     *     reads the pins. A write-back clears DIRTY only if the frame is not pinned, in one compare-and-set. It clears
     *     DIRTY, then walks under the locks of the leaves; a thread that removes a dirty entry sets DIRTY under that
     *     lock. {@code drop} (get-and-add) pairs with itself and with {@code isSole} (acquire): the accesses of other
     *     users happen before the frame is freed or reused.
     * Invariant: of a frame: its numbers of uses and pins, and its marks. The frame is free once both numbers are zero.
     */
    private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(long[].class);

    /* Positions after the word. */

    /**
     * Words: {@code WORD} of an owner, and the page after it.
     * Written: the thread that allocated the frame, before it is in a cache (owner plain, negative, while it is filled;
     *     page plain, then owner release); the thread that frees it (plain).
     * Read: a thread that found the frame in a cache, in a reader section (owner acquire, then page plain); a thread
     *     that inserts the frame, or marks it as dirty (owner plain).
     * Pairs: the owner's store (release) with its load (acquire): a reader of the owner sees the page.
     * Invariant: unchanged from insertion to the end of the grace period after removal.
     */
    private static final int OWNER = 1;

    private static final int PAGE = 2;

    /**
     * Words: {@code WORD} of a reuse stamp.
     * Written: the thread that frees the frame (opaque).
     * Read: in GUEST, a CPU that fills a checked TLB, or checks an access (opaque); the thread that frees the frame
     *     (plain).
     * Invariant: the number of times that the frame was freed. It does not change while a thread may use the frame.
     */
    private static final int REUSE_STAMP = 3;

    private FrameRecordWords() {}

    /** Does nothing, but the call initializes this class. */
    static void initialize() {}

    static long wordVolatile(long[] records, int at) {
        return (long) WORD.getVolatile(records, at);
    }

    static long wordAcquire(long[] records, int at) {
        return (long) WORD.getAcquire(records, at);
    }

    static long wordOpaque(long[] records, int at) {
        return (long) WORD.getOpaque(records, at);
    }

    static void setWordRelease(long[] records, int at, long word) {
        WORD.setRelease(records, at, word);
    }

    static long getAndAddWord(long[] records, int at, long delta) {
        return (long) WORD.getAndAdd(records, at, delta);
    }

    static void getAndOrWord(long[] records, int at, long bits) {
        WORD.getAndBitwiseOr(records, at, bits);
    }

    static void getAndAndWord(long[] records, int at, long bits) {
        WORD.getAndBitwiseAnd(records, at, bits);
    }

    static boolean compareAndSetWord(long[] records, int at, long expected, long word) {
        return WORD.compareAndSet(records, at, expected, word);
    }

    static long owner(long[] records, int at) {
        return records[at + OWNER];
    }

    static long ownerAcquire(long[] records, int at) {
        return (long) WORD.getAcquire(records, at + OWNER);
    }

    static void setOwner(long[] records, int at, long owner) {
        records[at + OWNER] = owner;
    }

    static void setOwnerRelease(long[] records, int at, long owner) {
        WORD.setRelease(records, at + OWNER, owner);
    }

    static long page(long[] records, int at) {
        return records[at + PAGE];
    }

    static void setPage(long[] records, int at, long page) {
        records[at + PAGE] = page;
    }

    static long reuseStampOpaque(long[] records, int at) {
        return (long) WORD.getOpaque(records, at + REUSE_STAMP);
    }

    /** Reads the stamp plain and stores it opaque, because no other thread writes it concurrently. */
    static void incrementReuseStampOpaque(long[] records, int at) {
        WORD.setOpaque(records, at + REUSE_STAMP, records[at + REUSE_STAMP] + 1);
    }
}
