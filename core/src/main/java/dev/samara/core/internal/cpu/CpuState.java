// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import dev.samara.core.internal.sync.Rcu;
import dev.samara.core.internal.sync.StackReserve;
import java.lang.ref.WeakReference;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The part of a CPU that shootdowns read: its state with its current context, in one word; whether a request is
 * pending; and the generation up to which it flushed.
 *
 * <pre>
 *     OFFLINE ──> KERNEL &lt;──> GUEST       In GUEST a CPU uses its TLB, and must acknowledge requests.
 *                  │   │                   Otherwise it keeps its TLB, and catches up before it uses the TLB again.
 *      SWITCHING &lt;─┘   └─> LAZY            In LAZY a CPU has no context. It may keep the last one.
 * </pre>
 *
 * <p>From LAZY, a CPU returns to KERNEL or goes to SWITCHING. From SWITCHING, it goes to KERNEL. From each state but
 * GUEST, it may go to OFFLINE; from GUEST, it goes to OFFLINE only if it is {@linkplain CpuOwner gone}.
 *
 * <p>While the word is KERNEL or GUEST in a context, the CPU is counted as a user of that context. A CPU that is not in
 * any other space has the context of the {@linkplain TlbContext#EMPTY empty space}. The {@link LazyContext} of a CPU in
 * LAZY represents the context that the CPU left.
 *
 * <p>The owner's thread changes the word. A CPU that is not in GUEST may be handed over to another thread: all stores
 * of its last owner precede the claim by the new owner, and no shootdown waits for the CPU in between. If the CPU is
 * {@linkplain CpuOwner gone}, another thread changes the word, to take the CPU offline.
 */
public final class CpuState extends CpuWords.Flushed {
    /*
     * Why these accesses are enough. A shooter is the thread of a shootdown.
     *
     * GUEST, or the new generation:
     *
     *     CPU                                              shooter
     *     word := GUEST in the context     (volatile)      change the entry             (compare-and-set)
     *     read the generation              (volatile)      advance the generation       (get-and-add)
     *     flush up to it, flushed := it    (release)       read the cpumask, the word   (volatile)
     *     read entries                     (acquire)       GUEST in the context? wait   (volatile, then acquire)
     *
     * The store of the word, the read of the generation, the advance and the read of the word are volatile. So they
     * have one total order, which is consistent with the program order of each thread. Either the store of the word
     * precedes the read of the word, and the shooter waits. Or the store follows that read, and so also the advance;
     * then the CPU reads the new generation, and flushes before it reads an entry. With a release store of the word,
     * both reads could precede both stores.
     *
     * The end of the wait: the CPU's accesses, then word := KERNEL or flushed := generation (release). The shooter
     * reads one of these stores (volatile, acquire), then frees. The field flushed belongs to the CPU's current
     * context, and is read after the word. If it belongs to this context, it was stored after the flush. If it belongs
     * to another context, the CPU left this context after the shooter read the word, and the wait is also over, because
     * the CPU reads the generation again before it returns to GUEST. It cannot belong to an earlier context, because
     * arrive stores the word (release) after flushed.
     *
     * The request: the shooter advances the generation, then pending := 1. The CPU clears pending, then reads the
     * generation (all volatile). If the CPU cleared a request, it reads the generation of that request or a later one;
     * its next poll finds a later request. The poll itself is opaque, because it only decides whether these two steps
     * are executed.
     *
     * LAZY: the word names no context. When it returns to a space, the CPU first becomes a user, as it does when it
     * comes from any other space; after the last put, it cannot become a user.
     */

    /** CPUs with this number or a higher one share a bit if their numbers are equal modulo this value. */
    private static final int SHARED = Long.SIZE / 2;

    /** The CPU is not online. */
    private static final int OFFLINE = 0;

    /** The CPU does not use its TLB; it catches up by generation before it uses the TLB again. */
    private static final int KERNEL = 1;

    /** The CPU uses its TLB. */
    private static final int GUEST = 2;

    /** The CPU is between two spaces; it has no context and uses no translation. */
    private static final int SWITCHING = 3;

    /**
     * The CPU left a space temporarily. It is currently not a user of that space, but returns to it faster than from
     * another space.
     */
    private static final int LAZY = 4;

    private static final List<String> STATE_NAMES = List.of("OFFLINE", "KERNEL", "GUEST", "SWITCHING", "LAZY");

    /** The stack that an arrival needs, in stack frames: the stack of a drop, and the calls up to it. */
    private static final int ARRIVE_DEPTH = StackReserve.around(LazyContext.DROP_DEPTH, 8);

    private static final int STATE_BITS = 3;
    private static final long STATES = (1 << STATE_BITS) - 1;

    /**
     * The TLB of a CPU, as used by the thread that owns the CPU. If that thread itself flushes, no request is needed
     * ({@code local_flush_tlb}). From {@link TlbContext#generation}, a CPU learns that it must flush.
     */
    public interface OwnerTlb {
        /** The reason to leave GUEST for a call of the thread that may wait. The reason for a fault is its depth. */
        int FOR_CALL = -1;

        /** Catches up with the generation of the CPU's space, and acknowledges. The CPU is in GUEST. */
        void acknowledge();

        /**
         * Drops the translations of a range of the CPU's space. The CPU is in KERNEL, and has a space.
         *
         * @param start the first address
         * @param end the end of the range, exclusive
         * @return false, with nothing dropped, if the CPU must catch up with a generation instead, because the range is
         *     too long, or because a listener must be notified of generations
         */
        boolean drop(long start, long end);

        /**
         * Returns whether the CPU is in GUEST, and not only for one access of its memory. For any thread that found the
         * CPU's word in GUEST.
         */
        boolean runsGuest();

        /**
         * Returns whether the CPU is in GUEST, and leaves it by itself.
         *
         * @param why {@link #FOR_CALL}; or, for a fault of another CPU of the thread, its depth among the thread's
         *     nested faults, which identifies the fault
         */
        boolean leavesFor(int why);

        /** Leaves GUEST for a reason for which the CPU {@linkplain #leavesFor does so by itself}. */
        void goAway(int why);

        /**
         * Enters GUEST again if the CPU left it for this reason, which is over.
         *
         * @return whether the CPU entered GUEST
         */
        boolean comeBackFrom(int why);
    }

    final int number;

    /** The CPU's bit in cpumasks. */
    public final long bit;

    /** Whether other CPUs may have the same bit. */
    public final boolean sharesBit;

    /** The CPU's number in reports. Unlike {@link #number}, this number is never reused. */
    final int name;

    private final CpuOwner owner;
    private final WeakReference<? extends OwnerTlb> tlb;

    /**
     * The reference through which the thread lists this CPU. Created once, so that nothing is allocated when a thread
     * becomes the owner.
     */
    final WeakReference<CpuState> self = new WeakReference<>(this);

    /** The counters of this CPU's events. */
    public final CpuCounters counters = new CpuCounters();

    /**
     * Whether a thread is taking this CPU offline. Guarded by the monitor of {@link Cpus}.
     *
     * <p>Words: {@code isTaken}, {@code isReported} of {@code CpuState}, {@code CpuOwner}.
     * Written: a thread that takes a CPU offline (plain, lock: monitor of {@code Cpus}); {@code isReported} by that
     *     thread between its two holds of the monitor (plain).
     * Read: a thread that takes a CPU offline (plain, lock); {@code isReported} as it is written (plain).
     * Invariant: one thread at a time releases what a CPU holds. That thread has set {@code isTaken}.
     */
    boolean isTaken;

    /** The context that counts this CPU as a user. Used by its thread, and by a thread that takes the CPU offline. */
    private @Nullable TlbContext loaded;

    /** The part of a space that the CPU keeps in LAZY. */
    final LazyContext lazy;

    /** The reader whose sections the thread uses to handle faults; null until {@link #readsAs}. Used by the thread. */
    Rcu.@Nullable Reader reader;

    CpuState(int number, int name, CpuOwner owner, WeakReference<? extends OwnerTlb> tlb, LazyContext lazy) {
        this.number = number;
        sharesBit = number >= SHARED;
        bit = 1L << (sharesBit ? SHARED + number % SHARED : number);
        this.name = name;
        this.owner = owner;
        this.tlb = tlb;
        this.lazy = lazy;
        CpuWords.WORD.setRelease(this, wordOf(KERNEL, TlbContext.EMPTY));
    }

    /** Returns the CPU's thread; null while the CPU is handed over. */
    @Nullable
    Thread owner() {
        return owner.thread();
    }

    /** Returns whether no thread can use the CPU any more. Then only {@link Cpus#release} changes its state. */
    boolean isGone() {
        return owner.isGone();
    }

    /** Returns whether the CPU is lost. */
    boolean isLost() {
        return owner.isLost();
    }

    /**
     * Returns the lowest number from {@code from} on whose bit is in a cpumask; a very large number if there is none.
     */
    static int next(long mask, int from) {
        int own = from < SHARED ? (int) mask & -1 << from : 0;
        if (own != 0) {
            return Integer.numberOfTrailingZeros(own);
        }
        int shared = (int) (mask >>> SHARED);
        int first = Math.max(from, SHARED);
        return shared == 0
                ? Integer.MAX_VALUE
                : first + Integer.numberOfTrailingZeros(Integer.rotateRight(shared, first));
    }

    private static long wordOf(int state, long context) {
        return context << STATE_BITS | state;
    }

    /**
     * Returns the {@link #word} of a CPU in a context and outside GUEST, for an exit from GUEST without a call.
     *
     * @param context the number of the context
     */
    public static long outside(long context) {
        return wordOf(KERNEL, context);
    }

    // The methods below are for the owner's thread.

    /**
     * Sets the reader whose sections the owner's thread uses to handle faults of this CPU.
     *
     * @param of the reader of the CPU's page table context
     */
    public void readsAs(Rcu.Reader of) {
        reader = of;
    }

    /**
     * Returns whether other threads may wait for the CPU's thread: the CPU is in GUEST, or its reader is in a section.
     * Used by the thread.
     *
     * @param passed a reader that does not count; null if there is none
     */
    boolean mayDelay(Rcu.@Nullable Reader passed) {
        Rcu.Reader own = reader;
        return (word & STATES) == GUEST || (own != null && own != passed && own.isReading());
    }

    /**
     * Starts to use translations of a context. If a thread changed entries before its shootdown read this word, the
     * change is visible to the reads that follow.
     *
     * @param context the number of the context
     * @return the context
     */
    public @Nullable TlbContext enterGuest(long context) {
        // Volatile: stored before the reads of the generation and then of entries. Pairs with the thread of a
        // shootdown, which changes the entry, advances the generation, and then reads this word. At least one of the
        // two threads sees the other's store.
        word = wordOf(GUEST, context);
        return loaded;
    }

    /**
     * Stops using translations, after the last access.
     *
     * @param context the number of the current context
     */
    public void leaveGuest(long context) {
        // Release: pairs with the thread of a shootdown, which reads this word before it frees frames.
        CpuWords.WORD.setRelease(this, wordOf(KERNEL, context));
    }

    /**
     * Checks that {@link #arrive} has enough stack to drop the context that this CPU keeps. Called before {@link
     * #depart}. If a CPU failed on arrival, it would be counted as a user of a space without being in it.
     */
    public void checkMayArrive() {
        if (lazy.mayRelease() && lazy.kept() != null) {
            StackReserve.check(ARRIVE_DEPTH);
        }
    }

    /** Goes to SWITCHING, and leaves the current context. Not called in GUEST. */
    public void depart() {
        giveUp(SWITCHING);
    }

    /**
     * Goes offline. Called by the CPU's thread outside GUEST, or, after the CPU is gone, by one thread at a time.
     * Allocates nothing, and calls nothing that waits. The caller then drops what the CPU keeps in LAZY.
     */
    void offline() {
        giveUp(OFFLINE);
    }

    /**
     * Makes a thread of the machine tear down the spaces that the CPU left as their last user, and reports the CPU if
     * it is lost. Called after the CPU is gone and offline.
     */
    void endGone() {
        owner.endLeft(false);
        owner.reportIfLost(this);
    }

    private void giveUp(int state) {
        // Release: after the last access, and before the CPU's count as a user is decremented. Pairs with the teardown
        // that follows the last put.
        CpuWords.WORD.setRelease(this, wordOf(state, TlbContext.EMPTY));
        TlbContext of = loaded;
        if (of != null && of.unuse()) {
            owner.left(of);
        }
        // Not cleared before, so that after a stack overflow above, the next transition decrements the count.
        loaded = null;
        // After the word, so that no thread that reads the counts of the space counts these events twice.
        counters.beginSpace(of);
    }

    /**
     * Goes from SWITCHING to KERNEL.
     *
     * @param next the new current context, which counts the CPU as a user; or null for the empty space
     */
    public void arrive(@Nullable TlbContext next) {
        loaded = next;
        // Release: after the count as a user and flushedTo. No other thread changes the word of a CPU in SWITCHING.
        CpuWords.WORD.setRelease(this, wordOf(KERNEL, next == null ? TlbContext.EMPTY : next.id));
        if (lazy.kept() != next) {
            // This must not fail, because otherwise the CPU could return to the kept context with the generation of the
            // next one. It needs no more stack than the earlier store of the word in depart, unless it releases a page
            // table, for which checkMayArrive checked the stack.
            lazy.drop();
        }
    }

    /** Goes from KERNEL to LAZY. The current context must not belong to the empty space. */
    public void enterLazy() {
        TlbContext of = Objects.requireNonNull(loaded);
        // Kept first, while the CPU is counted as a user and so may read the context.
        lazy.keep(of);
        // Release, and before the CPU's count is decremented, so that the teardown that follows the last put finds no
        // CPU in the context.
        CpuWords.WORD.setRelease(this, wordOf(LAZY, TlbContext.EMPTY));
        if (of.unuse()) {
            owner.left(of);
        }
        // Cleared after the count is decremented, as in giveUp.
        loaded = null;
    }

    /**
     * Adds the events that were counted in the space which the CPU left for LAZY to the counters of that space. Called
     * after the word was stored.
     */
    public void settleCounters(TlbContext of) {
        counters.beginSpace(of);
    }

    /**
     * Returns from LAZY to KERNEL with all its translations, if the CPU is LAZY and keeps this context, and if the
     * space still has users. The CPU catches up with the changes that it missed when it enters GUEST.
     *
     * @param wanted the context to return to
     * @return whether the CPU returned to the context
     */
    public boolean leaveLazy(TlbContext wanted) {
        // If the CPU has a context, which happens after a stack overflow, it must leave that context first.
        if (loaded != null || lazy.kept() != wanted || !wanted.use()) {
            return false;
        }
        // A store suffices, because no other thread changes the word. It needs no deeper stack than the count before
        // it.
        CpuWords.WORD.setRelease(this, wordOf(KERNEL, wanted.id));
        loaded = wanted;
        return true;
    }

    /** Returns the context of the CPU's space; null in LAZY and SWITCHING, and if the CPU is not in a space. */
    public @Nullable TlbContext context() {
        return loaded;
    }

    /** Returns the context that the CPU keeps in LAZY; null in other states, and if it keeps none. */
    public @Nullable TlbContext lazyContext() {
        return loaded == null ? lazy.kept() : null;
    }

    /**
     * Publishes the generation up to which this CPU flushed the current context. In SWITCHING, publishes the generation
     * for the next context.
     *
     * @param generation a generation
     */
    public void flushedTo(long generation) {
        // Release: after the flush. Pairs with isDone.
        CpuWords.FLUSHED.setRelease(this, generation);
    }

    /** Returns whether a request is pending. A poll reads nothing else. */
    public boolean isPending() {
        return (int) CpuWords.PENDING.getOpaque(this) != 0;
    }

    /** Clears the pending request. Called before the generation is read. */
    public void clearPending() {
        // Volatile: a thread whose request precedes this store advanced the generation before. A later request is found
        // by the next poll.
        CpuWords.PENDING.setVolatile(this, 0);
    }

    /** Returns the TLB of this CPU; null if it is no longer reachable. */
    @Nullable
    OwnerTlb tlb() {
        return tlb.get();
    }

    // The methods below are for any thread.

    boolean isGuest() {
        return (word & STATES) == GUEST;
    }

    /** Returns the CPU's state and its context at some instant of this call, for messages. */
    public String state() {
        long seen = word;
        String state = STATE_NAMES.get((int) (seen & STATES));
        return seen >>> STATE_BITS == TlbContext.EMPTY ? state : state + " in context " + (seen >>> STATE_BITS);
    }

    /** Returns whether the CPU is in a context. */
    boolean isIn(long context) {
        return word >>> STATE_BITS == context;
    }

    /** Returns whether the CPU is in a context, and does not use its translations. */
    boolean isInKernel(long context) {
        return word == wordOf(KERNEL, context);
    }

    /** Returns whether the CPU is between two spaces, and may have read the generation of the next one. */
    boolean isSwitching() {
        return (word & STATES) == SWITCHING;
    }

    /** Returns whether the CPU can no longer use translations of a context from before a generation. */
    boolean isDone(long context, long generation) {
        // Reads the word first: a CPU that is not in GUEST in this context catches up before it uses a translation
        // there. A CPU published its generation before it enters GUEST.
        return word != wordOf(GUEST, context) || (long) CpuWords.FLUSHED.getAcquire(this) >= generation;
    }

    /** Spins at least once, and until {@link #isDone}, at most {@code most} times. Returns how many times are left. */
    int spinUntilDone(long context, long generation, int most) {
        long guest = wordOf(GUEST, context);
        int left = most;
        do {
            Thread.onSpinWait();
            left--;
            // Read in the order of isDone.
        } while (left > 0 && word == guest && (long) CpuWords.FLUSHED.getAcquire(this) < generation);
        return left;
    }

    /** Requests that the CPU catches up at its next poll. */
    public void request() {
        CpuWords.PENDING.setVolatile(this, 1);
    }

    /** Returns whether the CPU is offline. */
    boolean isOffline() {
        return (word & STATES) == OFFLINE;
    }

    @Override
    public String toString() {
        Thread of = owner.thread();
        return "cpu " + name + (of == null ? " of no thread" : " of thread " + of.getName());
    }
}
