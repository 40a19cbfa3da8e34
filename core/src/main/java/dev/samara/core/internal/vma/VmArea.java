// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.vma;

import dev.samara.core.internal.sync.Gate;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.VmOperations;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.lang.invoke.ConstantBootstraps;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * A VMA as the engine uses it ({@code struct vm_area_struct}): adds a state word, an open, an {@code anon_vma} and a
 * link to a file to the immutable definition in the superclass.
 *
 * <pre>
 *     fresh --attach--> attached --detach--> detached, retiring --clearRetiring--> detached
 *                       acquire, release     release                               release
 * </pre>
 *
 * <p>Each transition of the state word is one read-modify-write, or a loop of compare-and-set attempts. No transition
 * waits. The thread that brings the word to <em>detached, not retiring, no references</em> releases the share of the
 * open. That happens once, because no transition leaves this state.
 */
public final class VmArea extends Vma {
    static final VarHandle WORD =
            ConstantBootstraps.fieldVarHandle(MethodHandles.lookup(), "word", VarHandle.class, VmArea.class, int.class);
    private static final VarHandle ANON_VMA = ConstantBootstraps.fieldVarHandle(
            MethodHandles.lookup(), "anonVma", VarHandle.class, VmArea.class, AnonVma.class);

    /**
     * Never cleared. It is the sign bit, so that one comparison of the word decides whether a reference may be
     * acquired.
     */
    static final int DETACHED = 1 << 31;

    /** The retiring bit: the operation that detached the VMA is still retiring it. */
    static final int RETIRING = 1 << 30;

    /** The bits of the reference count. */
    static final int REFERENCES = RETIRING - 1;

    /**
     * The highest reference count. One less than the bits allow, so that a detached and retiring word with the highest
     * count does not equal FRESH.
     */
    static final int MOST_REFERENCES = REFERENCES - 1;

    /** Not attached yet. No other state has all bits set. */
    static final int FRESH = -1;

    /*
     * Marks in the superclass's word that repeat traits, for loops over many VMAs. To read the traits and the backing
     * of each VMA would add two cache misses.
     */

    /**
     * The VMA has an open, because its backing has callbacks, or is a shared object that ends with its last mapping.
     */
    private static final long OPEN = 1L << VmaFlags.BITS;

    /** The VMA's pages are pages of a page cache. */
    private static final long CACHED = 2L << VmaFlags.BITS;

    /** The VMA's backing is a shared object. */
    private static final long OF_OBJECT = 4L << VmaFlags.BITS;

    /** The traits of the backing, or null for anonymous memory. */
    public final @Nullable BackingTraits traits;

    /**
     * DETACHED, RETIRING and the reference count; or FRESH.
     *
     * <p>Written: attaching: holder of the district's lock, before publication (plain); detaching: holder of that lock,
     *     after publication (get-and-or); clearing the retiring bit: the operation that detached it (get-and-and);
     *     acquiring, releasing a reference: any thread (compare-and-exchange).
     * Read: any thread (acquire; opaque for displays and for checks under the lock); a thread that installs a page
     *     (volatile); a thread that attaches (plain).
     * Pairs: {@code VmArea.detach} (volatile) sets DETACHED, then the retirement walks; a thread that installs a page
     *     links its table, then reads the word (volatile). {@code PageTable.nextLeaf}, with which every walk starts,
     *     fences between mark and walk. {@code VmArea.clearRetiring} and {@code VmArea.release} race only in this word:
     *     the thread that brings it to *detached, not retiring, no references* releases the share. It reads no second
     *     word, so it needs no fence.
     * Invariant: FRESH, or DETACHED, RETIRING and the number of references. DETACHED is never cleared. The number never
     *     leaves its range, which ends before the word could equal FRESH. The word reaches *detached, not retiring, no
     *     references* once.
     */
    private int word = FRESH;

    /**
     * Write-once.
     *
     * <p>Written: the constructor; the first fault that writes, and the operation that passes the {@code anon_vma} on
     *     to a successor (compare-and-set from null).
     * Read: any thread (acquire).
     * Pairs: a thread that detaches the VMA sets DETACHED, then reads the {@code anon_vma} and passes it on. A thread
     *     that sets the {@code anon_vma} then reads the state word: if it finds DETACHED, it sets the successor's
     *     {@code anon_vma} itself.
     * Invariant: written once.
     */
    @SuppressWarnings("UnusedVariable") // through ANON_VMA
    private @Nullable AnonVma anonVma;

    /**
     * The VMA's share of an open of its backing; null if it needs none. Its predecessors may share the open.
     *
     * <p>Words: {@code open}, {@code gate}.
     * Written: the thread that attaches the VMA, before publication (plain).
     * Read: any thread that found the VMA (plain).
     * Invariant: never change once published.
     */
    private @Nullable Open open;

    /** The gate that is closed while the VMA belongs to an operation in flight; null if it never belonged to one. */
    private @Nullable Gate gate;

    /**
     * The VMA's link in the reverse map of its backing's pages; null if it has none.
     *
     * <p>Written: holder of the district's lock, before publication (plain); the thread that retires its pages clears
     *     it (plain).
     * Read: holder of the district's lock (plain); the thread that retires its pages (plain). The lock and the handover
     *     of the range in flight order the accesses.
     * Invariant: unlinked once, after the VMA's last page was removed.
     */
    private @Nullable FileLink link;

    /**
     * Creates a fresh VMA.
     *
     * @param traits the traits of the backing; null for anonymous memory
     * @param name the displayed name of a mapping that has its own name; null for other mappings
     * @param anonVma null if the VMA has no private page yet
     */
    public VmArea(
            long start,
            long end,
            long flags,
            long pageOffset,
            @Nullable BackingTraits traits,
            @Nullable String name,
            @Nullable AnonVma anonVma) {
        super(start, end, flags, marks(traits), pageOffset, name);
        this.traits = traits;
        this.anonVma = anonVma;
    }

    private static long marks(@Nullable BackingTraits traits) {
        if (traits == null) {
            return 0;
        }
        boolean isOfObject = traits.backing() instanceof SharedObject;
        return (isOfObject ? OF_OBJECT : 0)
                | (isOfObject || traits.operations() != null ? OPEN : 0)
                | (traits.pageCache() != null ? CACHED : 0);
    }

    /** Returns a description of a mapping. Calls the backing for its traits. */
    public static VmArea describe(
            long start,
            long end,
            long flags,
            long pageOffset,
            @Nullable Backing backing,
            @Nullable String name,
            @Nullable AnonVma anonVma) {
        return new VmArea(start, end, flags, pageOffset, BackingTraits.of(backing), name, anonVma);
    }

    /** Returns a VMA as the engine uses it. */
    public static VmArea of(Vma vma) {
        return (VmArea) vma;
    }

    @Override
    public @Nullable Backing backing() {
        return traits == null ? null : traits.backing();
    }

    /**
     * Returns whether the VMA has an open, because its backing has callbacks, or is a shared object that ends with its
     * last mapping.
     */
    public boolean hasOpen() {
        return isMarked(OPEN);
    }

    /** Returns whether the VMA's pages are pages of a page cache. */
    public boolean isCached() {
        return isMarked(CACHED);
    }

    /** Returns whether the VMA's backing is a {@link SharedObject}. */
    public boolean isOfObject() {
        return isMarked(OF_OBJECT);
    }

    @Override
    public boolean isAnonymous() {
        return !isSpecial() && (traits == null || (traits.isZeroDevice() && !hasAny(VmaFlags.SHARED)));
    }

    /** Returns the {@code anon_vma}, or null if the VMA has no private page yet. */
    public @Nullable AnonVma anonVma() {
        return (AnonVma) ANON_VMA.getAcquire(this);
    }

    /** Sets the {@code anon_vma}, unless there is one. */
    public void adoptAnonVma(AnonVma adopted) {
        ANON_VMA.compareAndSet(this, (AnonVma) null, adopted);
    }

    /**
     * Attaches a fresh VMA. The caller must hold the layout lock, and publish the VMA afterwards.
     *
     * @param open the VMA's share of an open, or null
     * @param gate the gate of the operation in flight to which the VMA belongs, or null
     * @throws IllegalStateException if the VMA is or was attached
     */
    public void attach(@Nullable Open open, @Nullable Gate gate) {
        if (word != FRESH) {
            throw new IllegalStateException("attached a second time: " + this);
        }
        this.open = open;
        this.gate = gate;
        // A plain store suffices, because the later release store of the tree's root pairs with the acquire load of
        // each lookup.
        word = 0;
    }

    /**
     * Returns whether the VMA was never attached. The caller holds the layout lock, or no other thread can reach the
     * VMA.
     */
    public boolean isFresh() {
        return wordOpaque() == FRESH;
    }

    /** Returns whether the VMA is not attached, i.e. fresh or detached forever. */
    @Override
    public boolean isDetached() {
        return (int) WORD.getVolatile(this) < 0;
    }

    /**
     * Detaches an attached VMA, and sets its retiring bit until {@link #clearRetiring}. The caller must hold the layout
     * lock and have published a tree without it.
     *
     * @throws IllegalStateException if the VMA is not attached; nothing is changed then
     */
    public void detach() {
        // An opaque read suffices, because a VMA is attached and detached only under the lock.
        int before = wordOpaque();
        if (before < 0) {
            if (before == FRESH) {
                throw new IllegalStateException("detached before it was attached: " + this);
            }
            throw new IllegalStateException("detached a second time: " + this);
        }
        // Volatile, so that there is a full fence between this mark and the walk that clears the VMA's pages. Pairs
        // with the volatile read of the word by a thread that installs a page, after it linked the page's table.
        int unused = (int) WORD.getAndBitwiseOr(this, DETACHED | RETIRING);
    }

    /**
     * Clears the retiring bit of a VMA that the caller detached. The caller must not hold a lock of a layout.
     *
     * @throws IllegalStateException if the bit is not set; nothing is changed then
     */
    public void clearRetiring() {
        // If the bit is not set, the AND changes nothing, except in a fresh VMA, which is rejected first.
        if (isFresh()) {
            throw new IllegalStateException("retired before it was attached: " + this);
        }
        int before = (int) WORD.getAndBitwiseAnd(this, ~RETIRING);
        if ((before & RETIRING) == 0) {
            throw new IllegalStateException("not retiring: " + this);
        }
        if ((before & REFERENCES) == 0) {
            putOpen();
        }
    }

    /**
     * Acquires a reference, unless the VMA is detached.
     *
     * @return whether the reference was acquired
     * @throws IllegalStateException if the reference count is at its maximum
     */
    public boolean acquire() {
        int seen = wordAcquire();
        while (seen >= 0) {
            if (seen >= MOST_REFERENCES) {
                throw new IllegalStateException("too many references to " + this);
            }
            int before = compareAndExchangeWord(seen, seen + 1);
            if (before == seen) {
                return true;
            }
            seen = before;
        }
        return false;
    }

    /**
     * Releases a reference that the caller acquired.
     *
     * @throws IllegalStateException if there is none; nothing is changed then
     */
    public void release() {
        int seen = wordAcquire();
        for (; ; ) {
            if ((seen & REFERENCES) == 0 || seen == FRESH) {
                throw new IllegalStateException("released, but not acquired: " + this);
            }
            int before = compareAndExchangeWord(seen, seen - 1);
            if (before == seen) {
                break;
            }
            seen = before;
        }
        if (seen == (DETACHED | 1)) {
            putOpen();
        }
    }

    /** Returns the reference count at some instant of this call, for displays. */
    public int references() {
        int seen = wordOpaque();
        return seen == FRESH ? 0 : seen & REFERENCES;
    }

    /**
     * Called by the thread that makes the VMA detached, not retiring and without references. A VMA enters this state
     * once, so this is called once.
     */
    private void putOpen() {
        if (open != null) {
            open.put();
        }
    }

    /**
     * Returns the open of which this VMA holds a share, or null if it needs none. The VMA is attached, or the caller
     * holds a reference or set the retiring bit.
     */
    public @Nullable Open open() {
        return open;
    }

    /** Returns the gate, open or closed, of the operation in flight to which the VMA belongs or belonged, or null. */
    public @Nullable Gate gate() {
        return gate;
    }

    /** Sets the link of a fresh VMA. The caller is about to publish the VMA. */
    public void link(FileLink link) {
        this.link = link;
    }

    /**
     * Records that the pages of the replaced VMA are removed, so that pages in the range belong to this VMA. The caller
     * retires the replaced VMA.
     */
    public void enter() {
        FileLink linked = link;
        if (linked != null) {
            linked.enter();
        }
    }

    /** Unlinks a detached VMA without remaining pages, or a VMA that was never published. Called at most once. */
    public void unlink() {
        FileLink linked = link;
        if (linked != null) {
            link = null;
            linked.unlink();
        }
    }

    /** Returns whether the VMA is linked. The caller holds the layout lock. */
    public boolean isLinked() {
        return link != null;
    }

    // The accesses of the state word that several transitions make.

    private int wordOpaque() {
        return (int) WORD.getOpaque(this);
    }

    private int wordAcquire() {
        return (int) WORD.getAcquire(this);
    }

    private int compareAndExchangeWord(int expected, int value) {
        return (int) WORD.compareAndExchange(this, expected, value);
    }

    /**
     * Determines which VMAs may share anonymous pages ({@code struct anon_vma}).
     *
     * <p>A private VMA has no {@code AnonVma} until its first private page is created. From then on it merges only with
     * VMAs that have no {@code AnonVma}, or the same one. An {@code AnonVma} that is created for a child of {@code
     * fork} is <em>inherited</em>. Its pages may still be shared with the parent, so it is never given to a neighbour
     * without an {@code AnonVma} ({@code mm/vma.c}).
     */
    public static final class AnonVma {
        public final boolean inherited;

        private AnonVma(boolean inherited) {
            this.inherited = inherited;
        }

        /** Returns a new {@code AnonVma}, for memory that this space touched first. */
        public static AnonVma fresh() {
            return new AnonVma(false);
        }

        /** Returns a new {@code AnonVma}, for memory that was copied from a parent. */
        public static AnonVma inherited() {
            return new AnonVma(true);
        }
    }

    /** A backing of the library that counts its VMAs. Its content ends with the last VMA. */
    public interface SharedObject extends Backing {
        /**
         * Counts VMAs that are added or removed. The memory is charged when the first VMA is added, regardless of the
         * limit, and uncharged when the last VMA is removed.
         *
         * @return the bytes that the caller charges, or, if negative, uncharges
         */
        long count(long change);
    }

    /**
     * Callbacks of a backing of the library that only counts its opens. Unless the last one ends, the end of an open
     * takes no thread of the machine.
     */
    public interface CountedOpens extends VmOperations {
        /**
         * Ends an open, unless that needs more than to count. Neither waits nor fails.
         *
         * @return false if nothing was done, because it may be the last open; then {@link #close} must follow
         */
        boolean tryClose();
    }

    /** The link of an attached VMA in the reverse map of its backing's pages. */
    public interface FileLink {
        /**
         * Records that from now on the pages in the range belong to the VMA. Called once, for a VMA that was linked
         * before the pages of the replaced VMAs were removed from the range.
         */
        void enter();

        /** Removes the link. Called once, after the last page of the VMA was removed. */
        void unlink();
    }

    /**
     * One open of a backing, shared by a VMA and its successors at the same address.
     *
     * <p>A change of rights therefore needs no new open, and the number of opens minus closes is the number of VMAs, as
     * on Linux. A reference to the VMA that was acquired before the change keeps the open.
     */
    public abstract static class Open {
        private static final VarHandle SHARES = ConstantBootstraps.fieldVarHandle(
                MethodHandles.lookup(), "shares", VarHandle.class, Open.class, int.class);

        /**
         * Written: {@code get}: holder of the district's lock, at publication (compare-and-set); a new user of a shared
         *     object's content (compare-and-set); {@code put}: the thread that ends a VMA or reverts an open
         *     (compare-and-set).
         * Read: the threads that change it (volatile).
         * Invariant: the number of VMAs and edits that hold a share of this open; once 0, it never increases.
         */
        @SuppressWarnings("UnusedVariable") // through SHARES
        private int shares = 1;

        /** Creates an open with one share, the creator's. */
        protected Open() {}

        /**
         * Acquires another share. The caller must hold a share, or know that another thread holds one during the call.
         *
         * @throws IllegalStateException if the open has ended; nothing is changed then
         */
        public final void get() {
            if (getAndAdd(1) == 0) {
                throw new IllegalStateException("share of an open that has ended: " + this);
            }
        }

        /**
         * Acquires another share, unless the open has ended.
         *
         * @return whether the caller now holds the share
         */
        public final boolean getUnlessEnded() {
            return getAndAdd(1) != 0;
        }

        /**
         * Releases a share. The release of the last share ends the open, on this thread. The thread must not hold a
         * lock of a layout.
         *
         * @throws IllegalStateException if all shares were already released; nothing is changed then
         */
        public final void put() {
            int before = getAndAdd(-1);
            if (before == 0) {
                throw new IllegalStateException("share of an open put twice: " + this);
            }
            if (before == 1) {
                ended();
            }
        }

        /** Changes the number of shares, unless it is 0, the final value; returns the previous number. */
        private int getAndAdd(int change) {
            int before;
            do {
                before = (int) SHARES.getVolatile(this);
            } while (before != 0 && !SHARES.compareAndSet(this, before, before + change));
            return before;
        }

        /** Called once, after the last share was released. Must neither call an embedder's code nor wait. */
        protected abstract void ended();
    }
}
