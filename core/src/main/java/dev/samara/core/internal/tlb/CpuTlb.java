// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import dev.samara.core.event.FlushListener;
import dev.samara.core.event.MmuNotifier;
import dev.samara.core.internal.cpu.CpuCounters;
import dev.samara.core.internal.cpu.CpuOwner;
import dev.samara.core.internal.cpu.CpuState;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTable.Leaf;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.page.Watches;
import dev.samara.core.internal.sync.StackReserve;
import java.lang.invoke.ConstantBootstraps;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.ref.Reference;
import java.lang.ref.WeakReference;
import java.util.Arrays;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The owner's side of a CPU: how it enters and leaves spaces and GUEST, walks page tables to fill its TLB, and flushes
 * what other threads changed. Used by the thread that owns the CPU; this thread may hand the CPU over to another
 * thread.
 *
 * <p>A translation is used only in GUEST, and the CPU acknowledges nothing between the read of an entry and the end of
 * the access. A shootdown reads this CPU's state after the entry was changed. If the state is not GUEST, or if the CPU
 * flushed up to the shootdown's generation, this CPU no longer uses the old entry.
 */
@SuppressWarnings("ReachabilityFenceUsage") // no change follows where a method throws
public final class CpuTlb implements CpuState.OwnerTlb {
    /*
     * Why these accesses are enough.
     *
     * All fields of this class are plain and used only by the owner's thread. Other threads read only its CpuState and
     * the cpumasks of leaves. Each step therefore orders its own accesses:
     *
     *     leaveLazy    count in the context (atomic), word := KERNEL (release)
     *     switchTo     word := SWITCHING (release), count in the context (atomic), read its generation if the
     *                  slot is new (volatile), flushed := that of the slot (release), word := KERNEL (release)
     *     enterGuest   word := GUEST (volatile), read the generation (volatile), flush, give the view its key
     *     poll         pending := 0 (volatile), read the generation (volatile), flush
     *     flush        drop the missed ranges or everything, flushed := the generation (release)
     *     walk         bit in the cpumask (get-and-or, full fence), read the entry (acquire), fill
     *     leaveGuest   last access, take the key from the view, word := KERNEL (release)
     *
     * A shooter changes the entry, advances the generation, then reads the cpumask and the word. (If the cpumask
     * contains no CPU but its own, it does not advance the generation; this is the first of the following cases.) It
     * finds one of three cases:
     *
     *     no bit of this CPU in the cpumask     A bit stays set. So walk sets it later, then reads the entry, and finds
     *                                           the change. For this reason flush may skip a logged range whose
     *                                           cpumask lacks the bit.
     *     not GUEST in the space                enterGuest reads the new generation later, and flushes before an
     *                                           access. All accesses before leaveGuest have been made.
     *     GUEST in the space                    The shooter waits for another word, or for flushed, which is stored
     *                                           after the flush.
     *
     * CpuState contains the proof of the last two cases, and TlbContext the proof that a logged range is complete.
     *
     * A CPU keeps its translations over a switch (choose_new_asid). For each of its latest spaces, a slot contains the
     * number of the space in the TLB, and the generation up to which the CPU flushed there. A CPU that returns to a
     * space catches up from that generation. A flush drops either the logged ranges whose cpumask contains the CPU's
     * bit, or all translations of the space (flush_tlb_func): if the CPU is behind by more than half of the log's
     * records, if the log no longer contains a generation, or if a range is too long (SoftTlb.tryFlush).
     *
     * A walk remembers the eighth of a leaf that it reached, like the paging-structure cache of x86. A walk to a
     * remembered eighth neither descends the page table nor sets a bit in a cpumask, because that cpumask contains this
     * CPU as long as the leaf exists. A leaf that is unhooked concurrently stays empty forever. So a stale entry of
     * this cache is at worst an empty leaf, and a fault drops the entry before the CPU walks again.
     */

    private static final VarHandle ACTIVITIES = ConstantBootstraps.fieldVarHandle(
            MethodHandles.lookup(), "activities", VarHandle.class, CpuTlb.class, int.class);

    /** The CPU is in GUEST and uses the TLB. */
    private static final int GUEST = 1;

    /** The TLB is being flushed, and listeners are being notified of it. */
    private static final int TELLING_FLUSH = 2;

    /** The CPU has no space, or is LAZY. */
    private static final int WITHOUT_SPACE = 4;

    /** The CPU handles a fault, and may be calling a backing. */
    public static final int FAULTING = 8;

    /** Listeners are being notified of a store. */
    public static final int TELLING_STORE = 16;

    /** The CPU is in GUEST for only one access, during which its view finds nothing. Set only with {@link #GUEST}. */
    private static final int FOR_ACCESS = 32;

    /** The activities that do not end when the CPU leaves GUEST. */
    public static final int OUTSIDE = ~(GUEST | FOR_ACCESS);

    /** The CPU stays in GUEST until its thread leaves it. */
    public static final int NEVER = 0;

    /** The CPU leaves GUEST by itself for faults of other CPUs of the thread. */
    public static final int FOR_FAULTS = 1;

    /** The CPU leaves GUEST by itself for these faults, and for calls of the thread that may wait. */
    public static final int FOR_CALLS = 2;

    /** A value of {@link #away}: the CPU is in GUEST, or its thread made it leave GUEST. */
    public static final int NOT_AWAY = 0;

    /** A value of {@link #away}: the thread made the CPU leave GUEST until it polls. */
    public static final int UNTIL_POLL = -2;

    /**
     * The stack that a flush needs, in stack frames, including what follows it in GUEST or on the way there. A listener
     * that overflows the stack is reported, like one that throws another exception.
     */
    public static final int FLUSH_DEPTH = 20;

    /** A value that is not a generation. */
    private static final long FRESH = -1;

    /** The number of spaces whose translations are kept, the current one included; as on x86. */
    private static final int SLOTS = 6;

    /** The number of eighths of leaves that the CPU remembers. */
    private static final int WALKS = 256;

    /** A value of {@link #walked} that is not the number of an eighth. */
    private static final long NO_WALK = -1;

    /** The bits that give the right to write. */
    private static final long WRITES = Pte.WRITE | Pte.FORCED_WRITE;

    /** Visible, because after an Error an access stores {@link #outside} to its word without a call. */
    public final CpuState state;

    /** The word of the CPU's state outside GUEST, in the CPU's space. */
    public long outside;

    /**
     * The bits of the activities that have started and have not ended, in one word, so that one comparison decides
     * whether a transition or another activity may start. Visible, because after an Error an access stores to it
     * without a call; see {@link #OUTSIDE}.
     *
     * <p>Written: its thread (plain).
     * Read: its thread (plain); a thread that found the CPU's word in GUEST (opaque).
     * Pairs: with {@code word} of {@code CpuWords}. Between the store of GUEST there and the store of GUEST here, both
     *     bits are unset; the other thread then reads again.
     * Invariant: GUEST is set after the word is GUEST, and cleared after it is not any more, before it is again.
     */
    public int activities = WITHOUT_SPACE;

    /** The object that must stay reachable; otherwise the CPU is lost. */
    private final Object cpu;

    private final Cpus cpus;
    /** The CPU's TLB, whose translations are used only in GUEST; always the same object. */
    public final SoftTlb tlb;

    /** Counts pages of files that become dirty. */
    private final Frames frames;

    /* Copies of what enterGuest needs to know about the CPU's space; the state contains the context of that space. */
    private SoftTlb.@Nullable View view;
    private long contextId;
    private int number;

    /**
     * The generation up to which the CPU flushed; {@link #FRESH} if listeners must be notified before a translation is
     * used.
     */
    private long flushed;

    /** The slot of the CPU's space. */
    private Slot slot;

    /** The spaces whose translations may be in the TLB. */
    private final Slot[] slots = new Slot[SLOTS];

    /** The slot that the next new space gets. */
    private int victim;

    /**
     * The page table of the CPU's space; null before the first walk there, because after most switches to a space, no
     * walk is needed.
     */
    private @Nullable PageTable table;

    /** The number of an address's eighth of a leaf is the address shifted by this. */
    private final int partShift;

    /* The eighths of leaves to which the CPU walked last: their numbers, and their leaves. */
    private final long[] walked = new long[WALKS];
    private final long[][] walkedLeaves = new long[WALKS][];

    /** Whether an eighth was added since the last {@link #forgetTables}. */
    private boolean hasWalked;

    /** The cases in which the CPU leaves GUEST by itself: {@link #NEVER}, {@link #FOR_FAULTS} or {@link #FOR_CALLS}. */
    private int leaves;

    /** Why the CPU left GUEST temporarily, or {@link #NOT_AWAY}. */
    private int away;

    /**
     * Whether a range of the space was watched at the last walk or call of {@link #entry}, after the CPU was added to
     * the cpumask of the leaf. If not, no watch can have been completed before the CPU acknowledges or leaves GUEST, so
     * an access until then is not reported. Visible, so that an access to a space without watches makes no call.
     */
    public boolean sawWatches;

    /** How often translations were dropped, or the CPU switched to a space. */
    private long drops;

    private final TlbContext.FlushedRange range = new TlbContext.FlushedRange();
    private final Consumer<Throwable> reporter;

    /** Never changed in place, because listeners may be added and removed while they are being notified. */
    private AddedListener[] listeners = {};

    /** A space whose translations may be in the TLB. */
    private static final class Slot {
        /** The number of its context, which is never reused; {@link TlbContext#EMPTY} if there is none. */
        private long context;

        /** The number of the space in the TLB. */
        private int number;

        /** The TLB's {@link SoftTlb#wraps} when it gave the number. */
        private int wraps;

        /** The generation up to which this CPU flushed. */
        private long flushed;

        /**
         * The generation of the last checkpoint, or return to one, of which listeners were notified, or which preceded
         * the slot.
         */
        private long noticed;

        /** Whether listeners must still be notified that every earlier translation is flushed. */
        private boolean isFresh;
    }

    /**
     * One registration of a flush listener. A listener that was added twice has two registrations, which are removed
     * separately.
     */
    private static final class AddedListener {
        private final FlushListener listener;

        /**
         * Set on removal, because a listener that is removed while a flush is notifying listeners must not be called.
         */
        private boolean isRemoved;

        AddedListener(FlushListener listener) {
            this.listener = listener;
        }
    }

    /**
     * Creates a CPU of the calling thread, in KERNEL and without a space.
     *
     * @param cpus the CPUs of the machine
     * @param owner the owner of the CPU
     * @param cpu the CPU is lost when this object becomes unreachable; this TLB refers to it
     * @param number the number of the CPU in reports and for the delivery of requests
     * @param tlb an empty TLB for the CPU
     * @param frames the frames of the machine
     * @param reporter is called with the exceptions that listeners throw; must not throw
     */
    public CpuTlb(
            Cpus cpus,
            CpuOwner owner,
            Object cpu,
            int number,
            SoftTlb tlb,
            Frames frames,
            Consumer<Throwable> reporter) {
        this.cpu = cpu;
        this.cpus = cpus;
        this.tlb = tlb;
        this.frames = frames;
        this.reporter = reporter;
        for (int i = 0; i < SLOTS; i++) {
            slots[i] = new Slot();
        }
        slot = slots[0];
        partShift = Leaf.partShift(Integer.numberOfTrailingZeros(frames.pageSize));
        Arrays.fill(walked, NO_WALK);
        // The list of CPUs must not keep this object reachable, because a flush listener may refer to its CPU, which
        // would then never be lost.
        WeakReference<CpuState.OwnerTlb> self = new WeakReference<>(this);
        // Claimed last, because nothing could take the CPU offline if the constructor failed afterwards.
        state = cpus.claim(owner, number, self);
    }

    /**
     * Keeps the CPU reachable up to this call, which follows an access in GUEST. Each method that changes the state of
     * the CPU also ends with such a fence. So when a thread finds the CPU lost, no other thread changes it.
     */
    public void keepReachable() {
        Reference.reachabilityFence(cpu);
    }

    /** Returns whether the CPU has a space. */
    public boolean isInSpace() {
        return (activities & WITHOUT_SPACE) == 0;
    }

    /** Returns whether listeners are being notified of a flush. The CPU must then make no access and no transition. */
    public boolean isTelling() {
        return (activities & TELLING_FLUSH) != 0;
    }

    /** Returns whether the CPU is in GUEST, even if it is there only for one access of a callback. */
    public boolean isGuest() {
        return (activities & GUEST) != 0;
    }

    /**
     * Returns whether an activity has started and has not ended.
     *
     * @param activity {@link #FAULTING} or {@link #TELLING_STORE}
     */
    public boolean isAt(int activity) {
        return (activities & activity) != 0;
    }

    /**
     * Returns whether the CPU may enter GUEST: it has a space, is not in GUEST, and no activity that runs callbacks is
     * in progress.
     */
    public boolean isIdle() {
        return activities == 0;
    }

    /**
     * Returns whether the CPU may move to another space: it is not in GUEST, and no activity that runs callbacks is in
     * progress.
     */
    public boolean isMovable() {
        return (activities & ~WITHOUT_SPACE) == 0;
    }

    /**
     * Returns whether the CPU may poll, and leave GUEST: it is in GUEST, for more than one access, and no other
     * activity is in progress.
     */
    public boolean isInGuest() {
        return activities == GUEST;
    }

    /**
     * Starts an activity that runs callbacks. Called outside GUEST, unless the activity is a flush, or listeners are
     * being notified of a flush.
     *
     * @param activity the bit of the activity
     * @return the activities before this call, for {@link #end}
     */
    public int begin(int activity) {
        int before = activities;
        activities = before | activity;
        return before;
    }

    /**
     * Ends the activity that started last.
     *
     * @param before the result of {@link #begin}
     */
    public void end(int before) {
        activities = before;
        // The CPU must not be lost before this point, because the activity may have been in a reader section, or may
        // have used frames of the CPU's magazine.
        Reference.reachabilityFence(cpu);
    }

    // Between spaces.

    /**
     * If the CPU is LAZY, keeps this space, and the space still has users, returns to the space by one update of the
     * users and one store.
     *
     * @param next the page table of the space
     * @return whether the CPU is in the space; if not, nothing has changed
     */
    public boolean leaveLazy(PageTable next) {
        if (!state.leaveLazy(next.context)) {
            return false;
        }
        activities &= ~WITHOUT_SPACE;
        return true;
    }

    /**
     * Switches to a space, from any other space or from LAZY. The CPU must not be in GUEST. The caller then ends the
     * spaces that the CPU {@linkplain CpuOwner#endLeft left}, even after an exception.
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
        forgetTables();
        drops++;
        state.depart();
        TlbContext of = null;
        boolean isReady = false;
        try {
            if (next != null && next.context.use()) {
                of = next.context;
                slot = slotOf(of);
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
            contextId = of.id;
            outside = CpuState.outside(contextId);
            readSlot();
            tlb.select(number);
            activities &= ~WITHOUT_SPACE;
        }
        return next == null || of != null;
    }

    /**
     * Enters LAZY: the CPU keeps the translations of its space, and stops being a user of that space. Called only in
     * KERNEL. The caller then ends the spaces that the CPU {@linkplain CpuOwner#endLeft left}. If this throws because
     * of a stack overflow, the CPU may be in LAZY.
     */
    public void enterLazy() {
        TlbContext of = Objects.requireNonNull(state.context());
        state.enterLazy();
        activities |= WITHOUT_SPACE;
        // The cached tables are forgotten, because they may be freed while the CPU is in LAZY.
        forgetTables();
        // Settled last, because after a stack overflow here, the next switch settles the events.
        state.settleCounters(of);
        Reference.reachabilityFence(cpu);
    }

    /** Returns whether this CPU may be the last user of its space, because no reference to the space is open. */
    public boolean mayBeLastUser() {
        TlbContext of = state.context();
        return of != null && of.references() == 0;
    }

    /** Returns the slot of a space. A new slot has no translations, because it gets a new number in the TLB. */
    private Slot slotOf(TlbContext wanted) {
        for (Slot known : slots) {
            if (known.context == wanted.id) {
                if (known.wraps != tlb.wraps()) {
                    renumber(known);
                }
                return known;
            }
        }
        // Read before the first entry is read, so that later changes of entries are flushed.
        long generation = wanted.generation();
        wanted.checkNotGivenBack(generation);
        Slot taken = slots[victim];
        victim = (victim + 1) % SLOTS;
        // Renumbered first, because if this throws, the slot still belongs to the other context, without translations.
        renumber(taken);
        taken.context = wanted.id;
        taken.flushed = generation;
        taken.noticed = wanted.noticed();
        taken.isFresh = true;
        return taken;
    }

    /** Drops the translations of a slot by giving it a new number in the TLB. */
    private void renumber(Slot of) {
        of.number = tlb.newNumber();
        of.wraps = tlb.wraps();
    }

    /** Copies what enterGuest needs from the slot. */
    private void readSlot() {
        number = slot.number;
        flushed = slot.isFresh ? FRESH : slot.flushed;
    }

    /**
     * Takes the CPU offline: it loses its translations and its number. The caller then ends the spaces that the CPU
     * {@linkplain CpuOwner#endLeft left}.
     */
    public void close() {
        activities |= WITHOUT_SPACE;
        // First, because if the rest fails, the CPU may switch to another space, where it must not use these tables.
        forgetTables();
        cpus.release(state);
        Reference.reachabilityFence(cpu);
    }

    // Into GUEST, and out of it.

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
        try {
            TlbContext of = Objects.requireNonNull(state.enterGuest(contextId));
            if (of.mustFlush(flushed)) {
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

    @Override
    public boolean runsGuest() {
        return ((int) ACTIVITIES.getOpaque(this) & (GUEST | FOR_ACCESS)) == GUEST;
    }

    @Override
    public boolean leavesFor(int why) {
        return activities == GUEST && (why == FOR_CALL ? leaves == FOR_CALLS : leaves != NEVER);
    }

    /**
     * Leaves GUEST until the next poll, or until the end of a fault. Called in GUEST, while no other activity is in
     * progress.
     *
     * @param why {@link #FOR_CALL}, {@link #UNTIL_POLL}, or the depth of the fault
     */
    @Override
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

    @Override
    public boolean comeBackFrom(int why) {
        return away == why && comeBack();
    }

    // Flushes.

    /**
     * Adds a listener that is notified of this CPU's flushes, on this CPU's thread.
     *
     * @return a task that removes the listener; to be run by this CPU's thread
     */
    public Runnable addListener(FlushListener listener) {
        AddedListener one = new AddedListener(listener);
        AddedListener[] more = Arrays.copyOf(listeners, listeners.length + 1);
        more[listeners.length] = one;
        listeners = more;
        return () -> {
            one.isRemoved = true;
            listeners = Arrays.stream(listeners).filter(each -> each != one).toArray(AddedListener[]::new);
        };
    }

    /** Acknowledges a pending request, if there is one. */
    public void poll() {
        if (state.isPending()) {
            acknowledge();
        }
    }

    /** Acknowledges the changes of other threads. The CPU is in GUEST. */
    @Override
    public void acknowledge() {
        // Checked before the request is cleared, because without a request, the CPU would not poll.
        StackReserve.check(FLUSH_DEPTH);
        state.clearPending();
        TlbContext of = state.context();
        if (of != null && of.mustFlush(slot.flushed)) {
            try {
                flush(of);
            } catch (Throwable thrown) {
                state.request();
                throw thrown;
            }
        }
    }

    /** Flushes what the CPU missed, on the way into GUEST, where the view has no key yet. */
    private void catchUp(TlbContext of) {
        StackReserve.check(FLUSH_DEPTH);
        flush(of);
    }

    /**
     * Notifies the listeners of a new slot, flushes the ranges of the generations up to the current one, or everything,
     * and publishes that generation. Called after a check of the stack: if this overflowed it, the CPU could never be
     * used again.
     */
    private void flush(TlbContext of) {
        int before = activities;
        activities = before | TELLING_FLUSH;
        try {
            // The TLB may contain stale translations until every range is flushed. If the flush fails, the view finds
            // nothing until the next poll.
            show(SoftTlb.NOTHING);
            if (slot.isFresh) {
                tell(0, -1L, MmuNotifier.Reason.UNMAPPED, slot.flushed);
                slot.isFresh = false;
            }
            flushMissed(of);
        } finally {
            activities = before;
            // Read even after a failure, because the slot may have another number.
            readSlot();
            Reference.reachabilityFence(cpu);
        }
        if ((before & ~OUTSIDE) == GUEST) {
            show(number);
        }
    }

    private void flushMissed(TlbContext of) {
        if (of.generation() == slot.flushed) {
            return;
        }
        // Incremented first, because a flush that fails may already have dropped some translations.
        drops++;
        long noticed = flushLogged(of);
        while (noticed > slot.flushed) {
            // A cut has begun since. It waits for this CPU, so no other one follows, and the CPU is notified of all.
            noticed = flushLogged(of);
        }
        // Before the CPU acknowledges, so that the thread of the cut waits for the listeners.
        if (noticed > slot.noticed) {
            tellOfCut(of, noticed);
        }
        state.flushedTo(slot.flushed);
    }

    /** Flushes up to the current generation; returns the generation of the last cut, which may be a later one. */
    private long flushLogged(TlbContext of) {
        long generation = of.generation();
        of.checkNotGivenBack(generation);
        long from = slot.flushed;
        boolean isRanged = generation - from <= TlbContext.LOG_SIZE / 2;
        for (long next = from + 1; next <= generation && isRanged; next++) {
            isRanged = of.readLog(next, range);
            if (isRanged && (range.cpus() & state.bit) != 0) {
                if (!tlb.tryFlush(range.start(), range.end())) {
                    forgetTranslations();
                }
                state.counters.increment(CpuCounters.FLUSHES);
                tell(range.start(), range.end(), range.reason(), next);
            }
        }
        if (!isRanged) {
            forgetTranslations();
            state.counters.increment(CpuCounters.FLUSHES);
            tell(0, -1L, MmuNotifier.Reason.UNMAPPED, generation);
        }
        slot.flushed = generation;
        return of.noticed();
    }

    private void tellOfCut(TlbContext of, long noticed) {
        if (listeners.length == 0) {
            slot.noticed = noticed;
            return;
        }
        TlbContext.CutNotice latest = of.notice(noticed);
        if (latest != null) {
            TlbContext.CutNotice missed = latest.missedAfter(slot.noticed);
            slot.noticed = noticed;
            if (missed != null) {
                tell(missed);
            }
            tell(latest);
        }
    }

    private void tell(TlbContext.CutNotice notice) {
        for (AddedListener each : listeners) {
            if (each.isRemoved) {
                continue;
            }
            try {
                if (notice.isRestored()) {
                    each.listener.restored(notice.checkpoint());
                } else {
                    each.listener.checkpointed(notice.checkpoint());
                }
            } catch (Throwable thrown) {
                reporter.accept(thrown);
            }
        }
    }

    /** Drops all translations of the CPU's space. */
    private void forgetTranslations() {
        renumber(slot);
        tlb.select(slot.number);
    }

    private void tell(long start, long end, MmuNotifier.Reason reason, long generation) {
        for (AddedListener each : listeners) {
            if (each.isRemoved) {
                continue;
            }
            try {
                each.listener.flushed(start, end, reason, generation);
            } catch (Throwable thrown) {
                reporter.accept(thrown);
            }
        }
    }

    /**
     * Drops a range of the CPU's space without a generation. The CPU is in KERNEL. Does not flush the generations that
     * the CPU missed.
     *
     * @return false, with nothing dropped, if the range is too long, or if there are listeners, because they must be
     *     notified of generations; or after a failed switch, because then the selected space of the TLB may be another
     *     one
     */
    @Override
    public boolean drop(long start, long end) {
        if ((activities & WITHOUT_SPACE) != 0 || listeners.length != 0 || !tlb.tryFlush(start, end)) {
            return false;
        }
        drops++;
        state.counters.increment(CpuCounters.FLUSHES);
        return true;
    }

    /**
     * Returns a number that changes whenever the CPU drops translations, or switches to a space. While it is unchanged,
     * addresses that the CPU translated in GUEST need not be translated again whenever the CPU is in GUEST.
     */
    public long drops() {
        return drops;
    }

    /** Lets a view read the TLB and the requests, instead of an earlier view. */
    public void view(SoftTlb.View view) {
        tlb.view(view);
        view.key((activities & ~OUTSIDE) == GUEST ? number : SoftTlb.NOTHING);
        view.requests(state);
        this.view = view;
    }

    // Walks.

    /**
     * Walks the page table, and fills the TLB with the translation, unless the page is watched for reads. Called only
     * in GUEST. Does not wait.
     *
     * @param address any address
     * @param right the right that the entry must have, as a bit of {@link Pte}; 0 for a forced read; {@link
     *     Pte#FORCED_WRITE}, for which the TLB gets no translation
     * @return the physical address; {@link SoftTlb#MISS} if the page is not present or its entry does not have the
     *     right, or if the access would make a page dirty while many pages of files are dirty, because then the fault,
     *     which may wait, must make it dirty
     */
    public long walk(long address, long right) {
        long pte = find(address, right);
        if (pte == Pte.NONE) {
            return SoftTlb.MISS;
        }
        long rights = cachedRights(address, pte, right);
        int frame = Pte.frame(pte);
        // If the translation is not cached, the slot may contain the translation of another page.
        return rights == 0 ? tlb.pass(address, frame) : tlb.fill(address, frame, rights, right);
    }

    /**
     * Walks the page table as {@link #walk} does, for an access that is not reported to watchers.
     *
     * @param right {@link Pte#READ}, {@link Pte#WRITE} or {@link Pte#EXEC}
     * @return the physical address; {@link SoftTlb#MISS} if the TLB gets no translation with this right
     */
    public long add(long address, long right) {
        long pte = find(address, right);
        long rights = pte == Pte.NONE ? 0 : cachedRights(address, pte, right);
        return (rights & right) == 0 ? SoftTlb.MISS : tlb.fill(address, Pte.frame(pte), rights, right);
    }

    /**
     * Adds a translation as {@link #add} does, if the walk to its leaf is cached, its entry needs no mark, the page may
     * be read, and no range of the space is watched. Calls nothing large, so that the JVM's compiler inlines it.
     *
     * @return the physical address; {@link SoftTlb#MISS} if nothing was filled, although {@link #add} may fill
     */
    public long refill(long address, long right) {
        PageTable of = table;
        long[] leaf = cached(address);
        if (of == null || leaf == null) {
            return SoftTlb.MISS;
        }
        // Read after this CPU was added to the cpumask, as in find: the cpumask of a cached eighth of a leaf already
        // contains this CPU.
        long pte = Leaf.get(leaf, of.indexOf(address));
        long wanted = Pte.PRESENT | Pte.READ | right | Pte.ACCESSED | (right == Pte.WRITE ? Pte.DIRTY : 0);
        boolean isOlder = of.isOlder(pte);
        if (!Pte.has(pte, wanted) || of.hasWatches() || (isOlder && right == Pte.WRITE)) {
            return SoftTlb.MISS;
        }
        long rights = pte & (Pte.has(pte, Pte.DIRTY) && !isOlder ? Pte.RIGHTS : Pte.RIGHTS & ~Pte.WRITE);
        return tlb.fill(address, Pte.frame(pte), rights, right);
    }

    /** Returns the page table of the CPU's space. */
    public PageTable table() {
        PageTable known = table;
        return known != null ? known : loadTable();
    }

    private PageTable loadTable() {
        TlbContext of = Objects.requireNonNull(state.context());
        PageTable loaded = (PageTable) Objects.requireNonNull(of.root());
        table = loaded;
        return loaded;
    }

    /** Returns the leaf of an address if the walk to it is cached; null otherwise. */
    private long @Nullable [] cached(long address) {
        long part = address >>> partShift;
        int at = (int) part & WALKS - 1;
        return walked[at] == part ? walkedLeaves[at] : null;
    }

    /** Returns the leaf of an address, after adding the CPU to the cpumask; null if there is no leaf. */
    private long @Nullable [] leaf(PageTable of, long address) {
        long[] known = cached(address);
        return known != null ? known : descend(of, address);
    }

    private long @Nullable [] descend(PageTable of, long address) {
        long[] leaf = of.leaf(address);
        if (leaf != null) {
            Leaf.addToCpumask(leaf, of.indexOf(address), state.bit, state.sharesBit);
            long part = address >>> partShift;
            int at = (int) part & WALKS - 1;
            walkedLeaves[at] = leaf;
            walked[at] = part;
            hasWalked = true;
        }
        return leaf;
    }

    /** Returns the entry that an access may use, with its marks set; {@link Pte#NONE} if there is none. */
    private long find(long address, long right) {
        PageTable of = table();
        long[] leaf = leaf(of, address);
        if (leaf == null) {
            return Pte.NONE;
        }
        // The entry and the watches are read after this CPU was added to the cpumask, so a thread that changes the
        // entry or adds a watch later finds the CPU there.
        int index = of.indexOf(address);
        sawWatches = of.hasWatches();
        long pte = Leaf.get(leaf, index);
        long wanted = Pte.PRESENT | right | Pte.ACCESSED | ((right & WRITES) != 0 ? Pte.DIRTY : 0);
        if ((right & WRITES) != 0 && of.isOlder(pte)) {
            return Pte.NONE;
        }
        return Pte.has(pte, wanted) ? pte : mark(leaf, index, pte, right, wanted);
    }

    /** Returns the entry of a page without changing it; {@link Pte#NONE} if there is none. Called only in GUEST. */
    public long entry(long address) {
        PageTable of = table();
        long[] leaf = leaf(of, address);
        sawWatches = of.hasWatches();
        return leaf == null ? Pte.NONE : Leaf.get(leaf, of.indexOf(address));
    }

    /**
     * Drops the cached walk to a leaf, because a fault may have linked another leaf there.
     *
     * @param address any address of the leaf
     */
    public void forgetTable(long address) {
        walked[(int) (address >>> partShift) & WALKS - 1] = NO_WALK;
    }

    /**
     * Drops the page table and the cached walks to its leaves. Called because the CPU leaves the space, or because the
     * tables may be freed.
     */
    private void forgetTables() {
        if (hasWalked) {
            Arrays.fill(walked, NO_WALK);
            Arrays.fill(walkedLeaves, null);
            hasWalked = false;
        }
        table = null;
    }

    /** Sets the accessed and dirty bits of an entry at the first access or first write. */
    private long mark(long[] leaf, int index, long seen, long right, long wanted) {
        long pte = seen;
        while (Pte.has(pte, Pte.PRESENT | right)) {
            boolean isCounted = Pte.has(wanted & ~pte, Pte.DIRTY) && Pte.isCached(pte);
            if (isCounted && frames.isBalanceDue(Pte.frame(pte))) {
                return Pte.NONE;
            }
            if (Leaf.widen(leaf, index, pte, pte | wanted)) {
                if (isCounted) {
                    frames.noteDirtied(Pte.frame(pte));
                }
                return pte | wanted;
            }
            pte = Leaf.get(leaf, index);
        }
        return Pte.NONE;
    }

    /**
     * Returns the rights to a page that are cached in the TLB; 0 if its translation is not cached, because the page is
     * watched for reads, or because it must not be read. (An atomic update looks up a translation for stores, but also
     * reads.)
     */
    private long cachedRights(long address, long pte, long right) {
        if ((sawWatches && isReadWatched(address)) || (right != Pte.EXEC && (pte & Pte.READ) == 0)) {
            return 0;
        }
        // The right to write is cached only once the entry has the dirty bit, because a write through the TLB does not
        // set it.
        boolean mayWrite = (pte & Pte.DIRTY) != 0 && !(sawWatches && isWatched(address)) && !table().isOlder(pte);
        return pte & (mayWrite ? Pte.RIGHTS : Pte.RIGHTS & ~Pte.WRITE);
    }

    /**
     * Returns whether a byte of a page is watched for writes. The TLB never contains the right to write to such a page.
     *
     * @param address any address of the page
     */
    public boolean isWatched(long address) {
        PageTable of = table();
        return isTouched(of, of.watches, address);
    }

    /** Returns whether a byte of a page is watched for reads. The TLB never contains a translation of such a page. */
    public boolean isReadWatched(long address) {
        PageTable of = table();
        return isTouched(of, of.readWatches, address);
    }

    private static boolean isTouched(PageTable of, Watches watches, long address) {
        long page = address >>> of.pageShift << of.pageShift;
        return watches.touches(page, page + (1L << of.pageShift) - 1);
    }

    /** Returns the ranges of the CPU's space that are watched for reads; always the same object for a space. */
    public Watches readWatches() {
        return table().readWatches;
    }

    /** Returns the ranges of the CPU's space that are watched for writes; always the same object for a space. */
    public Watches watches() {
        return table().watches;
    }
}
