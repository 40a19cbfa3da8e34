// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * The record of a frame: its word, its owner, its page there and its reuse stamp. Records lie in arrays of longs, and a
 * record is contiguous, so that it lies in one cache line.
 *
 * <p>All accesses of records stand here. Each method takes the array and the position of the record, and names the mode
 * of its access; one without a mode is plain. {@link Frames} decides what the word means.
 */
final class FrameRecordWords {
    /** Binary logarithm of the number of longs of a record. */
    static final int SHIFT = 2;

    private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(long[].class);

    /* Positions after the word. */
    private static final int OWNER = 1;
    private static final int PAGE = 2;
    private static final int REUSE_STAMP = 3;

    private FrameRecordWords() {}

    /** Initializes this class: the call does. */
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

    /** Reads the stamp plain and stores it opaque: no other thread writes it meanwhile. */
    static void incrementReuseStampOpaque(long[] records, int at) {
        WORD.setOpaque(records, at + REUSE_STAMP, records[at + REUSE_STAMP] + 1);
    }
}
