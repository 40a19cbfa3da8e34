// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import dev.samara.core.event.MmuNotifier;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * The ranges of the last generations of one context. A CPU that is a few generations back flushes these ranges; one
 * that is further back flushes everything.
 *
 * <p>The thread that has advanced the generation writes the record, once. A record may be overwritten while a CPU reads
 * it; the reader detects that. Writing and reading allocate nothing.
 */
public final class FlushLog {
    /** The number of records, a power of two. */
    public static final int SIZE = 256;

    private static final VarHandle SEAL = MethodHandles.arrayElementVarHandle(long[].class);
    private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(long[].class);
    private static final VarHandle REASON = MethodHandles.arrayElementVarHandle(MmuNotifier.Reason[].class);

    /** The positions of a record's words after its seal. */
    private static final int START = 1;

    private static final int END = 2;
    private static final int CPUS = 3;
    private static final int RECORD_SHIFT = 2;

    /** The range of one generation, filled by {@link #read}. */
    public static final class Range {
        private long start;
        private long end;
        private long cpus;
        private MmuNotifier.Reason reason = MmuNotifier.Reason.UNMAPPED;

        public Range() {}

        /** Returns the first address. */
        public long start() {
            return start;
        }

        /** Returns the end of the range, exclusive. */
        public long end() {
            return end;
        }

        /** Returns the cpumask of the CPUs that may have had translations of the range. */
        public long cpus() {
            return cpus;
        }

        /** Returns the reason of the flush. */
        public MmuNotifier.Reason reason() {
            return reason;
        }
    }

    /** The seal of a record is its generation; negative while it is written. */
    private final long[] records = new long[SIZE << RECORD_SHIFT];

    private final MmuNotifier.Reason[] reasons = new MmuNotifier.Reason[SIZE];

    FlushLog() {}

    private static int at(long generation) {
        return ((int) generation & SIZE - 1) << RECORD_SHIFT;
    }

    void write(long generation, long start, long end, long cpus, MmuNotifier.Reason reason) {
        int at = at(generation);
        long before = (long) SEAL.getVolatile(records, at);
        // A writer so late that a later generation has the record leaves it: CPUs that need its range flush everything.
        if (before >= 0 && before < generation && SEAL.compareAndSet(records, at, before, -generation)) {
            // Before the words. Pairs with the fence of read.
            VarHandle.releaseFence();
            WORD.setOpaque(records, at + START, start);
            WORD.setOpaque(records, at + END, end);
            WORD.setOpaque(records, at + CPUS, cpus);
            REASON.setOpaque(reasons, at >> RECORD_SHIFT, reason);
            // Pairs with the first read of the seal in read.
            SEAL.setRelease(records, at, generation);
        }
    }

    /**
     * Reads the range of a generation.
     *
     * @param generation a generation of the context
     * @param range receives the range; undefined if this returns false
     * @return false if the log does not have the range yet, or no longer has it
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
        // Between the words and the second read of the seal. Pairs with the fence of write: a reader that has seen a
        // word of a later record sees a changed seal.
        VarHandle.acquireFence();
        return (long) SEAL.getOpaque(records, at) == generation;
    }
}
