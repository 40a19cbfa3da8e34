// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.internal.sync.Pause;
import java.lang.invoke.ConstantBootstraps;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;
import org.jspecify.annotations.Nullable;

/**
 * A space as CPUs know it ({@code mm_context_t}): its number for TLBs, what CPUs must flush, and who keeps it alive.
 *
 * <p><b>Flushes.</b> The number is never reused. The generation ({@code tlb_gen}) is advanced after each change of the
 * page table that a CPU may not have seen. A thread that changed entries of which other CPUs may have translations
 *
 * <ol>
 *   <li>advances the generation ({@link #advance}), by one for each range,
 *   <li>reads the cpumasks of the entries,
 *   <li>logs each range and its cpumask under a generation of its own ({@link #log}), and
 *   <li>calls {@link Shootdowns#shoot} to wait for those CPUs.
 * </ol>
 *
 * <p>Before a CPU uses its translations, it compares the generation with the one up to which it flushed ({@link
 * #mustFlush}), and flushes the ranges that it missed. A CPU that is a few generations behind finds these ranges in the
 * log; a CPU that is further behind flushes everything, as {@code CpuTlb} decides.
 *
 * <p><b>Users</b> ({@code mm_users}) are references, CPUs that are in the space, and CPUs that borrow another space and
 * will return. While there is a user, the space keeps its VMAs and pages. The last put is final: the count stays 0, and
 * the thread of that put starts the teardown. From then on the context has ended: no CPU enters it, so translations
 * that CPUs still have of it are never used again, and need no flush. The three kinds are counted separately, because
 * references of threads without a CPU use no translations, and CPUs that will return are not references that another
 * thread could close. The counts are in one word, so adding or removing a user takes one atomic update, and a reader
 * gets all counts at one instant.
 *
 * <p><b>Holds</b> ({@code mm_count}) keep the topmost table and this context. All users together have one hold. After
 * the last release, the context is given back.
 */
public final class TlbContext {
    /*
     * Why the accesses to the log are enough. A record has a sequence lock, its seal.
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

    /**
     * The number of the permanent empty space, in which nothing is mapped, and which never ends. A CPU that has no
     * other space has this one.
     */
    public static final long EMPTY = 0;

    /** The number of records of the log, a power of two. */
    public static final int LOG_SIZE = 256;

    /** The kinds of the events of a space: after those that a CPU counts ({@link CpuCounters}), its shootdowns. */
    public static final int SHOOTDOWNS = CpuCounters.KINDS;

    public static final int TARGETS = SHOOTDOWNS + 1;

    /** The number of kinds, including the kinds that a CPU counts. */
    public static final int KINDS = TARGETS + 1;

    /** The bit that marks the generation of a context that was given back. */
    private static final long GIVEN_BACK = Long.MIN_VALUE;

    private static final int REFERENCE_BITS = 28;

    /** The number of bits for counting CPUs: enough for four times the maximum number of CPUs of a memory. */
    private static final int CPU_BITS = 18;

    private static final int HOME_SHIFT = REFERENCE_BITS + CPU_BITS;
    private static final long REFERENCE = 1;
    private static final long CPU = 1L << REFERENCE_BITS;
    private static final long HOME = 1L << HOME_SHIFT;

    /**
     * Written: a thread that creates a space (get-and-add); a seam of tests, which only raises it (get-and-update).
     * Read: a thread that creates a space (get-and-add).
     * Invariant: a number is given to one context only.
     */
    private static final AtomicLong LAST = new AtomicLong(EMPTY);

    private static final VarHandle GENERATION = ConstantBootstraps.fieldVarHandle(
            MethodHandles.lookup(), "generation", VarHandle.class, TlbContext.class, long.class);

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
     * Invariant: the range of a generation with the reason of its flush, and its cpumask.
     */
    private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(long[].class);

    /**
     * The positions of a record's words after its seal. The first contains the start and the reason: pages are at least
     * 512 bytes long, and a record in one cache line reaches a CPU sooner than one in two.
     */
    private static final int START = 1;

    private static final int END = 2;
    private static final int CPUS = 3;
    private static final MmuNotifier.Reason[] REASONS = MmuNotifier.Reason.values();
    private static final int REASON_MASK = 7;
    private static final int RECORD_SHIFT = 2;

    /** The number of the context, which is positive and never reused. */
    public final long id = LAST.incrementAndGet();

    /*
     * CPUs read the generation whenever they enter GUEST. The words that CPUs also write at other times are in objects
     * of their own, so that these writes do not take the generation's cache line away from the readers.
     */

    /**
     * The current generation; the first is 1. Negative after the context was given back.
     *
     * <p>Written: a thread that has changed entries of which another CPU may have translations (get-and-add); a thread
     *     in {@code membarrier} (get-and-add); the thread that releases the last reference to the page table
     *     (get-and-add).
     * Read: CPUs, after entering GUEST, after clearing {@code pending}, and on their way to a context that they do not
     *     know (volatile); CPUs of checked machines, in LAZY (volatile); a thread that flushes, before it advances the
     *     generation (volatile).
     * Pairs: with {@code word} and {@code pending} of {@code CpuWords}, and with the cpumasks in {@code Leaf}.
     * Invariant: only grows, and is advanced after the change of entries if there is one. After the context was given
     *     back, it is negative forever.
     */
    private volatile long generation = 1;

    /**
     * The generation of the last checkpoint, or return to one, beside the generation: a CPU reads both together.
     *
     * <p>Written: the thread of a cut, of which there is one at a time, before it advances the generation, and after it
     *     (volatile).
     * Read: CPUs that catch up, after they read the generation (volatile).
     * Pairs: it is {@code PENDING} before the generation is advanced, so a CPU that reads the new generation finds
     *     that or the number. It then waits for the number, for a few instructions of the thread of the cut.
     * Invariant: {@code PENDING}, or the generation of the last cut that has one; 0 if there was none.
     */
    private volatile long noticed;

    /**
     * From the lowest bit: the number of references, of CPUs in the space, and of CPUs that will return. Each user is
     * counted in one of the three, so there is no user if and only if the word is 0. HotSpot puts the first
     * reference field of a class beside {@code generation}, and a thread that enters and leaves the space reads both.
     *
     * <p>Written: holders of references and CPUs, when they become users (compare-and-set) and when they stop being
     *     users (get-and-add).
     * Read: any thread (volatile).
     * Pairs: if one thread adds a user while another removes the last user, either the first finds no user, or the
     *     second does not remove the last user. A CPU stores its word, then decrements its count; the thread of the
     *     last put reads the words of CPUs after the count, so it finds no word with the context. In the same way, a
     *     CPU stores the context that it keeps in LAZY ({@code kept}) before its word. A shooter advances the
     *     generation, then reads the number of CPUs; a CPU that enters the space is counted, then reads the generation:
     *     at least one of the two sees the other's update.
     * Invariant: the users, in three counts: references, CPUs in the space, and CPUs that borrow another space and will
     *     return. A CPU is counted throughout the time in which its word contains KERNEL or GUEST with the context of
     *     the space. The value 0, i.e. no users of any kind, is final.
     */
    private final AtomicLong users;

    /**
     * The notice of the last checkpoint, or return to one.
     *
     * <p>Written: the thread of a cut, before it stores the generation of that cut in {@code noticed} (volatile).
     * Read: CPUs that have listeners, after they read that generation (volatile).
     * Pairs: with {@code noticed}. The notice of a later cut has another generation, and is not used.
     * Invariant: the last notice; null if there was none.
     */
    private volatile @Nullable CutNotice notice;

    /**
     * The records of the log. The seal of a record is its generation, negated while the words of the record are being
     * written. Empty for a context without a page table.
     */
    private final long[] records;

    /**
     * The holds: references to the topmost table and to this context.
     *
     * <p>Written: threads that acquire a reference to the page table (compare-and-set, get-and-add) or release one
     *     (get-and-add).
     * Read: any thread (volatile).
     * Pairs: what a thread did with its reference happens before the free by the thread that finds 0.
     * Invariant: 1 for all users together, and 1 for each further reference, including references of CPUs in LAZY. 0 is
     *     final.
     */
    private final AtomicInteger holds;

    /**
     * The number of events of the space, by kind: the events that CPUs counted in the space before they switched to
     * another space, and the shootdowns.
     *
     * <p>Written: a CPU that leaves the space, after its word (get-and-add); a shooter, before it waits (get-and-add).
     * Read: a thread that reads statistics, before the words and the counts of the CPUs (volatile).
     * Pairs: with {@code word} of {@code CpuWords}. A CPU changes its word, then adds its counts here. A thread that
     *     reads statistics reads these counts first; if it then finds that the CPU's word still names the space, the
     *     CPU had not added its counts when these were read, so no event is counted twice.
     * Invariant: events of CPUs that left the space, and shootdowns.
     */
    private final AtomicLongArray counts;

    private final Teardown teardown;
    private final Runnable lastRelease;

    /** The page table of the space, of which this package knows nothing; null for a context without a page table. */
    private @Nullable Object root;

    /**
     * The number of the space; 0 until the space is registered, which happens before another thread knows the space.
     */
    private long space;

    /**
     * The next space in the list of the CPU that was the last user of this space ({@link CpuOwner#left}). Used by the
     * thread of that CPU.
     */
    @Nullable
    TlbContext nextLeft;

    /** The teardown after the last put. After a call has returned normally, further calls do nothing. */
    public interface Teardown {
        /**
         * Tears the space down if the calling thread may wait; otherwise does the same as {@link #later}. Throws only
         * on a stack overflow, and is then called again.
         */
        void now();

        /**
         * Makes a thread of the machine tear the space down. Does not wait, unless there is no memory for such a
         * thread. Throws only on a stack overflow, and is then called again.
         */
        void later();
    }

    /** The range of one generation, filled by {@link #readLog}. */
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

    /** What a checkpoint, or a return to one, tells the CPUs of the space. */
    public static final class CutNotice {
        private static final long PENDING = -1;

        private static final int SPINS = 64;
        private static final long PARK_NANOS = 10_000;

        private final long restored;

        /** The last return before this checkpoint, of which a CPU that missed it is notified first; or null. */
        private final @Nullable CutNotice earlier;

        /**
         * Written: the thread of the cut, after it advanced the generation (volatile).
         * Read: CPUs that catch up (volatile).
         * Pairs: with {@code noticed}.
         * Invariant: the generation of the cut, once it is known; 0 if the thread failed.
         */
        private volatile long generation = PENDING;

        private CutNotice(long restored, @Nullable CutNotice earlier) {
            this.restored = restored;
            this.earlier = earlier;
        }

        /**
         * Returns the last return before this checkpoint, if it followed another notice; null if there is none.
         *
         * @param seen the generation of a notice that was reached, or 0
         */
        public @Nullable CutNotice missedAfter(long seen) {
            CutNotice before = earlier;
            return before != null && seen < before.generation ? before : null;
        }

        /** Returns whether the space returned to a checkpoint. */
        public boolean isRestored() {
            return restored != 0;
        }

        /** Returns the number of the checkpoint. */
        public long checkpoint() {
            return restored != 0 ? restored : generation;
        }
    }

    /** Creates the context of a space that needs no teardown. */
    public TlbContext() {
        this(
                new Teardown() {
                    @Override
                    public void now() {}

                    @Override
                    public void later() {}
                },
                () -> {},
                true);
    }

    /**
     * Creates the context of a new space, with one reference, which belongs to the caller, and one hold, which belongs
     * to the users.
     *
     * @param teardown is called after the last put
     * @param lastRelease is called after the last release, on the thread of that release; must not wait
     * @param isTranslated whether the space has a page table; if not, nothing is ever logged
     */
    public TlbContext(Teardown teardown, Runnable lastRelease, boolean isTranslated) {
        this.teardown = teardown;
        this.lastRelease = lastRelease;
        records = new long[isTranslated ? LOG_SIZE << RECORD_SHIFT : 0];
        // Allocated after the log, so that the generation is some kilobytes away.
        users = new AtomicLong(REFERENCE);
        holds = new AtomicInteger(1);
        counts = new AtomicLongArray(KINDS);
    }

    /**
     * Sets the number of the next context, unless larger numbers are already used. For tests of numbers that differ
     * only in their upper half.
     */
    static void next(long id) {
        LAST.updateAndGet(last -> Math.max(last, id - 1));
    }

    /** Returns the number of the space on its machine; 0 if it has none. */
    public long space() {
        return space;
    }

    /** Sets the number of the space. Called before other threads can reach this context. */
    public void numberSpace(long number) {
        space = number;
    }

    /** Sets the page table of the space. Called before other threads can reach this context. */
    public void load(Object table) {
        root = table;
    }

    /** Returns the page table of the space; null for a context without a page table. */
    public @Nullable Object root() {
        return root;
    }

    // Flushes.

    /** Returns the current generation, which only grows. */
    public long generation() {
        // Volatile: after the volatile store with which a CPU enters GUEST. Pairs with advance.
        return generation;
    }

    /**
     * Returns whether a CPU in the space must flush before it uses a translation.
     *
     * @param flushed the generation up to which the CPU flushed, or a value that is not a generation
     */
    public boolean mustFlush(long flushed) {
        return generation() != flushed;
    }

    /** Advances the generation by one, as {@link #advance(int)} does. */
    public long advance() {
        return advance(1);
    }

    /**
     * Advances the generation, and returns the last one. The caller has changed entries, reads their cpumasks after
     * this call, and logs a range for each generation. If the context was given back, no CPU is in it, and the
     * generation is negative.
     *
     * @param ranges the number of generations
     */
    public long advance(int ranges) {
        // Volatile: after the changes of the entries, and before the cpumasks and the words of CPUs are read.
        return (long) GENERATION.getAndAdd(this, (long) ranges) + ranges;
    }

    /**
     * Advances the generation by one for a checkpoint of the space, or for the return to one, of which each CPU in the
     * space is notified when it has flushed up to that generation. Only one thread at a time calls this.
     *
     * @param restored the number of the checkpoint to which the space returns; 0 for a new one, whose number is the
     *     generation
     * @return the generation
     */
    public long announce(long restored) {
        CutNotice last = notice;
        CutNotice earlier = restored != 0 || last == null ? null : last.isRestored() ? last : last.earlier;
        CutNotice made = new CutNotice(restored, earlier);
        long before = noticed;
        long reached = 0;
        noticed = CutNotice.PENDING;
        try {
            notice = made;
            reached = advance();
            return reached;
        } finally {
            made.generation = reached;
            if (reached == 0) {
                notice = last;
            }
            noticed = reached != 0 ? reached : before;
        }
    }

    /**
     * Returns the generation of the last checkpoint, or return to one; 0 if there was none. Waits briefly for a cut
     * that is just advancing the generation.
     */
    public long noticed() {
        long seen = noticed;
        for (int spins = 0; seen == CutNotice.PENDING; seen = noticed, spins++) {
            if (spins < CutNotice.SPINS) {
                Thread.onSpinWait();
            } else {
                // The thread of the cut is not running. The park is timed, because that thread wakes nobody.
                Pause.parkNanos(this, CutNotice.PARK_NANOS);
            }
        }
        return seen;
    }

    /**
     * Returns the notice of a generation that {@link #noticed} returned; null if there is a later one, which the
     * caller finds when it has reached that one's generation.
     */
    public @Nullable CutNotice notice(long of) {
        CutNotice latest = notice;
        return latest != null && latest.generation == of ? latest : null;
    }

    /**
     * Logs the range that a generation changed. Logs nothing for a context that was given back, because no CPU would
     * read it. The thread that advanced the generation writes its record once. A record may be overwritten while a CPU
     * reads it, which the reader detects. Allocates nothing.
     *
     * @param of a generation to which the caller advanced
     * @param start the first address, a multiple of the page size
     * @param end the end of the range, exclusive
     * @param cpus the cpumask of the range, read after the generation was advanced
     * @param reason the reason of the flush
     */
    @SuppressWarnings("EnumOrdinal") // the number leaves no process
    public void log(long of, long start, long end, long cpus, MmuNotifier.Reason reason) {
        if (of <= 0) {
            return;
        }
        int at = recordOf(of);
        long before = (long) SEAL.getVolatile(records, at);
        // If a writer is so late that the record already belongs to a later generation, it does not write. CPUs that
        // need its range flush everything.
        if (before >= 0 && before < of && SEAL.compareAndSet(records, at, before, -of)) {
            // Orders the seal before the words. Pairs with the fence of readLog.
            VarHandle.releaseFence();
            WORD.setOpaque(records, at + START, start | reason.ordinal());
            WORD.setOpaque(records, at + END, end);
            WORD.setOpaque(records, at + CPUS, cpus);
            // Pairs with the first read of the seal in readLog.
            SEAL.setRelease(records, at, of);
        }
    }

    /**
     * Reads the range of a generation. Allocates nothing.
     *
     * @param of a generation of the context
     * @param range receives the range; undefined if this returns false
     * @return false if the log does not contain the range yet, or no longer contains it
     */
    public boolean readLog(long of, FlushedRange range) {
        int at = recordOf(of);
        if ((long) SEAL.getAcquire(records, at) != of) {
            return false;
        }
        long first = (long) WORD.getOpaque(records, at + START);
        range.end = (long) WORD.getOpaque(records, at + END);
        range.cpus = (long) WORD.getOpaque(records, at + CPUS);
        // Orders the reads of the words before the second read of the seal. Pairs with the fence of log: a reader that
        // saw a word of a later record sees a changed seal.
        VarHandle.acquireFence();
        if ((long) SEAL.getOpaque(records, at) != of) {
            return false;
        }
        range.start = first & ~REASON_MASK;
        range.reason = REASONS[(int) first & REASON_MASK];
        return true;
    }

    private static int recordOf(long generation) {
        return ((int) generation & LOG_SIZE - 1) << RECORD_SHIFT;
    }

    // Users.

    /**
     * Acquires a reference, if there is a user ({@code mmget_not_zero}).
     *
     * @return whether the caller now holds a reference
     */
    public boolean tryGet() {
        return tryAdd(REFERENCE);
    }

    /**
     * Releases a reference ({@code mmput}).
     *
     * @return whether it was the last user. The caller then calls {@link #end} or {@link #endLater}
     */
    public boolean put() {
        // Atomic: after all that the user did in the space, and before the teardown by the thread of the last put.
        return users.addAndGet(-REFERENCE) == 0;
    }

    /**
     * Counts a CPU that leaves to borrow another space, and will return, as a user. Called by the thread of a CPU that
     * is in the space.
     *
     * @return whether the CPU is counted; false only if the space has no users
     */
    public boolean tryGetHome() {
        return tryAdd(HOME);
    }

    /**
     * Removes a CPU that {@link #tryGetHome} counted from the users.
     *
     * @return whether it was the last user, as for {@link #put}
     */
    public boolean putHome() {
        // Atomic, as in put.
        return users.addAndGet(-HOME) == 0;
    }

    /**
     * Counts a CPU that is about to enter the space as a user, unless this context has ended ({@code mmget_not_zero}).
     *
     * @return whether the CPU is counted
     */
    public boolean use() {
        return tryAdd(CPU);
    }

    /**
     * Removes a CPU, whose word no longer contains the context of the space, from the users.
     *
     * @return whether it was the last user. The caller then makes sure that the space is torn down
     */
    boolean unuse() {
        // Atomic, as in put. Needs no deeper stack than the store of a CPU's word, after which this decrement must not
        // be lost.
        return users.addAndGet(-CPU) == 0;
    }

    private boolean tryAdd(long added) {
        long known = users.get();
        while (known != 0) {
            // Atomic: before the caller uses the space. Pairs with the put that finds no other user. The count of a CPU
            // precedes its read of the generation, and also pairs with Shootdowns.isElided.
            if (users.compareAndSet(known, known + added)) {
                return true;
            }
            known = users.get();
        }
        return false;
    }

    /** Returns the number of users at some instant of this call. */
    public int users() {
        long seen = users.get();
        return (int) (seen & CPU - 1) + (int) ((seen & HOME - 1) >>> REFERENCE_BITS) + (int) (seen >>> HOME_SHIFT);
    }

    /** Returns how many CPUs were users at some instant of this call; LAZY CPUs that keep the space are not users. */
    public int cpus() {
        return (int) ((users.get() & HOME - 1) >>> REFERENCE_BITS);
    }

    /** Returns how many users were CPUs that borrow another space and will return, at some instant of this call. */
    public int homes() {
        return (int) (users.get() >>> HOME_SHIFT);
    }

    /** Returns how many users were references and not CPUs, at some instant of this call. */
    public int references() {
        return (int) (users.get() & CPU - 1);
    }

    /** Returns whether the space has no users. This is final, because no CPU can enter the space then. */
    public boolean isEnded() {
        return users.get() == 0;
    }

    /** Tears the space down after the last put; if this thread must not wait, makes a thread of the machine do so. */
    public void end() {
        teardown.now();
    }

    /** Makes a thread of the machine tear the space down after the last put. Does not wait. */
    public void endLater() {
        teardown.later();
    }

    // Holds.

    /**
     * Acquires a hold, if the count is not 0 ({@code mmgrab}).
     *
     * @return whether the caller now has a hold
     */
    public boolean tryHold() {
        int known = holds.get();
        while (known != 0 && !holds.compareAndSet(known, known + 1)) {
            known = holds.get();
        }
        return known != 0;
    }

    /** Acquires a hold. The caller knows that the count is not 0. */
    void hold() {
        holds.getAndIncrement();
    }

    /** Releases a hold ({@code mmdrop}). Does not wait. */
    public void release() {
        // Atomic: after all that the holder did with the page table, and before it is given back.
        if (holds.decrementAndGet() == 0) {
            lastRelease.run();
        }
    }

    /** Returns the number of holds at some instant of this call. */
    public int holds() {
        return holds.get();
    }

    /**
     * Checks a generation that a CPU read from this context: if the context was given back, the generation contains a
     * mark. (A kernel would have reused the memory of the context by then.)
     *
     * @throws IllegalStateException if this context was given back
     */
    public void checkNotGivenBack(long read) {
        if (read < 0) {
            throw new IllegalStateException("context " + id + " is used after it was given back");
        }
    }

    /**
     * Gives this context back. There is no hold on it any more.
     *
     * @throws IllegalStateException if it was given back already
     */
    public void free() {
        // No lambda is used, because its first call allocates and needs a deep stack.
        checkNotGivenBack((long) GENERATION.getAndAdd(this, GIVEN_BACK));
    }

    /** Returns whether this context was given back, which is final. */
    public boolean isGivenBack() {
        return generation() < 0;
    }

    // Events.

    long count(int kind) {
        return counts.get(kind);
    }

    /** Adds events that a CPU counted in this space and no longer reports itself. */
    void addEvents(int kind, long events) {
        counts.getAndAdd(kind, events);
    }

    void addShootdown(int targets) {
        counts.getAndIncrement(SHOOTDOWNS);
        counts.getAndAdd(TARGETS, targets);
    }
}
