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
import dev.samara.core.internal.sync.RcuReader;
import java.lang.ref.Reference;
import java.lang.ref.WeakReference;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The owner's side of a CPU: its TLB, the spaces whose translations the TLB still has, and its transitions. Used by the
 * thread that owns the CPU, which may hand it over to another one.
 *
 * <p>A translation is used in GUEST state only, and no acknowledgement comes between the read of an entry and the end
 * of the access. A shootdown reads this CPU's state after the entry was changed. If it finds another state than GUEST,
 * or that the CPU has flushed to the shootdown's generation, this CPU no longer uses the old entry.
 */
@SuppressWarnings("ReachabilityFenceUsage") // no change follows where a method throws
public final class CpuTlb extends CpuActivities {
    /*
     * Why these accesses are enough.
     *
     * All fields of this class and of its parts TlbFill and TlbCatchUp are for the owner's thread, and plain. Other
     * threads see only its CpuState, and the cpumasks of leaves. Each step therefore orders its own accesses:
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
     * A shooter changes the entry, advances the generation, then reads the cpumask and the word. (It does not advance
     * the generation if the cpumask has no CPU but its own: the first of the three.) It finds one of three:
     *
     *     no bit of this CPU in the cpumask     A bit stays set. So walk sets it later, then reads the entry, and finds
     *                                           the change. For this reason TlbCatchUp may skip a logged range whose
     *                                           cpumask lacks the bit.
     *     not GUEST in the space                enterGuest reads the new generation later, and flushes before an
     *                                           access. All accesses before leaveGuest have been made.
     *     GUEST in the space                    The shooter waits for another word, or for flushed, which is stored
     *                                           after the flush.
     *
     * CpuState proves the last two, FlushLog that a logged range is whole.
     */

    /** The CPU stays in GUEST until its thread leaves it. */
    public static final int NEVER = 0;

    /** The CPU leaves GUEST by itself for faults of other CPUs of the thread. */
    public static final int FOR_FAULTS = 1;

    /** The CPU leaves GUEST by itself for these faults, and for calls of the thread that may wait. */
    public static final int FOR_CALLS = 2;

    /** In {@link #away}: the CPU is in GUEST, or its thread has left GUEST itself. */
    public static final int NOT_AWAY = 0;

    /** In {@link #away}: for a call, or until the thread polls. Positive: for the fault of that depth. */
    public static final int FOR_CALL = -1;

    /** A value that no generation has. */
    private static final long FRESH = -1;

    private final Cpus cpus;
    private final CpuState state;
    private final SoftTlb tlb;
    private final TlbFill fill;
    private final FlushedGenerations slots;
    private final TlbCatchUp catchUp;

    /* The CPU's space, whose context its state has. What enterGuest needs of it is copied here. */
    private SoftTlb.@Nullable View view;
    private long contextId;
    private FlushedGenerations.Slot slot;
    private int number;

    /** The generation flushed to; {@link #FRESH} if listeners must be notified before a translation is used. */
    private long flushed;

    /** For what the CPU leaves GUEST by itself. */
    private int leaves;

    /** Why the CPU has left GUEST, to which it comes back. */
    private int away;

    /**
     * Flushes as long as the TLB is reachable. The list of the CPUs must not keep a CPU reachable that a
     * flush listener has, or the CPU would never be lost.
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
            // After a failed switch the TLB may have another space selected.
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
     * Makes a CPU of the calling thread, in KERNEL state with no space.
     *
     * @param cpus the machine's
     * @param owner the owner of the CPU
     * @param cpu the object without which the CPU is lost; reachable as long as this TLB
     * @param number the number of the CPU in reports and for the delivery of requests
     * @param pageShift binary logarithm of the page size in bytes
     * @param tlb an empty TLB for the CPU
     * @param reporter is given the exceptions that listeners throw; must not throw
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
        // Last, but for what needs no memory: nobody could take a CPU offline whose constructor has failed.
        state = cpus.claim(owner, number, own);
        fill.serve(state);
    }

    /** Has pages of files counted that become dirty. Called before the CPU has a space. */
    public void countDirtied(Frames frames) {
        fill.countDirtied(frames);
    }

    /** Takes the CPU from those of the calling thread, which hands it over. Not called in GUEST. */
    public void disown() {
        cpus.disown(state);
    }

    /** Adds the CPU to those of the calling thread, to which a pool has lent it. */
    public void ownedAs(LentCpu lent) {
        lent.list(state);
    }

    /** Takes the CPU from those of the calling thread, which gives it back to the pool. Not called in GUEST. */
    public void disownedAs(LentCpu lent) {
        lent.unlist(state);
    }

    /** Adds the CPU to those of the calling thread, which has claimed it. */
    public void own() {
        cpus.own(state);
    }

    /**
     * Sets the reader in whose sections the thread handles faults of this CPU.
     *
     * @param reader the reader of the CPU's page-table context
     */
    public void readsAs(RcuReader reader) {
        state.readsAs(reader);
    }

    /** Returns the events that this CPU counts. */
    public CpuCounters counters() {
        return state.counters();
    }

    /**
     * Adds a listener that is notified of this CPU's flushes, on this CPU's thread.
     *
     * @return its removal, for this CPU's thread
     */
    public Runnable addListener(FlushListener listener) {
        return catchUp.addListener(listener);
    }

    /**
     * Goes back to a space by an update of the users and a store, if the CPU is LAZY and keeps that space, which has
     * users still.
     *
     * @param next the page table of the space
     * @return whether the CPU is there; if not, nothing has changed
     */
    public boolean leaveLazy(PageTable next) {
        if (!state.leaveLazy(next.context())) {
            return false;
        }
        activities &= ~WITHOUT_SPACE;
        return true;
    }

    /**
     * Goes to a space as from any other one, also from LAZY. The CPU must not be in GUEST. The caller then ends the
     * spaces that the CPU has {@linkplain CpuOwner#left left}, also after an exception.
     *
     * @param next the page table of the space, or null for the empty space
     * @return false if the space has no user any more; the CPU is in the empty space then
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
                // Before the CPU is in GUEST in this context. In SWITCHING the generation belongs to no context.
                state.flushedTo(slot.flushed);
            }
            isReady = true;
        } finally {
            state.arrive(of);
            if (!isReady && of != null) {
                // The CPU has no place for the translations: it must not stay a user of the space.
                state.depart();
                state.arrive(null);
            }
            Reference.reachabilityFence(cpu);
        }
        if (of != null) {
            contextId = of.id();
            readSlot();
            tlb.select(number);
            activities &= ~WITHOUT_SPACE;
        }
        return next == null || of != null;
    }

    /**
     * Goes to LAZY: keeps the translations of the CPU's space, and stops being a user of that space. Called in KERNEL
     * only. The caller then ends the spaces that the CPU has {@linkplain CpuOwner#left left}. If this throws at the end
     * of the stack, the CPU may be there.
     */
    public void enterLazy() {
        TlbContext of = Objects.requireNonNull(state.context());
        state.enterLazy();
        activities |= WITHOUT_SPACE;
        // The tables may be freed meanwhile.
        fill.forgetTables();
        // Last: at the end of the stack, events wait for the next switch.
        state.settleCounters(of);
        Reference.reachabilityFence(cpu);
    }

    /**
     * Returns whether this CPU may be the last user that leaves its space: no reference to the space is open.
     */
    public boolean mayBeLastUser() {
        TlbContext of = state.context();
        return of != null && of.users().references() == 0;
    }

    /** Returns the context that the CPU keeps in LAZY; null in other states, and if it keeps none. */
    public @Nullable TlbContext lazyContext() {
        return state.lazyContext();
    }

    /**
     * Goes to GUEST, and catches up with the changes made meanwhile. The CPU must have a space. If this throws, the CPU
     * is not in GUEST.
     */
    public void enterGuest() {
        TlbContext of = Objects.requireNonNull(state.context());
        try {
            state.enterGuest(contextId);
            if (of.generation().mustFlush(flushed)) {
                catchUp(of);
            }
            show(number);
            activities |= GUEST;
        } catch (Throwable thrown) {
            // Shootdowns would wait for ever. Each call needs no more stack than the call that it undoes. An overflow
            // has therefore left enough stack for the undoing call, or has come before the call to be undone.
            show(SoftTlb.NOTHING);
            state.abandonGuest(contextId);
            Reference.reachabilityFence(cpu);
            throw thrown;
        }
    }

    /** Gives the view the key of the tags that match. The view has no key out of GUEST, so it finds nothing there. */
    private void show(int key) {
        // The view is a field of this class, not of the TLB, and nothing else is stored. So the store in enterGuest and
        // leaveGuest is behind no more loads than that of a key in the TLB would be.
        SoftTlb.View of = view;
        if (of != null) {
            of.key(key);
        }
    }

    /** Leaves GUEST: shootdowns no longer wait for this CPU. If this throws, the CPU is in GUEST as before. */
    public void leaveGuest() {
        try {
            // Within the try: in case of an Error, a view that has not lost its key gets it again.
            show(SoftTlb.NOTHING);
            state.leaveGuest(contextId);
        } catch (Throwable thrown) {
            show(number);
            throw thrown;
        }
        activities &= ~GUEST;
        Reference.reachabilityFence(cpu);
    }

    /**
     * Sets for what the CPU leaves GUEST by itself.
     *
     * @param when {@link #NEVER}, {@link #FOR_FAULTS} or {@link #FOR_CALLS}
     */
    public void leavesGuest(int when) {
        leaves = when;
    }

    /**
     * Leaves GUEST, and comes back at the next poll, or after a fault. Called in GUEST, in no other activity.
     *
     * @param why {@link #FOR_CALL}, or the depth of the fault
     */
    public void goAway(int why) {
        leaveGuest();
        away = why;
        // A view polls by this word alone.
        state.request();
    }

    /** Returns why the CPU has left GUEST, to come back; {@link #NOT_AWAY} if it has not. */
    public int away() {
        return away;
    }

    /** Returns whether the CPU has left GUEST to come back. */
    public boolean isAway() {
        return away != NOT_AWAY;
    }

    /** Has the CPU stay out of GUEST, which it has left to come back. */
    public void stayAway() {
        away = NOT_AWAY;
    }

    /**
     * Enters GUEST again, if the CPU has left it to come back and is in no activity that runs callbacks.
     *
     * @return whether it has entered
     */
    public boolean comeBack() {
        if (away == NOT_AWAY || activities != 0) {
            return false;
        }
        enterGuest();
        away = NOT_AWAY;
        return true;
    }

    /** Lets a view read the TLB and the requests, in place of an earlier view. */
    public void view(SoftTlb.View view) {
        tlb.view(view);
        catchUp.view(view);
        view.key(isGuest() ? number : SoftTlb.NOTHING);
        view.requests(state);
        this.view = view;
    }

    /** Acknowledges a pending request, if there is one. */
    public void poll() {
        if (state.isPending()) {
            acknowledge();
        }
    }

    private void catchUp(TlbContext of) {
        int before = begin(TELLING_FLUSH);
        try {
            catchUp.catchUp(state, of, slot);
        } finally {
            endFlush(before);
        }
    }

    private void acknowledge() {
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
        int before = begin(TELLING_FLUSH);
        try {
            catchUp.flush(state, of, slot);
        } finally {
            endFlush(before);
        }
    }

    private void endFlush(int before) {
        end(before);
        // Also after a failure: the slot may have another number.
        readSlot();
    }

    /** Copies of the slot what enterGuest needs. */
    private void readSlot() {
        number = slot.number();
        flushed = slot.isFresh ? FRESH : slot.flushed;
    }

    /**
     * Returns a number that changes whenever the CPU drops translations, or goes to a space. As long as it stays, what
     * the CPU has translated in GUEST may be used whenever the CPU is in GUEST.
     */
    public long drops() {
        return catchUp.drops();
    }

    /** Returns its TLB, of which translations are used in GUEST only; always the same object. */
    public SoftTlb tlb() {
        return tlb;
    }

    /** Returns its walks of the page table, which fill the TLB in GUEST; always the same object. */
    public TlbFill fill() {
        return fill;
    }

    /**
     * Goes offline: gives up its translations and its number. The caller then ends the spaces that the CPU has
     * {@linkplain CpuOwner#left left}.
     */
    public void close() {
        activities |= WITHOUT_SPACE;
        // Also if the rest fails: the CPU may go to another space with these translations.
        fill.forgetTables();
        cpus.release(state);
        Reference.reachabilityFence(cpu);
    }
}
