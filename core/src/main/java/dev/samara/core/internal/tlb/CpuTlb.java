// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import dev.samara.core.event.FlushListener;
import dev.samara.core.internal.cpu.CpuCounters;
import dev.samara.core.internal.cpu.CpuOwner;
import dev.samara.core.internal.cpu.CpuState;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.cpu.LentCpu;
import dev.samara.core.internal.cpu.OwnerTlb;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.sync.Rcu;
import dev.samara.core.internal.sync.StackReserve;
import java.lang.ref.Reference;
import java.lang.ref.WeakReference;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The owner's side of a CPU: its TLB, the spaces whose translations the TLB still contains, and its transitions. Used
 * by the thread that owns the CPU; this thread may hand the CPU over to another thread.
 *
 * <p>A translation is used only in GUEST, and the CPU acknowledges nothing between the read of an entry and the end of
 * the access. A shootdown reads this CPU's state after the entry was changed. If the state is not GUEST, or if the CPU
 * flushed up to the shootdown's generation, this CPU no longer uses the old entry.
 */
@SuppressWarnings("ReachabilityFenceUsage") // no change follows where a method throws
public final class CpuTlb extends CpuActivities {
    /*
     * Why these accesses are enough.
     *
     * All fields of this class and of its parts TlbFill and TlbCatchUp are plain and used only by the owner's thread.
     * Other threads read only its CpuState and the cpumasks of leaves. Each step therefore orders its own accesses:
     *
     *     leaveLazy    count in the context (atomic), word := KERNEL (release)
     *     switchTo     word := SWITCHING (release), count in the context (atomic), read its generation if the
     *                  slot is new (volatile), flushed := that of the slot (release), word := KERNEL (release)
     *     enterGuest   word := GUEST (volatile), read the generation (volatile), flush, give the view its key
     *     poll         pending := 0 (volatile), read the generation (volatile), flush
     *     flush        drop what TlbCatchUp decides, flushed := the generation (release)
     *     walk         in TlbFill: bit in the cpumask (get-and-or, full fence), read the entry (acquire), fill
     *     leaveGuest   last access, take the key from the view, word := KERNEL (release)
     *
     * A shooter changes the entry, advances the generation, then reads the cpumask and the word. (If the cpumask
     * contains no CPU but its own, it does not advance the generation; this is the first of the following cases.) It
     * finds one of three cases:
     *
     *     no bit of this CPU in the cpumask     A bit stays set. So walk sets it later, then reads the entry, and finds
     *                                           the change. For this reason TlbCatchUp may skip a logged range whose
     *                                           cpumask lacks the bit.
     *     not GUEST in the space                enterGuest reads the new generation later, and flushes before an
     *                                           access. All accesses before leaveGuest have been made.
     *     GUEST in the space                    The shooter waits for another word, or for flushed, which is stored
     *                                           after the flush.
     *
     * CpuState contains the proof of the last two cases, and FlushLog the proof that a logged range is complete.
     */

    /** The CPU stays in GUEST until its thread leaves it. */
    public static final int NEVER = 0;

    /** The CPU leaves GUEST by itself for faults of other CPUs of the thread. */
    public static final int FOR_FAULTS = 1;

    /** The CPU leaves GUEST by itself for these faults, and for calls of the thread that may wait. */
    public static final int FOR_CALLS = 2;

    /** A value of {@link #away}: the CPU is in GUEST, or its thread made it leave GUEST. */
    public static final int NOT_AWAY = 0;

    /**
     * A value of {@link #away}: the CPU left GUEST by itself for a call. A positive value is the depth of the fault for
     * which it left.
     */
    public static final int FOR_CALL = -1;

    /** A value of {@link #away}: the thread made the CPU leave GUEST until it polls. */
    public static final int UNTIL_POLL = -2;

    /**
     * The stack that a flush needs, in stack frames, including what follows it in GUEST or on the way there. A listener
     * that overflows the stack is reported, like one that throws another exception.
     */
    public static final int FLUSH_DEPTH = 20;

    /** A value that is not a generation. */
    private static final long FRESH = -1;

    /** Visible, because after an Error an access stores {@link #outside} to its word without a call. */
    public final CpuState state;

    /** The word of the CPU's state outside GUEST, in the CPU's space. */
    public long outside;

    private final Cpus cpus;
    private final SoftTlb tlb;
    private final TlbFill fill;
    private final FlushedGenerations slots;
    private final TlbCatchUp catchUp;

    /* Copies of what enterGuest needs to know about the CPU's space; the state contains the context of that space. */
    private SoftTlb.@Nullable View view;
    private long contextId;
    private FlushedGenerations.Slot slot;
    private int number;

    /**
     * The generation up to which the CPU flushed; {@link #FRESH} if listeners must be notified before a translation is
     * used.
     */
    private long flushed;

    /** The cases in which the CPU leaves GUEST by itself: {@link #NEVER}, {@link #FOR_FAULTS} or {@link #FOR_CALLS}. */
    private int leaves;

    /** Why the CPU left GUEST temporarily, or {@link #NOT_AWAY}. */
    private int away;

    /**
     * Flushes as long as the TLB is reachable. The list of CPUs must not keep a TLB reachable, because a flush listener
     * may refer to its CPU, which would then never be lost.
     */
    private static final class OwnTlb extends WeakReference<CpuTlb> implements OwnerTlb {
        OwnTlb(CpuTlb tlb) {
            super(tlb);
        }

        @Override
        public void acknowledge() {
            CpuTlb tlb = get();
            if (tlb != null) {
                tlb.acknowledge();
            }
        }

        @Override
        public boolean drop(long start, long end) {
            CpuTlb tlb = get();
            // After a failed switch, the selected space of the TLB may be another one.
            return tlb != null && (tlb.activities & WITHOUT_SPACE) == 0 && tlb.catchUp.drop(tlb.state, start, end);
        }

        @Override
        public boolean leavesForCalls() {
            CpuTlb tlb = get();
            return tlb != null && tlb.leaves == FOR_CALLS && tlb.activities == GUEST;
        }

        @Override
        public void leaveForCall() {
            CpuTlb tlb = get();
            if (tlb != null) {
                tlb.goAway(FOR_CALL);
            }
        }

        @Override
        public void leaveForFault(int depth) {
            CpuTlb tlb = get();
            if (tlb != null && tlb.leaves != NEVER && tlb.activities == GUEST) {
                tlb.goAway(depth);
            }
        }

        @Override
        public void comeBack(int depth) {
            CpuTlb tlb = get();
            if (tlb != null && tlb.away == depth) {
                boolean unused = tlb.comeBack();
            }
        }
    }

    /**
     * Creates a CPU of the calling thread, in KERNEL and without a space.
     *
     * @param cpus the CPUs of the machine
     * @param owner the owner of the CPU
     * @param cpu the CPU is lost when this object becomes unreachable; this TLB refers to it
     * @param number the number of the CPU in reports and for the delivery of requests
     * @param pageShift binary logarithm of the page size in bytes
     * @param tlb an empty TLB for the CPU
     * @param reporter is called with the exceptions that listeners throw; must not throw
     */
    public CpuTlb(
            Cpus cpus,
            CpuOwner owner,
            Object cpu,
            int number,
            int pageShift,
            SoftTlb tlb,
            Consumer<Throwable> reporter) {
        super(cpu);
        this.cpus = cpus;
        this.tlb = tlb;
        slots = new FlushedGenerations(tlb);
        slot = slots.none();
        catchUp = new TlbCatchUp(tlb, slots, reporter);
        fill = new TlbFill(pageShift, tlb);
        OwnTlb own = new OwnTlb(this);
        // Claimed last, followed only by steps that allocate nothing, because nothing could take the CPU offline if the
        // constructor failed afterwards.
        state = cpus.claim(owner, number, own);
        fill.serve(state);
    }

    /** Sets the frames that count pages of files which become dirty. Called before the CPU has a space. */
    public void countDirtied(Frames frames) {
        fill.countDirtied(frames);
    }

    /** Removes the CPU from the calling thread's CPUs, because the thread hands it over. Not called in GUEST. */
    public void disown() {
        cpus.disown(state);
    }

    /** Adds the CPU to the calling thread's CPUs, because a pool lent it to the thread. */
    public void ownedAs(LentCpu lent) {
        lent.list(state);
    }

    /**
     * Removes the CPU from the calling thread's CPUs, because the thread gives it back to the pool. Not called in
     * GUEST.
     */
    public void disownedAs(LentCpu lent) {
        lent.unlist(state);
    }

    /** Adds the CPU to the calling thread's CPUs, because the thread claimed it. */
    public void own() {
        cpus.own(state);
    }

    /**
     * Sets the reader whose sections the thread uses to handle faults of this CPU.
     *
     * @param reader the reader of the CPU's page table context
     */
    public void readsAs(Rcu.Reader reader) {
        state.readsAs(reader);
    }

    /** Returns the counters of this CPU's events. */
    public CpuCounters counters() {
        return state.counters();
    }

    /**
     * Adds a listener that is notified of this CPU's flushes, on this CPU's thread.
     *
     * @return a task that removes the listener; to be run by this CPU's thread
     */
    public Runnable addListener(FlushListener listener) {
        return catchUp.addListener(listener);
    }

    /**
     * If the CPU is LAZY, keeps this space, and the space still has users, returns to the space by one update of the
     * users and one store.
     *
     * @param next the page table of the space
     * @return whether the CPU is in the space; if not, nothing has changed
     */
    public boolean leaveLazy(PageTable next) {
        if (!state.leaveLazy(next.context())) {
            return false;
        }
        activities &= ~WITHOUT_SPACE;
        return true;
    }

    /**
     * Switches to a space, from any other space or from LAZY. The CPU must not be in GUEST. The caller then ends the
     * spaces that the CPU {@linkplain CpuOwner#left left}, even after an exception.
     *
     * @param next the page table of the space, or null for the empty space
     * @return false if the space has no users any more; the CPU is then in the empty space
     */
    public boolean switchTo(@Nullable PageTable next) {
        state.checkMayArrive();
        if (next != null) {
            tlb.checkMayRenumber();
        }
        activities |= WITHOUT_SPACE;
        fill.forgetTables();
        catchUp.goElsewhere();
        state.depart();
        TlbContext of = null;
        boolean isReady = false;
        try {
            if (next != null && next.context().use()) {
                of = next.context();
                slot = slots.of(of);
                // Stored before the CPU enters GUEST in this context. In SWITCHING, the generation belongs to no
                // context.
                state.flushedTo(slot.flushed);
            }
            isReady = true;
        } finally {
            state.arrive(of);
            if (!isReady && of != null) {
                // The CPU has no slot for the translations, so it must not stay a user of the space.
                state.depart();
                state.arrive(null);
            }
            Reference.reachabilityFence(cpu);
        }
        if (of != null) {
            contextId = of.id();
            outside = CpuState.outside(contextId);
            readSlot();
            tlb.select(number);
            activities &= ~WITHOUT_SPACE;
        }
        return next == null || of != null;
    }

    /**
     * Enters LAZY: the CPU keeps the translations of its space, and stops being a user of that space. Called only in
     * KERNEL. The caller then ends the spaces that the CPU {@linkplain CpuOwner#left left}. If this throws because of a
     * stack overflow, the CPU may be in LAZY.
     */
    public void enterLazy() {
        TlbContext of = Objects.requireNonNull(state.context());
        state.enterLazy();
        activities |= WITHOUT_SPACE;
        // The cached tables are forgotten, because they may be freed while the CPU is in LAZY.
        fill.forgetTables();
        // Settled last, because after a stack overflow here, the next switch settles the events.
        state.settleCounters(of);
        Reference.reachabilityFence(cpu);
    }

    /** Returns whether this CPU may be the last user of its space, because no reference to the space is open. */
    public boolean mayBeLastUser() {
        TlbContext of = state.context();
        return of != null && of.users().references() == 0;
    }

    /** Returns the context that the CPU keeps in LAZY; null in other states, and if it keeps none. */
    public @Nullable TlbContext lazyContext() {
        return state.lazyContext();
    }

    /**
     * Enters GUEST, and catches up with the changes that it missed. The CPU must have a space. If this throws, the CPU
     * is not in GUEST.
     */
    public void enterGuest() {
        enterGuest(GUEST);
    }

    /** Enters GUEST as {@link #enterGuest()} does, for one access of the CPU's memory. The view finds nothing. */
    public void enterForAccess() {
        enterGuest(GUEST | FOR_ACCESS);
    }

    private void enterGuest(int as) {
        TlbContext of = Objects.requireNonNull(state.context());
        try {
            state.enterGuest(contextId);
            if (of.generation().mustFlush(flushed)) {
                catchUp(of);
            }
            if (as == GUEST) {
                // The last call, so that the view has no key if one of the calls throws.
                show(number);
            }
            activities |= as;
        } catch (Throwable thrown) {
            // Otherwise, shootdowns would wait forever. Stores only, because no stack may be left for a call. The last
            // store keeps the CPU reachable until then.
            state.word = outside;
            activities &= OUTSIDE;
            throw thrown;
        }
    }

    /**
     * Sets the view's key, which selects the matching tags. Outside GUEST, the view has no key, so it finds nothing.
     */
    private void show(int key) {
        // The view is a field of this class and not of the TLB, and nothing else is stored. So the store in enterGuest
        // and leaveGuest depends on no more loads than a store of a key in the TLB would.
        SoftTlb.View of = view;
        if (of != null) {
            of.key(key);
        }
    }

    /** Leaves GUEST, so that shootdowns no longer wait for this CPU. If this throws, the CPU is still in GUEST. */
    public void leaveGuest() {
        try {
            // This call is within the try, so that after an Error the view gets its key again, even if it still had the
            // key.
            show(SoftTlb.NOTHING);
            state.leaveGuest(contextId);
        } catch (Throwable thrown) {
            show(number);
            throw thrown;
        }
        activities &= OUTSIDE;
        Reference.reachabilityFence(cpu);
    }

    /**
     * Ends {@link #enterForAccess}. If this throws, the CPU may still be in GUEST; the access then leaves GUEST by
     * stores to {@link #state} and {@link #activities}.
     */
    public void leaveAfterAccess() {
        state.leaveGuest(contextId);
        activities &= OUTSIDE;
        Reference.reachabilityFence(cpu);
    }

    /**
     * Leaves GUEST for work during which no thread may wait for this CPU; does nothing outside GUEST. The caller has
     * checked that enough stack is left for {@link #resume}.
     *
     * @return the argument for {@link #resume}
     */
    public int suspend() {
        int as = activities & ~OUTSIDE;
        if (as == GUEST) {
            leaveGuest();
        } else if (as != 0) {
            leaveAfterAccess();
        }
        return as;
    }

    /** Enters GUEST again, as before {@link #suspend}, unless the CPU was outside GUEST. */
    public void resume(int as) {
        if (as != 0) {
            enterGuest(as);
        }
    }

    /**
     * Sets the cases in which the CPU leaves GUEST by itself.
     *
     * @param when {@link #NEVER}, {@link #FOR_FAULTS} or {@link #FOR_CALLS}
     */
    public void leavesGuest(int when) {
        leaves = when;
    }

    /**
     * Leaves GUEST until the next poll, or until the end of a fault. Called in GUEST, while no other activity is in
     * progress.
     *
     * @param why {@link #FOR_CALL}, {@link #UNTIL_POLL}, or the depth of the fault
     */
    public void goAway(int why) {
        // Sets the request word, because a view polls only if that word is set. Before the CPU leaves GUEST, because
        // otherwise, after an overflow here, the view would not poll.
        state.request();
        leaveGuest();
        away = why;
    }

    /** Returns why the CPU has left GUEST temporarily; {@link #NOT_AWAY} if it has not. */
    public int away() {
        return away;
    }

    /** Returns whether the CPU has left GUEST temporarily. */
    public boolean isAway() {
        return away != NOT_AWAY;
    }

    /** Makes an exit for a call last until the thread polls. */
    public void stayUntilPoll() {
        if (away == FOR_CALL) {
            away = UNTIL_POLL;
        }
    }

    /** Makes a temporary exit from GUEST final, so that the CPU does not come back. */
    public void stayAway() {
        away = NOT_AWAY;
    }

    /**
     * Re-enters GUEST if the CPU has left it temporarily and no activity that runs callbacks is in progress.
     *
     * @return whether the CPU entered GUEST
     */
    public boolean comeBack() {
        if (away == NOT_AWAY || activities != 0) {
            return false;
        }
        enterGuest();
        away = NOT_AWAY;
        return true;
    }

    /**
     * Re-enters GUEST for an access of the view, as {@link #comeBack} does, if the CPU left GUEST by itself for a call.
     * An access does not undo an exit that the thread asked for.
     *
     * @return whether the CPU entered GUEST
     */
    public boolean comeBackFromCall() {
        return away == FOR_CALL && comeBack();
    }

    /** Lets a view read the TLB and the requests, instead of an earlier view. */
    public void view(SoftTlb.View view) {
        tlb.view(view);
        view.key((activities & ~OUTSIDE) == GUEST ? number : SoftTlb.NOTHING);
        view.requests(state);
        this.view = view;
    }

    /** Acknowledges a pending request, if there is one. */
    public void poll() {
        if (state.isPending()) {
            acknowledge();
        }
    }

    /** Flushes what the CPU missed, on the way into GUEST, where the view has no key yet. */
    private void catchUp(TlbContext of) {
        StackReserve.check(FLUSH_DEPTH);
        int before = activities;
        activities = before | TELLING_FLUSH;
        try {
            catchUp.catchUp(state, of, slot);
        } finally {
            endFlush(before);
        }
    }

    private void acknowledge() {
        // Checked before the request is cleared, because without a request, the CPU would not poll.
        StackReserve.check(FLUSH_DEPTH);
        state.clearPending();
        TlbContext of = state.context();
        if (of != null && of.generation().mustFlush(slot.flushed)) {
            try {
                flush(of);
            } catch (Throwable thrown) {
                state.request();
                throw thrown;
            }
        }
    }

    private void flush(TlbContext of) {
        int before = activities;
        activities = before | TELLING_FLUSH;
        // The TLB may contain stale translations until every range is flushed. If the flush fails, the view finds
        // nothing until the next poll.
        show(SoftTlb.NOTHING);
        try {
            catchUp.flush(state, of, slot);
        } finally {
            endFlush(before);
        }
        if ((before & ~OUTSIDE) == GUEST) {
            show(number);
        }
    }

    /** Called after a check of the stack: if this overflowed it, the CPU could never be used again. */
    private void endFlush(int before) {
        activities = before;
        // Read even after a failure, because the slot may have another number.
        readSlot();
        Reference.reachabilityFence(cpu);
    }

    /** Copies what enterGuest needs from the slot. */
    private void readSlot() {
        number = slot.number;
        flushed = slot.isFresh ? FRESH : slot.flushed;
    }

    /**
     * Returns a number that changes whenever the CPU drops translations, or switches to a space. While it is unchanged,
     * addresses that the CPU translated in GUEST need not be translated again whenever the CPU is in GUEST.
     */
    public long drops() {
        return catchUp.drops();
    }

    /** Returns the CPU's TLB, whose translations are used only in GUEST; always the same object. */
    public SoftTlb tlb() {
        return tlb;
    }

    /** Returns the CPU's page table walker, which fills the TLB in GUEST; always the same object. */
    public TlbFill fill() {
        return fill;
    }

    /**
     * Takes the CPU offline: it loses its translations and its number. The caller then ends the spaces that the CPU
     * {@linkplain CpuOwner#left left}.
     */
    public void close() {
        activities |= WITHOUT_SPACE;
        // First, because if the rest fails, the CPU may switch to another space, where it must not use these tables.
        fill.forgetTables();
        cpus.release(state);
        Reference.reachabilityFence(cpu);
    }
}
