// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import dev.samara.core.internal.sync.RcuReader;
import dev.samara.core.internal.sync.StackReserve;
import java.lang.ref.WeakReference;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The part of a CPU that shootdowns read: its state with its current context, in one word; whether a request is
 * pending; and the generation up to which it has flushed.
 *
 * <pre>
 *     OFFLINE ──> KERNEL &lt;──> GUEST       In GUEST a CPU uses its TLB, and must acknowledge requests.
 *                  │   │                   Else it keeps its TLB, and catches up before it uses the TLB again.
 *      SWITCHING &lt;─┘   └─> LAZY            In LAZY a CPU has no context. It may keep the last one.
 * </pre>
 *
 * <p>From LAZY a CPU goes back to KERNEL, or to SWITCHING. From SWITCHING it goes to KERNEL. From each state but GUEST
 * it may go to OFFLINE; from GUEST only a CPU that is {@linkplain CpuOwner gone} does.
 *
 * <p>While the word is KERNEL or GUEST in a context, the CPU is counted as a user of that context. A CPU without a
 * context of another space has that of the {@linkplain TlbContext#EMPTY empty space}. What a CPU in LAZY has left is
 * the matter of its {@link LazyContext}.
 *
 * <p>The owner's thread changes the word. A CPU that is not in GUEST may be handed over to another thread: its last
 * owner has stored everything before the new one claims it, and no shootdown waits for it meanwhile. Another thread
 * changes the word of a CPU that is {@linkplain CpuOwner gone}: it takes the CPU offline.
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
     * have one order, which agrees with that of each thread. Either the store of the word comes before its read, and
     * the shooter waits. Or the store comes after that read, and so after the advance. Then the CPU reads the new
     * generation, and flushes before it reads an entry. With a release store of the word both reads could come before
     * both stores.
     *
     * The end of the wait: the CPU's accesses, then word := KERNEL or flushed := generation (release). The shooter
     * reads one of these stores (volatile, acquire), then frees. Flushed is of the current context, and read after the
     * word. If it is of this context, it was stored after the flush. If flushed is of another context, the CPU has left
     * this one since the shooter read the word, and the wait is over too: on its way back into GUEST the CPU reads the
     * generation again. It cannot be of an earlier context, since arrive stores the word (release) after flushed.
     *
     * The request: the shooter advances the generation, then pending := 1. The CPU clears pending, then reads the
     * generation (all volatile). If the CPU has cleared a request, it reads the generation of that request; its next
     * poll finds a later one. The poll itself is opaque, since it decides nothing but whether these two steps are made.
     *
     * LAZY: the word names no context. On its way back to a space the CPU becomes a user first, as from any other
     * space, and there are no users after the last put.
     */

    /** From this number on, CPUs share a bit if their numbers are equal modulo this. */
    static final int SHARED = Long.SIZE / 2;

    /** Owned by no thread. */
    static final int OFFLINE = 0;

    /** Does not use its TLB; catches up by generation before it uses the TLB again. */
    static final int KERNEL = 1;

    /** Uses its TLB. */
    static final int GUEST = 2;

    /** Between two spaces: has no context, and uses no translation. */
    static final int SWITCHING = 3;

    /**
     * Between two stays in a space. The CPU is no user of it now, and comes back to it faster than from another space.
     */
    static final int LAZY = 4;

    private static final List<String> STATE_NAMES = List.of("OFFLINE", "KERNEL", "GUEST", "SWITCHING", "LAZY");

    /** The stack of an arrival: what a drop needs, and the calls on the way there, in frames. */
    private static final int ARRIVE_DEPTH = LazyContext.DROP_DEPTH + 8;

    private static final int STATE_BITS = 3;
    private static final long STATES = (1 << STATE_BITS) - 1;

    private final int number;
    private final int name;

    private final CpuOwner owner;
    private final OwnerTlb ownerTlb;

    /** By which its thread lists it: nothing is allocated each time that a thread becomes the owner. */
    final WeakReference<CpuState> self = new WeakReference<>(this);

    private final CpuCounters counters = new CpuCounters();

    /**
     * Whether a thread takes this CPU offline. Guarded by the monitor of {@link Cpus}.
     *
     * @words {@code isTaken}, {@code isReported} of {@code CpuState}, {@code CpuOwner}
     * @written a thread that takes a CPU offline (plain, lock: monitor of {@code Cpus}); {@code isReported} by that
     *     thread between its two holds of the monitor (plain)
     * @read a thread that takes a CPU offline (plain, lock); {@code isReported} as it is written (plain)
     * @invariant one thread at a time gives up what a CPU has. That thread has set {@code isTaken}
     */
    boolean isTaken;

    /** The context that counts this CPU as a user. For its thread, and for one that takes the CPU offline. */
    private @Nullable TlbContext loaded;

    private final LazyContext lazy;

    /** The reader in whose sections its thread handles faults; null until {@link #readsAs}. For its thread. */
    private @Nullable RcuReader reader;

    CpuState(int number, int name, CpuOwner owner, OwnerTlb ownerTlb, LazyContext lazy) {
        this.number = number;
        this.name = name;
        this.owner = owner;
        this.ownerTlb = ownerTlb;
        this.lazy = lazy;
        setWordRelease(wordOf(KERNEL, TlbContext.EMPTY));
    }

    int number() {
        return number;
    }

    /** Returns its number in reports. Unlike {@link #number()}, no later CPU has it. */
    int name() {
        return name;
    }

    /** Returns its thread; null while it is handed over. */
    @Nullable
    Thread owner() {
        return owner.thread();
    }

    /** Returns whether no thread can use it any more. Only {@link Cpus#release} changes its state then. */
    boolean isGone() {
        return owner.isGone();
    }

    /** Returns whether it is lost. */
    boolean isLost() {
        return owner.isLost();
    }

    /** Returns the next number whose CPU has an equal bit, or {@link Integer#MAX_VALUE} if the bit is not shared. */
    static int nextOfBit(int number) {
        return number < SHARED ? Integer.MAX_VALUE : number + SHARED;
    }

    /**
     * Returns its bit in cpumasks.
     *
     * @return one bit, which CPUs with high numbers may share
     */
    public long bit() {
        return 1L << (number < SHARED ? number : SHARED + number % SHARED);
    }

    /** Returns whether other CPUs may have its bit too. */
    public boolean sharesBit() {
        return number >= SHARED;
    }

    private static long wordOf(int state, long context) {
        return context << STATE_BITS | state;
    }

    /** Returns the events that this CPU counts. */
    public CpuCounters counters() {
        return counters;
    }

    // The methods below are for the owner's thread.

    /**
     * Sets the reader in whose sections the owner's thread handles faults of this CPU.
     *
     * @param of the reader of the CPU's page-table context
     */
    public void readsAs(RcuReader of) {
        reader = of;
    }

    /** Returns the reader of its page-table context; null if it has none. */
    @Nullable
    RcuReader reader() {
        return reader;
    }

    /**
     * Starts to use translations of a context. If a thread changed entries before its shootdown read this word, the
     * change is visible to the reads that follow.
     *
     * @param context the number of the context
     */
    public void enterGuest(long context) {
        // Volatile: before the generation is read, and then entries. Pairs with the thread of a shootdown: it changes
        // the entry, advances the generation, and then reads this word. At least one of the two threads sees the
        // other's store.
        setWordVolatile(wordOf(GUEST, context));
    }

    /**
     * Undoes {@link #enterGuest}, which may or may not have stored the state, before a translation was used.
     *
     * @param context the number of the current context
     */
    public void abandonGuest(long context) {
        // Volatile, as in enterGuest: another mode could need a deeper stack.
        setWordVolatile(wordOf(KERNEL, context));
    }

    /**
     * Stops using translations, after the last access.
     *
     * @param context the number of the current context
     */
    public void leaveGuest(long context) {
        // Release: pairs with the read of this word by the thread of a shootdown, before that frees frames.
        setWordRelease(wordOf(KERNEL, context));
    }

    /**
     * Checks that {@link #arrive} has the stack to give up what this CPU keeps. Called before {@link #depart}. If a CPU
     * failed on its arrival, it would be counted as a user of a space without being there.
     */
    public void checkMayArrive() {
        if (lazy.mayRelease() && lazy.kept() != null) {
            StackReserve.check(ARRIVE_DEPTH);
        }
    }

    /** Goes to SWITCHING: gives up the current context. Not called in GUEST. */
    public void depart() {
        giveUp(SWITCHING);
    }

    /**
     * Goes offline. Called by its thread, not in GUEST; or by any one thread at a time once it is gone. Allocates
     * nothing, and calls nothing that waits. The caller then calls {@link #endKept}.
     */
    void offline() {
        giveUp(OFFLINE);
    }

    /** Gives up what it keeps in LAZY, once it is offline. This may release a page table. */
    void endKept() {
        lazy.drop();
    }

    /**
     * Has a thread of the machine tear down the spaces that it has left as their last user, and reports it if it is
     * lost. Called once it is gone, and offline.
     */
    void endGone() {
        owner.left().endLater();
        owner.reportIfLost(this);
    }

    private void giveUp(int state) {
        // Release: after the last access, and before the CPU stops being counted as a user. Pairs with the teardown
        // that follows the last put.
        setWordRelease(wordOf(state, TlbContext.EMPTY));
        TlbContext of = loaded;
        if (of != null && of.users().unuse()) {
            owner.left().add(of.users());
        }
        // Not before: if the stack has ended above, the next transition gives the count up.
        loaded = null;
        // After the word: no thread that reads the counts of the space finds these events twice.
        counters.beginSpace(of == null ? null : of.counters());
    }

    /**
     * Goes from SWITCHING to KERNEL.
     *
     * @param next the new current context, which counts the CPU as a user; or null for the empty space
     */
    public void arrive(@Nullable TlbContext next) {
        loaded = next;
        // Release: after the count and flushedTo. No other thread changes the word of a CPU in SWITCHING.
        setWordRelease(wordOf(KERNEL, next == null ? TlbContext.EMPTY : next.id()));
        if (lazy.kept() != next) {
            // This must not fail: the CPU could then return to the kept context with the generation of the next one. It
            // needs no more stack than the earlier store of the word in depart, unless it releases a page table.
            // checkMayArrive has checked the stack for that.
            lazy.drop();
        }
    }

    /** Goes from KERNEL to LAZY. The current context must not be the empty space's. */
    public void enterLazy() {
        TlbContext of = Objects.requireNonNull(loaded);
        // First: while the CPU is counted as a user, it needs no other reason to read the context.
        lazy.keep(of);
        // Release, and before the CPU stops being counted. The teardown that follows the last put finds no CPU in the
        // context.
        setWordRelease(wordOf(LAZY, TlbContext.EMPTY));
        if (of.users().unuse()) {
            owner.left().add(of.users());
        }
        // As in giveUp.
        loaded = null;
    }

    /** Adds the events of the space that the CPU has left for LAZY to those of that space. Called after the word. */
    public void settleCounters(TlbContext of) {
        counters.beginSpace(of.counters());
    }

    /**
     * Goes from LAZY back to KERNEL with all its translations, if the CPU is LAZY and keeps this context, and the space
     * has users still. It catches up with changes made meanwhile when it enters GUEST.
     *
     * @param wanted the context to go to
     * @return whether it is there
     */
    public boolean leaveLazy(TlbContext wanted) {
        // A CPU that has a context after a failure at the end of the stack leaves it first.
        if (loaded != null || lazy.kept() != wanted || !wanted.use()) {
            return false;
        }
        // A store suffices: no other thread changes the word. It needs no deeper stack than the count before it.
        setWordRelease(wordOf(KERNEL, wanted.id()));
        loaded = wanted;
        return true;
    }

    /** Returns the context of the CPU's space; null in LAZY and SWITCHING, and if it has none. */
    public @Nullable TlbContext context() {
        return loaded;
    }

    /** Returns the context that the CPU keeps in LAZY; null in other states, and if it keeps none. */
    public @Nullable TlbContext lazyContext() {
        return loaded == null ? lazy.kept() : null;
    }

    /**
     * Publishes the generation to which this CPU has flushed the current context. In SWITCHING, publishes that of the
     * next context.
     *
     * @param generation a generation
     */
    public void flushedTo(long generation) {
        // Release: after the flush. Pairs with isDone.
        setFlushedRelease(generation);
    }

    /** Returns whether a request is pending. A poll reads nothing else. */
    public boolean isPending() {
        return pendingOpaque() != 0;
    }

    /** Clears the pending request, before the generation is read. */
    public void clearPending() {
        // Volatile: a thread whose request precedes this store has advanced the generation before. A later request is
        // seen by the next poll.
        setPendingVolatile(0);
    }

    /** Catches up, for a shootdown that waits on the owner's thread itself. */
    void acknowledge() {
        ownerTlb.acknowledge();
    }

    /**
     * Drops the translations of a range of the current context. Not called in GUEST.
     *
     * @param start the first address
     * @param end the end of the range, exclusive
     * @return false, and drops nothing, if it has to catch up with a generation instead
     */
    boolean drop(long start, long end) {
        return ownerTlb.drop(start, end);
    }

    /** Returns whether it leaves GUEST, in which it is, by itself for a call of its thread that may wait. */
    boolean leavesForCalls() {
        return ownerTlb.leavesForCalls();
    }

    /** Leaves GUEST for a call of its thread. */
    void leaveForCall() {
        ownerTlb.leaveForCall();
    }

    /** Leaves GUEST for a fault of another CPU of its thread, if it does so by itself. */
    void leaveForFault(int depth) {
        ownerTlb.leaveForFault(depth);
    }

    /** Enters GUEST again if it has left it for a fault, which is over. */
    void comeBack(int depth) {
        ownerTlb.comeBack(depth);
    }

    // The methods below are for any thread.

    boolean isGuest() {
        return (wordVolatile() & STATES) == GUEST;
    }

    private boolean isGuestIn(long context) {
        return wordVolatile() == wordOf(GUEST, context);
    }

    /** Returns the CPU's state and its context at some instant of this call, for messages. */
    public String state() {
        long word = wordVolatile();
        String state = STATE_NAMES.get((int) (word & STATES));
        return word >>> STATE_BITS == TlbContext.EMPTY ? state : state + " in context " + (word >>> STATE_BITS);
    }

    /** Returns whether it has a context. */
    boolean isIn(long context) {
        return wordVolatile() >>> STATE_BITS == context;
    }

    /** Returns whether it has a context, and does not use its translations. */
    boolean isInKernel(long context) {
        return wordVolatile() == wordOf(KERNEL, context);
    }

    /** Returns whether it is between two spaces, and may have read the generation of the next. */
    boolean isSwitching() {
        return (wordVolatile() & STATES) == SWITCHING;
    }

    /** Returns the part of a space that the CPU keeps in LAZY; one object for all time. */
    LazyContext lazy() {
        return lazy;
    }

    /** Returns whether it can no longer use translations of a context from before a generation. */
    boolean isDone(long context, long generation) {
        // The word first: a CPU that is not in GUEST in this context catches up before it enters GUEST there again. A
        // CPU that enters GUEST has published its generation before.
        return !isGuestIn(context) || flushedAcquire() >= generation;
    }

    /** Requests that the CPU catches up at its next poll. */
    public void request() {
        setPendingVolatile(1);
    }

    /** Returns whether it has gone offline. */
    boolean isOffline() {
        return (wordVolatile() & STATES) == OFFLINE;
    }

    @Override
    public String toString() {
        Thread of = owner.thread();
        return "cpu " + name + (of == null ? " of no thread" : " of thread " + of.getName());
    }
}
