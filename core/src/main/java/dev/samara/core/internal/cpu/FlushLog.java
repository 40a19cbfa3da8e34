// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import dev.samara.core.event.MmuNotifier;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * The ranges of the latest generations of one context. A CPU that is a few generations behind flushes these ranges; a
 * CPU that is further behind flushes everything, as {@code CpuTlb} decides.
 *
 * <p>The thread that advanced the generation writes its record once. A record may be overwritten while a CPU reads it,
 * which the reader detects. Writing and reading allocate nothing.
 */
public final class FlushLog {
    /*
     * Why these accesses are enough. A record has a sequence lock, its seal.
     *
     *     writer                                           reader
     *     W1  seal := -generation   (compare-and-set)      R1  read the seal: the generation?   (acquire)
     *     W2  release fence                                R2  read the words                   (opaque)
     *     W3  write the words       (opaque)               R3  acquire fence
     *     W4  seal := generation    (release)              R4  read the seal: unchanged?        (opaque)
     *
     * The words were written: R1 reads the seal stored at W4, which follows W3 (release, acquire). So R2 reads the
     * words of that writer, or of a later one.
     *
     * No word is from a later writer if the reader uses the record: if R2 reads a word that a later writer stored at
     * its W3, then that writer's W2 synchronizes with R3 through the word, so its W1 happens before R4. R4 reads the
     * seal of that W1, or a later seal. Seals of a record only grow in magnitude, because a writer takes a record only
     * from an older generation. So R4 does not read the generation again, and the reader does not use the record.
     *
     * W2 is needed, because a compare-and-set orders later accesses only after its read, so the words could become
     * visible before its store. R3 is needed, because an acquire load at R4 would not order the loads before it. The
     * words are opaque, because plain words could be read twice, or in halves. Because of W1, a record has only one
     * writer at a time.
     */

    /** The number of records, a power of two. */
    public static final int SIZE = 256;

    /**
     * Written: the thread that advanced the generation (compare-and-set to negative, then release).
     * Read: CPUs that catch up (acquire before the words, opaque after an acquire fence); the writer, before it breaks
     *     the seal (volatile).
     * Pairs: the writer breaks the seal, fences (release), then writes the words of the record. A reader reads the
     *     words, fences (acquire), then finds the seal broken and does not use the record.
     * Invariant: the generation whose range the record contains.
     */
    private static final VarHandle SEAL = MethodHandles.arrayElementVarHandle(long[].class);

    /**
     * Written: the thread that advanced the generation, between its two stores of the seal (opaque).
     * Read: CPUs that catch up, between their two reads of the seal (opaque).
     * Pairs: with {@code SEAL}.
     * Invariant: the range of a generation, and its cpumask.
     */
    private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(long[].class);

    /**
     * Written: the thread that advanced the generation, between its two stores of the seal (opaque).
     * Read: CPUs that catch up, between their two reads of the seal (opaque).
     * Pairs: with {@code SEAL}.
     * Invariant: the reason of the flush.
     */
    private static final VarHandle REASON = MethodHandles.arrayElementVarHandle(MmuNotifier.Reason[].class);

    /** The positions of a record's words after its seal. */
    private static final int START = 1;

    private static final int END = 2;
    private static final int CPUS = 3;
    private static final int RECORD_SHIFT = 2;

    /** The range of one generation, filled by {@link #read}. */
    public static final class FlushedRange {
        private long start;
        private long end;
        private long cpus;
        private MmuNotifier.Reason reason = MmuNotifier.Reason.UNMAPPED;

        public FlushedRange() {}

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

    /** The records. The seal of a record is its generation, negated while the words of the record are being written. */
    private final long[] records = new long[SIZE << RECORD_SHIFT];

    private final MmuNotifier.Reason[] reasons = new MmuNotifier.Reason[SIZE];

    FlushLog() {}

    private static int at(long generation) {
        return ((int) generation & SIZE - 1) << RECORD_SHIFT;
    }

    void write(long generation, long start, long end, long cpus, MmuNotifier.Reason reason) {
        int at = at(generation);
        long before = sealVolatile(at);
        // If a writer is so late that the record already belongs to a later generation, it does not write. CPUs that
        // need its range flush everything.
        if (before >= 0 && before < generation && casSeal(at, before, -generation)) {
            // Orders the seal before the words. Pairs with the fence of read.
            VarHandle.releaseFence();
            setWordOpaque(at + START, start);
            setWordOpaque(at + END, end);
            setWordOpaque(at + CPUS, cpus);
            setReasonOpaque(at >> RECORD_SHIFT, reason);
            // Pairs with the first read of the seal in read.
            setSealRelease(at, generation);
        }
    }

    /**
     * Reads the range of a generation.
     *
     * @param generation a generation of the context
     * @param range receives the range; undefined if this returns false
     * @return false if the log does not contain the range yet, or no longer contains it
     */
    public boolean read(long generation, FlushedRange range) {
        int at = at(generation);
        if (sealAcquire(at) != generation) {
            return false;
        }
        range.start = wordOpaque(at + START);
        range.end = wordOpaque(at + END);
        range.cpus = wordOpaque(at + CPUS);
        range.reason = reasonOpaque(at >> RECORD_SHIFT);
        // Orders the reads of the words before the second read of the seal. Pairs with the fence of write: a reader
        // that saw a word of a later record sees a changed seal.
        VarHandle.acquireFence();
        return sealOpaque(at) == generation;
    }

    private long sealVolatile(int at) {
        return (long) SEAL.getVolatile(records, at);
    }

    private long sealAcquire(int at) {
        return (long) SEAL.getAcquire(records, at);
    }

    private long sealOpaque(int at) {
        return (long) SEAL.getOpaque(records, at);
    }

    private boolean casSeal(int at, long expected, long seal) {
        return SEAL.compareAndSet(records, at, expected, seal);
    }

    private void setSealRelease(int at, long seal) {
        SEAL.setRelease(records, at, seal);
    }

    private long wordOpaque(int at) {
        return (long) WORD.getOpaque(records, at);
    }

    private void setWordOpaque(int at, long word) {
        WORD.setOpaque(records, at, word);
    }

    private MmuNotifier.Reason reasonOpaque(int record) {
        return (MmuNotifier.Reason) REASON.getOpaque(reasons, record);
    }

    private void setReasonOpaque(int record, MmuNotifier.Reason reason) {
        REASON.setOpaque(reasons, record, reason);
    }
}
