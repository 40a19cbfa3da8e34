// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import dev.samara.core.event.MmuNotifier;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * The ranges of the last generations of one context: who is a few behind flushes these, who is more flushes everything.
 *
 * <p>An entry is written by who has advanced the generation, once, and may be overwritten while somebody reads it; a
 * reader finds that out. Nothing is allocated.
 */
public final class FlushLog {
    /** A power of two. */
    public static final int SIZE = 256;

    private static final VarHandle SEAL = MethodHandles.arrayElementVarHandle(long[].class);
    private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(long[].class);
    private static final VarHandle REASON = MethodHandles.arrayElementVarHandle(MmuNotifier.Reason[].class);

    /** The words of an entry, behind its seal. */
    private static final int START = 1;

    private static final int END = 2;
    private static final int CPUS = 3;
    private static final int RECORD_SHIFT = 2;

    /** What was read. */
    public static final class Range {
        private long start;
        private long end;
        private long cpus;
        private MmuNotifier.Reason reason = MmuNotifier.Reason.UNMAPPED;

        /** Nothing yet. */
        public Range() {}

        /**
         * The first address.
         *
         * @return an address
         */
        public long start() {
            return start;
        }

        /**
         * Behind the last address.
         *
         * @return an address
         */
        public long end() {
            return end;
        }

        /**
         * Whom it concerns.
         *
         * @return a mask of those that may have had translations
         */
        public long cpus() {
            return cpus;
        }

        /**
         * What has become of it.
         *
         * @return the reason
         */
        public MmuNotifier.Reason reason() {
            return reason;
        }
    }

    /** The seal of a record is its generation; negative while it is written. */
    private final long[] records = new long[SIZE << RECORD_SHIFT];

    private final MmuNotifier.Reason[] reasons = new MmuNotifier.Reason[SIZE];

    /** Makes an empty log. */
    FlushLog() {}

    private static int at(long generation) {
        return ((int) generation & SIZE - 1) << RECORD_SHIFT;
    }

    void write(long generation, long start, long end, long cpus, MmuNotifier.Reason reason) {
        int at = at(generation);
        long before = (long) SEAL.getVolatile(records, at);
        // Who comes so late that a later generation has the record leaves it: his readers flush everything.
        if (before >= 0 && before < generation && SEAL.compareAndSet(records, at, before, -generation)) {
            // Before the words. Pairs with the fence of read.
            VarHandle.releaseFence();
            WORD.setOpaque(records, at + START, start);
            WORD.setOpaque(records, at + END, end);
            WORD.setOpaque(records, at + CPUS, cpus);
            REASON.setOpaque(reasons, at >> RECORD_SHIFT, reason);
            // Pairs with the first look of read.
            SEAL.setRelease(records, at, generation);
        }
    }

    /**
     * Reads the range of a generation.
     *
     * @param generation which
     * @param range takes it
     * @return false if it is not there, not yet or not any more
     */
    public boolean read(long generation, Range range) {
        int at = at(generation);
        if ((long) SEAL.getAcquire(records, at) != generation) {
            return false;
        }
        range.start = (long) WORD.getOpaque(records, at + START);
        range.end = (long) WORD.getOpaque(records, at + END);
        range.cpus = (long) WORD.getOpaque(records, at + CPUS);
        range.reason = (MmuNotifier.Reason) REASON.getOpaque(reasons, at >> RECORD_SHIFT);
        // Between the words and the second look. Pairs with the fence of write: who has seen a word of a later
        // record sees that the seal was broken.
        VarHandle.acquireFence();
        return (long) SEAL.getOpaque(records, at) == generation;
    }
}
