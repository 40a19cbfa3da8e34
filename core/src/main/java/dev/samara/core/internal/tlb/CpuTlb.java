// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import dev.samara.core.event.FlushListener;
import dev.samara.core.event.MmuNotifier;
import dev.samara.core.internal.cpu.CpuState;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.cpu.FlushLog;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.page.Watches;
import dev.samara.core.internal.sync.RcuReader;
import java.util.Arrays;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The owner's side of a CPU: its TLB, the spaces whose translations it still has, and its transitions. For one thread.
 *
 * <p>A translation is used in GUEST state only, and no acknowledgement comes between the reading of an entry and the
 * end of the access. So a shooter who has changed the entry and then found this CPU in another state, or flushed up to
 * his generation, knows that nobody uses the old one.
 */
public final class CpuTlb {
    /** What {@link #walk} answers where there is no translation. */
    public static final long MISS = SoftTlb.MISS;

    /** In GUEST: the TLB is used. */
    private static final int GUEST = 1;

    /** Listeners are being told of a flush. */
    private static final int TELLING_FLUSH = 2;

    /** No space is loaded. */
    private static final int UNLOADED = 4;

    /** It handles a fault, and a backing may be asked. */
    public static final int FAULTING = 8;

    /** Listeners are being told of a store. */
    public static final int TELLING_STORE = 16;

    /** As many spaces keep their translations while others are loaded; as on x86. */
    private static final int SLOTS = 6;

    /** No generation. */
    private static final long FRESH = -1;

    /** One space whose translations may be in the TLB. */
    private static final class Slot {
        /** Which, by a number that is never used again. */
        private long context;

        /** Up to which generation. */
        private long flushed;

        private int number;
        private int wraps;

        /** Listeners have not been told yet that nothing is known of what came before. */
        private boolean isFresh;
    }

    private final Cpus cpus;
    private final CpuState state;
    private final long bit;
    private final SoftTlb tlb;
    private final WalkCache tables;
    private final Consumer<Throwable> reporter;
    private final FlushLog.Range range = new FlushLog.Range();

    private final Slot[] slots = new Slot[SLOTS];
    private int victim;

    /* Of the space that is loaded. What every entry into GUEST needs is not behind another object. */
    private @Nullable TlbContext context;
    private long contextId;
    private @Nullable PageTable table;
    private Slot slot;
    private int number;

    /** Up to which generation; {@link #FRESH} where listeners have to be told before anything is used. */
    private long flushed;

    /** What it is at, so that one look says whether it may do something else. */
    private int activities = UNLOADED;

    /** Never changed in place: listeners may come and go while they are told. */
    private FlushListener[] listeners = {};

    /**
     * Makes a CPU of the calling thread, in KERNEL state with no space.
     *
     * @param cpus the machine's
     * @param number its number, for reports and for who delivers to it
     * @param pageShift binary logarithm of the page size
     * @param tlb its TLB, an empty one
     * @param reporter who is told what a listener has thrown; must not throw
     */
    public CpuTlb(Cpus cpus, int number, int pageShift, SoftTlb tlb, Consumer<Throwable> reporter) {
        this.cpus = cpus;
        this.reporter = reporter;
        this.tlb = tlb;
        for (int i = 0; i < SLOTS; i++) {
            slots[i] = new Slot();
        }
        slot = slots[0];
        state = cpus.claim(number, this::acknowledge);
        bit = state.bit();
        tables = new WalkCache(pageShift, bit, state.sharesBit());
    }

    /**
     * Says in whose sections the thread handles faults of this CPU.
     *
     * @param reader that of the CPU's worker
     */
    public void readsAs(RcuReader reader) {
        state.readsAs(reader);
    }

    /**
     * Has a listener told of what this CPU flushes.
     *
     * @param listener whom
     */
    public void addListener(FlushListener listener) {
        FlushListener[] more = Arrays.copyOf(listeners, listeners.length + 1);
        more[listeners.length] = listener;
        listeners = more;
    }

    /**
     * Has a listener told of nothing any more.
     *
     * @param listener whom
     */
    public void removeListener(FlushListener listener) {
        FlushListener[] known = listeners;
        for (int i = 0; i < known.length; i++) {
            if (known[i] == listener) {
                FlushListener[] fewer = Arrays.copyOf(known, known.length - 1);
                System.arraycopy(known, i + 1, fewer, i, fewer.length - i);
                listeners = fewer;
                return;
            }
        }
    }

    /**
     * Loads a space. The CPU must not be in GUEST. From LAZY, the space that was loaded before is loaded by one
     * compare-and-set, unless it was closed meanwhile.
     *
     * @param next its page table, or null for the empty space
     */
    public void load(@Nullable PageTable next) {
        if (next != null && next == table && state.leaveLazy()) {
            activities &= ~UNLOADED;
            return;
        }
        activities |= UNLOADED;
        context = null;
        table = null;
        tables.clear();
        state.depart();
        TlbContext of = null;
        try {
            if (next != null) {
                of = next.use();
                slot = slotOf(of);
                // Before it is in GUEST in this context. In SWITCHING this stands for none.
                state.flushedTo(slot.flushed);
            }
        } finally {
            state.arrive(of);
        }
        context = of;
        table = next;
        if (of != null) {
            contextId = of.id();
            number = slot.number;
            flushed = slot.isFresh ? FRESH : slot.flushed;
            activities &= ~UNLOADED;
        }
    }

    /** Goes to LAZY: keeps the translations of the space that is loaded, and is its user no more. In KERNEL only. */
    public void enterLazy() {
        state.enterLazy();
        activities |= UNLOADED;
    }

    /** The slot of a context; a new one has no translations, whatever its number was used for. */
    private Slot slotOf(TlbContext wanted) {
        for (Slot known : slots) {
            if (known.context == wanted.id()) {
                if (known.wraps != tlb.wraps()) {
                    renumber(known);
                }
                return known;
            }
        }
        Slot taken = slots[victim];
        victim = (victim + 1) % SLOTS;
        // First, since what throws leaves it the other context's, without translations.
        renumber(taken);
        taken.context = wanted.id();
        // Read before the first entry is: whatever is changed later is flushed.
        taken.flushed = wanted.generation();
        taken.isFresh = true;
        return taken;
    }

    private void renumber(Slot of) {
        of.number = tlb.newNumber();
        of.wraps = tlb.wraps();
    }

    /**
     * Whether listeners are being told of a flush: then the CPU makes no access and no transition.
     *
     * @return true if so
     */
    public boolean isTelling() {
        return (activities & TELLING_FLUSH) != 0;
    }

    /**
     * Whether the CPU is in GUEST, which it may be for the time of one access of a callback, too.
     *
     * @return true if so
     */
    public boolean isGuest() {
        return (activities & GUEST) != 0;
    }

    /**
     * Whether something has begun and not ended.
     *
     * @param activity {@link #FAULTING} or {@link #TELLING_STORE}
     * @return true if so
     */
    public boolean isAt(int activity) {
        return (activities & activity) != 0;
    }

    /**
     * Whether the CPU has a space loaded, is out of GUEST, and at nothing of which a callback may be the caller.
     *
     * @return true if it may go to GUEST
     */
    public boolean isIdle() {
        return activities == 0;
    }

    /**
     * Whether the CPU is in GUEST, and at nothing else.
     *
     * @return true if it may poll, and leave GUEST
     */
    public boolean isInGuest() {
        return activities == GUEST;
    }

    /**
     * Begins something that asks or tells others: out of GUEST, but where listeners are told of a flush.
     *
     * @param activity {@link #FAULTING} or {@link #TELLING_STORE}
     * @return what {@link #end} takes
     */
    public int begin(int activity) {
        int before = activities;
        activities = before | activity;
        return before;
    }

    /**
     * Ends what was begun last.
     *
     * @param before what {@link #begin} has returned
     */
    public void end(int before) {
        activities = before;
    }

    /**
     * Goes to GUEST: catches up with what was changed meanwhile. A space must be loaded. If this throws, the CPU is not
     * in GUEST.
     */
    public void enterGuest() {
        TlbContext of = Objects.requireNonNull(context);
        try {
            tlb.select(number);
            state.enterGuest(contextId);
            if (of.generation() != flushed) {
                catchUp(of);
            }
            activities |= GUEST;
        } catch (Throwable thrown) {
            // Shooters would wait for ever. An overflow of the stack leaves room for both calls, or has come before the
            // call that each takes back: neither needs more of it.
            tlb.select(SoftTlb.NOTHING);
            state.abandonGuest(contextId);
            throw thrown;
        }
    }

    private void catchUp(TlbContext of) {
        if (slot.isFresh) {
            tell(0, -1L, MmuNotifier.Reason.UNMAPPED, slot.flushed);
            slot.isFresh = false;
            flushed = slot.flushed;
        }
        long generation = of.generation();
        if (generation != slot.flushed) {
            catchUp(of, generation);
        }
    }

    /** Leaves GUEST: owes nothing from here on. If this throws, the CPU is in GUEST as before. */
    public void leaveGuest() {
        tlb.select(SoftTlb.NOTHING);
        try {
            state.leaveGuest(contextId);
        } catch (Throwable thrown) {
            // In GUEST a fill needs the number of the space.
            tlb.select(number);
            throw thrown;
        }
        activities &= ~GUEST;
    }

    /** Acknowledges what was asked of it. */
    public void poll() {
        if (state.isPending()) {
            acknowledge();
        }
    }

    private void acknowledge() {
        state.clearPending();
        TlbContext of = context;
        if (of != null) {
            long generation = of.generation();
            if (generation != slot.flushed) {
                try {
                    catchUp(of, generation);
                } catch (Throwable thrown) {
                    state.request();
                    throw thrown;
                }
            }
        }
    }

    /** Flushes what the generations up to one have changed, and says so. */
    private void catchUp(TlbContext of, long generation) {
        long from = slot.flushed;
        boolean isRanged = generation - from <= FlushLog.SIZE / 2;
        for (long next = from + 1; next <= generation && isRanged; next++) {
            isRanged = of.log().read(next, range);
            if (isRanged && (range.cpus() & bit) != 0) {
                if (!tlb.flush(range.start(), range.end())) {
                    forget();
                }
                tell(range.start(), range.end(), range.reason(), next);
            }
        }
        if (!isRanged) {
            forget();
            tell(0, -1L, MmuNotifier.Reason.UNMAPPED, generation);
        }
        slot.flushed = generation;
        flushed = slot.isFresh ? FRESH : generation;
        state.flushedTo(generation);
    }

    private void forget() {
        renumber(slot);
        number = slot.number;
        tlb.select(number);
    }

    private void tell(long start, long end, MmuNotifier.Reason reason, long generation) {
        FlushListener[] all = listeners;
        if (all.length == 0) {
            return;
        }
        int before = activities;
        try {
            // What is in the TLB may be out of date until all is flushed.
            tlb.select(SoftTlb.NOTHING);
            activities = before | TELLING_FLUSH;
            for (FlushListener listener : all) {
                try {
                    listener.flushed(start, end, reason, generation);
                } catch (Throwable thrown) {
                    reporter.accept(thrown);
                }
            }
        } finally {
            activities = before;
            tlb.select(number);
        }
    }

    /**
     * Its TLB; out of GUEST that finds nothing.
     *
     * @return always the same
     */
    public SoftTlb tlb() {
        return tlb;
    }

    /**
     * Walks the page table and remembers what is there. In GUEST only.
     *
     * @param address any address
     * @param right what must be allowed
     * @return its physical address; {@link #MISS} if the page is not there or does not allow it
     */
    public long walk(long address, long right) {
        PageTable of = Objects.requireNonNull(table);
        long[] leaf = tables.leaf(of, address);
        if (leaf == null) {
            return MISS;
        }
        // The entry is read after this CPU was noted in the mask: who changes it after that finds it there.
        int index = of.indexOf(address);
        long pte = Leaf.get(leaf, index);
        long wanted = Pte.PRESENT | right | Pte.ACCESSED | (right == Pte.WRITE ? Pte.DIRTY : 0);
        return Pte.has(pte, wanted) ? fill(address, pte) : walkFirst(address, right, leaf, index, wanted);
    }

    /**
     * Drops what was remembered of a table, after a fault may have made another.
     *
     * @param address any address of it
     */
    public void forgetTable(long address) {
        tables.forget(address);
    }

    /** The first access, or the first write, since the entry was made. */
    private long walkFirst(long address, long right, long[] leaf, int index, long wanted) {
        long pte = Leaf.get(leaf, index);
        while (Pte.has(pte, Pte.PRESENT | right)) {
            if (Leaf.compareAndSet(leaf, index, pte, pte | wanted)) {
                return fill(address, pte | wanted);
            }
            pte = Leaf.get(leaf, index);
        }
        return MISS;
    }

    private long fill(long address, long pte) {
        // Not to be written through the TLB before the entry says that it was written.
        boolean mayWrite = Pte.has(pte, Pte.DIRTY) && !isWatched(address);
        long rights = pte & (mayWrite ? Pte.RIGHTS : Pte.RIGHTS & ~Pte.WRITE);
        return tlb.fill(address, Pte.frame(pte), rights >> 1);
    }

    /**
     * Whether a byte of a page is watched for writes: then the TLB never has the right to write there.
     *
     * @param address any address of the page
     * @return true if so
     */
    public boolean isWatched(long address) {
        PageTable of = Objects.requireNonNull(table);
        // Behind the CPU's noting itself in the leaf's mask. Pairs with who sets a watchpoint, and then reads
        // the masks.
        long page = address >>> of.pageShift() << of.pageShift();
        return of.watches().touches(page, page + (1L << of.pageShift()) - 1);
    }

    /**
     * What is watched in the space that is loaded.
     *
     * @return always the same for a space
     */
    public Watches watches() {
        return Objects.requireNonNull(table).watches();
    }

    /** Goes offline: translations, listeners and the number are given up. */
    public void close() {
        activities |= UNLOADED;
        context = null;
        table = null;
        cpus.release(state);
    }
}
