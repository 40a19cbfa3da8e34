// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import dev.samara.core.event.FlushListener;
import dev.samara.core.event.MmuNotifier;
import dev.samara.core.internal.cpu.CpuCounters;
import dev.samara.core.internal.cpu.CpuOwner;
import dev.samara.core.internal.cpu.CpuState;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.cpu.FlushLog;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.page.Watches;
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
public final class CpuTlb {
    /*
     * Why these accesses are enough.
     *
     * All fields are for the owner's thread, and plain. Other threads see only its CpuState, and the cpumasks of
     * leaves. Each transition therefore orders its own steps:
     *
     *     leaveLazy    count in the context (atomic), word := KERNEL (release)
     *     switchTo     word := SWITCHING (release), count in the context (atomic), read its generation if the
     *                  slot is new (volatile), flushed := that of the slot (release), word := KERNEL (release)
     *     enterGuest   word := GUEST (volatile), read the generation (volatile), flush, flushed := it (release),
     *                  give the view its key
     *     walk         bit in the cpumask (get-and-or, full fence), read the entry (acquire), fill
     *     poll         pending := 0 (volatile), read the generation (volatile), flush, flushed := it (release)
     *     leaveGuest   last access, take the key from the view, word := KERNEL (release)
     *
     * A shooter changes the entry, advances the generation, then reads the cpumask and the word. It finds one of three:
     *
     *     no bit of this CPU in the cpumask     A bit stays set. So walk sets it later, then reads the entry, and finds
     *                                           the change. For this reason catchUp may skip a logged range whose
     *                                           cpumask lacks the bit.
     *     not GUEST in the space                enterGuest reads the new generation later, and flushes before an
     *                                           access. All accesses before leaveGuest have been made.
     *     GUEST in the space                    The shooter waits for another word, or for flushed, which is stored
     *                                           after the flush.
     *
     * CpuState proves the last two, FlushLog that a logged range is whole.
     */

    /** The result of {@link #walk} where there is no translation. */
    public static final long MISS = SoftTlb.MISS;

    /** In GUEST: the TLB is used. */
    private static final int GUEST = 1;

    /** Listeners are being notified of a flush. */
    private static final int TELLING_FLUSH = 2;

    /** The CPU has no space, or is LAZY. */
    private static final int WITHOUT_SPACE = 4;

    /** The CPU handles a fault, and may be calling a backing. */
    public static final int FAULTING = 8;

    /** Listeners are being notified of a store. */
    public static final int TELLING_STORE = 16;

    /** Bits of a right to write. */
    private static final long WRITES = Pte.WRITE | Pte.FORCED_WRITE;

    /** A value that no generation has. */
    private static final long FRESH = -1;

    private final Cpus cpus;
    private final Object cpu;
    private final CpuState state;
    private final long bit;
    private final SoftTlb tlb;
    private final WalkCache tables;
    private final AsidSlots slots;
    private final FlushListeners listeners;
    private final FlushLog.FlushedRange range = new FlushLog.FlushedRange();

    /* The CPU's space, whose context its state has. What enterGuest needs of it is copied here. */
    private SoftTlb.@Nullable View view;
    private long contextId;
    private AsidSlots.Slot slot;
    private int number;

    /** Of the CPU's space, since the first walk there; null before. Most switches to a space need no walk. */
    private @Nullable PageTable table;

    /** The generation flushed to; {@link #FRESH} if listeners must be notified before a translation is used. */
    private long flushed;

    /** All activities in one word, so that one comparison tells whether another may begin. */
    private int activities = WITHOUT_SPACE;

    /**
     * Acknowledges requests as long as the TLB is reachable. The list of the CPUs must not keep a CPU reachable that a
     * flush listener has, or the CPU would never be lost.
     */
    private static final class Acknowledgement extends WeakReference<CpuTlb> implements Runnable {
        Acknowledgement(CpuTlb tlb) {
            super(tlb);
        }

        @Override
        public void run() {
            CpuTlb tlb = get();
            if (tlb != null) {
                tlb.acknowledge();
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
        this.cpus = cpus;
        this.cpu = cpu;
        this.tlb = tlb;
        listeners = new FlushListeners(reporter);
        slots = new AsidSlots(tlb);
        slot = slots.none();
        tables = new WalkCache(pageShift);
        Acknowledgement acknowledgement = new Acknowledgement(this);
        // Last, but for what needs no memory: nobody could take a CPU offline whose constructor has failed.
        state = cpus.claim(owner, number, acknowledgement);
        bit = state.bit();
        tables.serve(bit, state.sharesBit());
    }

    /**
     * Keeps the CPU reachable up to this call, which follows an access in GUEST. Each method that changes the state of
     * the CPU ends with such a fence, too. So a thread that finds the CPU lost is the only one that changes it.
     */
    public void keepReachable() {
        Reference.reachabilityFence(cpu);
    }

    /** Takes the CPU from those of the calling thread, which hands it over. Not called in GUEST. */
    public void disown() {
        cpus.disown(state);
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
        return listeners.add(listener);
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

    /** Drops the page table and the walks to its leaves. */
    private void forgetTables() {
        tables.clear();
        table = null;
    }

    /** Returns the page table of the CPU's space. */
    private PageTable table() {
        PageTable known = table;
        return known != null ? known : loadTable();
    }

    private PageTable loadTable() {
        TlbContext of = Objects.requireNonNull(state.context());
        PageTable loaded = (PageTable) Objects.requireNonNull(of.root());
        table = loaded;
        return loaded;
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
        forgetTables();
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
            number = slot.number();
            tlb.select(number);
            flushed = slot.isFresh ? FRESH : slot.flushed;
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
        forgetTables();
        // Last: at the end of the stack, events wait for the next switch.
        state.settleCounters(of);
        Reference.reachabilityFence(cpu);
    }

    /** Returns whether the CPU has a space. */
    public boolean isInSpace() {
        return (activities & WITHOUT_SPACE) == 0;
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

    /** Returns whether listeners are being notified of a flush: the CPU makes no access and no transition then. */
    public boolean isTelling() {
        return (activities & TELLING_FLUSH) != 0;
    }

    /** Returns whether the CPU is in GUEST. The CPU may also be there for the time of one access by a callback. */
    public boolean isGuest() {
        return (activities & GUEST) != 0;
    }

    /**
     * Returns whether an activity has begun and not ended.
     *
     * @param activity {@link #FAULTING} or {@link #TELLING_STORE}
     */
    public boolean isAt(int activity) {
        return (activities & activity) != 0;
    }

    /**
     * Returns whether the CPU may go to GUEST: it has a space, is not in GUEST, and is in no activity that runs
     * callbacks.
     */
    public boolean isIdle() {
        return activities == 0;
    }

    /** Returns whether the CPU may go elsewhere: it is not in GUEST, and in no activity that runs callbacks. */
    public boolean isMovable() {
        return (activities & ~WITHOUT_SPACE) == 0;
    }

    /** Returns whether the CPU may poll, and leave GUEST: it is in GUEST, and in no other activity. */
    public boolean isInGuest() {
        return activities == GUEST;
    }

    /**
     * Begins an activity that runs callbacks. Called out of GUEST, unless listeners are being notified of a flush.
     *
     * @param activity {@link #FAULTING} or {@link #TELLING_STORE}
     * @return the activities before this call, for {@link #end}
     */
    public int begin(int activity) {
        int before = activities;
        activities = before | activity;
        return before;
    }

    /**
     * Ends the activity that was begun last.
     *
     * @param before the result of {@link #begin}
     */
    public void end(int before) {
        activities = before;
        // The activity may have been in a reader section, or have used the frames of the CPU's magazine.
        Reference.reachabilityFence(cpu);
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

    private void catchUp(TlbContext of) {
        if (slot.isFresh) {
            tell(0, -1L, MmuNotifier.Reason.UNMAPPED, slot.flushed);
            slot.isFresh = false;
            flushed = slot.flushed;
        }
        if (of.generation().mustFlush(slot.flushed)) {
            catchUp(of, of.generation().current());
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

    /** Lets a view read the TLB and the requests, in place of an earlier view. */
    public void view(SoftTlb.View view) {
        tlb.view(view);
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

    private void acknowledge() {
        state.clearPending();
        TlbContext of = state.context();
        if (of != null && of.generation().mustFlush(slot.flushed)) {
            try {
                catchUp(of, of.generation().current());
            } catch (Throwable thrown) {
                state.request();
                throw thrown;
            }
        }
    }

    /** Flushes the ranges of the generations up to a given one, or everything, and publishes that generation. */
    private void catchUp(TlbContext of, long generation) {
        of.checkNotGivenBack(generation);
        long from = slot.flushed;
        boolean isRanged = generation - from <= FlushLog.SIZE / 2;
        for (long next = from + 1; next <= generation && isRanged; next++) {
            isRanged = of.log().read(next, range);
            if (isRanged && (range.cpus() & bit) != 0) {
                if (!tlb.flush(range.start(), range.end())) {
                    forget();
                }
                state.counters().increment(CpuCounters.FLUSHES);
                tell(range.start(), range.end(), range.reason(), next);
            }
        }
        if (!isRanged) {
            forget();
            state.counters().increment(CpuCounters.FLUSHES);
            tell(0, -1L, MmuNotifier.Reason.UNMAPPED, generation);
        }
        slot.flushed = generation;
        flushed = slot.isFresh ? FRESH : generation;
        state.flushedTo(generation);
        Reference.reachabilityFence(cpu);
    }

    private void forget() {
        // First: if a later step throws, the view finds nothing, instead of the translations to be forgotten.
        show(SoftTlb.NOTHING);
        slots.renumber(slot);
        number = slot.number();
        tlb.select(number);
        show(number);
    }

    private void tell(long start, long end, MmuNotifier.Reason reason, long generation) {
        if (listeners.isEmpty()) {
            return;
        }
        int before = activities;
        try {
            // The TLB may have stale translations until every range is flushed.
            show(SoftTlb.NOTHING);
            activities = before | TELLING_FLUSH;
            listeners.tell(start, end, reason, generation);
        } finally {
            activities = before;
            show(number);
        }
    }

    /** Returns its TLB, of which translations are used in GUEST only; always the same object. */
    public SoftTlb tlb() {
        return tlb;
    }

    /**
     * Walks the page table, and fills the TLB with the translation. Called in GUEST only. Does not wait.
     *
     * @param address any address
     * @param right the right that the entry must have, as a bit of {@link Pte}; 0 for a forced read; {@link
     *     Pte#FORCED_WRITE}, for which the TLB gets no translation
     * @return the physical address; {@link #MISS} if the page is not present or its entry does not have the right
     */
    public long walk(long address, long right) {
        PageTable of = table();
        long[] leaf = tables.leaf(of, address);
        if (leaf == null) {
            return MISS;
        }
        // The entry is read after this CPU was added to the cpumask: a thread that changes the entry later finds the
        // CPU there.
        int index = of.indexOf(address);
        long pte = Leaf.get(leaf, index);
        long wanted = Pte.PRESENT | right | Pte.ACCESSED | ((right & WRITES) != 0 ? Pte.DIRTY : 0);
        return Pte.has(pte, wanted) ? fill(address, pte, right) : walkFirst(address, right, leaf, index, wanted);
    }

    /**
     * Drops the cached walk to a leaf, after a fault may have made another leaf.
     *
     * @param address any address of the leaf
     */
    public void forgetTable(long address) {
        tables.forget(address);
    }

    /** Walks for the first access or first write since the entry was made: sets the accessed and dirty bits. */
    private long walkFirst(long address, long right, long[] leaf, int index, long wanted) {
        long pte = Leaf.get(leaf, index);
        while (Pte.has(pte, Pte.PRESENT | right)) {
            if (Leaf.compareAndSet(leaf, index, pte, pte | wanted)) {
                return fill(address, pte | wanted, right);
            }
            pte = Leaf.get(leaf, index);
        }
        return MISS;
    }

    private long fill(long address, long pte, long right) {
        // No write goes through the TLB before the entry has the dirty bit.
        boolean mayWrite = Pte.has(pte, Pte.DIRTY) && !isWatched(address);
        long rights = pte & (mayWrite ? Pte.RIGHTS : Pte.RIGHTS & ~Pte.WRITE);
        return tlb.fill(address, Pte.frame(pte), rights, right);
    }

    /**
     * Returns whether a byte of a page is watched for writes. The TLB never has the right to write to a watched page.
     *
     * @param address any address of the page
     */
    public boolean isWatched(long address) {
        PageTable of = table();
        // After the CPU has added itself to the leaf's cpumask. Pairs with the thread that sets a watchpoint, and then
        // reads the cpumasks.
        long page = address >>> of.pageShift() << of.pageShift();
        return of.watches().touches(page, page + (1L << of.pageShift()) - 1);
    }

    /** Returns the watched ranges of the CPU's space; always the same object for a space. */
    public Watches watches() {
        return table().watches();
    }

    /**
     * Goes offline: gives up its translations and its number. The caller then ends the spaces that the CPU has
     * {@linkplain CpuOwner#left left}.
     */
    public void close() {
        activities |= WITHOUT_SPACE;
        // Also if the rest fails: the CPU may go to another space with these translations.
        forgetTables();
        cpus.release(state);
        Reference.reachabilityFence(cpu);
    }
}
