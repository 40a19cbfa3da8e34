// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import dev.samara.core.internal.check.AccessChecker.History;
import dev.samara.core.internal.cpu.CpuState;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Frames.FrameRegion;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.sync.StackReserve;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The TLB of one CPU. It is direct-mapped, with one part for loads and stores and another for fetches. Each slot of the
 * part for loads and stores has one tag per right and one addend. Used only by the CPU's owner.
 *
 * <p>A slot translates a granule, which is 4 KiB, or a page if that is smaller. A tag is the granule's address plus the
 * number of its space, so that one comparison checks both. An access across the end of a granule never matches, because
 * its slot depends on its first byte and its comparison on its last byte. Giving a space a new number drops all its
 * translations. An addend plus an address is a physical address.
 *
 * <p>A second level, for loads and stores, contains more translations than the arrays, in less memory, and is not as
 * fast. Direct-mapped. An entry is two words side by side, as a rule in one cache line: a tag as in the arrays, and the
 * addend with the rights in its low bits, which are 0 in an addend. A fill of the arrays also fills the second level,
 * and a flush drops a translation from both. The second level has one entry until the arrays have been filled as many
 * times as they have slots. Most short-lived CPUs never need more.
 *
 * <p>A {@link View} reads the arrays without a call. It uses an addend plus an address as an index into the frames'
 * region. The tags of frames outside the region have one more bit; for such a frame, the sum is a physical address
 * instead.
 */
public sealed class SoftTlb {
    /** The maximum binary logarithm of the size of a granule. The readers of the arrays use it as a constant. */
    public static final int GRANULE_SHIFT = 12;

    /** The additional bit in the tags of frames outside the region, with granules of the maximum size. */
    public static final long ELSEWHERE = 1L << (GRANULE_SHIFT - 1);

    /** A tag that matches no access, because no space has this number. */
    static final long EMPTY = -1;

    /** A number that no space has, so that probes find nothing. As a tag, it matches no access. */
    public static final int NOTHING = 0;

    /** Not a physical address. */
    public static final long MISS = -1;

    /**
     * A range of this many granules or more is not dropped entry by entry; instead, all translations of its space are
     * dropped ({@code tlb_single_page_flush_ceiling}). The limit exists because the thread that requested the flush
     * waits for it, at this limit for some 4 µs, in which a CPU finds some 300 translations again.
     */
    static final int MOST_DROPPED = 1 << 10;

    /** The number of entries of the second level for each slot, and the maximum number of entries. */
    private static final int SECOND_RATIO = 32;

    private static final int MOST_SECOND = 1 << 16;

    /** The rights in an entry of the second level. */
    private static final long SECOND_RIGHTS = Pte.READ | Pte.WRITE;

    /** A TLB that contains no translation, and never gets one. Views that may not read a TLB share it. */
    public static final SoftTlb NONE = new SoftTlb(GRANULE_SHIFT, 1);

    /** A reader of the tags and addends, which belongs to the CPU's owner. */
    public interface View {
        /**
         * Receives the arrays. Their lengths are equal, and a power of two. A TLB never replaces its arrays.
         *
         * @param loads tags for reads
         * @param stores tags for writes
         * @param addends by slot, for reads and writes: the index of an address in the region, minus the address
         * @param fetches tags for instruction fetches
         * @param fetchAddends addends for instruction fetches
         * @param frames provides the region, and the bytes of frames outside it; null for a store without a region
         */
        void arrays(
                long[] loads,
                long[] stores,
                long[] addends,
                long[] fetches,
                long[] fetchAddends,
                @Nullable FrameRegion frames);

        /**
         * Receives the TLB for {@link #findSecond}. The view copies translations that it finds there to the arrays, on
         * the thread of the CPU's owner.
         */
        void second(SoftTlb of);

        /**
         * Receives the word with which other threads request that the CPU acknowledges their changes.
         *
         * @param state shows whether a request is pending; null for a CPU without a machine
         */
        void requests(@Nullable CpuState state);

        /**
         * Receives the bits that an access adds to the address of its granule before it compares the sum with a tag.
         *
         * @param key matches no tag while the CPU is not in GUEST
         */
        void key(long key);
    }

    /** The memory of a CPU, whose TLBs a view may read. */
    public interface Viewed {
        /**
         * Lets a view read the TLBs of the CPU, in all spaces that it switches to. From then on, numbers have the given
         * byte order.
         *
         * @throws IllegalStateException if the CPU already has a view, or if the caller does not own the CPU
         */
        void view(View view, ByteOrder order);

        /**
         * Throws unless the caller owns the CPU.
         *
         * @throws IllegalStateException if the caller does not own the CPU
         */
        void checkOwner();

        /**
         * Acknowledges the changes of other threads.
         *
         * @throws IllegalStateException if the CPU is not in GUEST, or not owned by the caller
         */
        void poll();

        /**
         * Enters GUEST again if the CPU left it by itself for a call. Called before an access that misses.
         *
         * @throws IllegalStateException if the caller does not own the CPU
         */
        void comeBack();

        /**
         * Adds a missing translation to the TLB, if the CPU is in GUEST and the page table contains the translation.
         * Does not fault, and does not wait. The caller may use the translation for one access of this kind.
         *
         * @param access one {@code PROT_*} bit of {@link dev.samara.core.mman.Mman}
         * @return the physical address; {@link #MISS} if no translation was added
         * @throws IllegalStateException if the caller does not own the CPU
         */
        long walk(long address, int access);

        /**
         * Adds a translation as {@link #walk} does, but only in the common case that the leaf is cached, the entry
         * needs no mark, and no range of the space is watched. The JVM's compiler inlines this call, which it would not
         * do with a complete walk.
         *
         * @param access one {@code PROT_*} bit of {@link dev.samara.core.mman.Mman}
         * @return the physical address; {@link #MISS} if no translation was added, although {@link #walk} may add one
         * @throws IllegalStateException if the caller does not own the CPU
         */
        long refill(long address, int access);

        /**
         * Translates an address for an access through the region of a view. Adds the translation to the TLB if the page
         * table contains it. Does not fault, and does not wait.
         *
         * @param access one {@code PROT_*} bit of {@link dev.samara.core.mman.Mman}
         * @return the index in the region; {@link #MISS} if a view cannot make the access
         * @throws IllegalStateException if the CPU is not in GUEST, or not owned by the caller
         */
        long translate(long address, int access);
    }

    private final @Nullable FrameRegion frames;
    final int pageShift;
    private final long pageMask;
    final int shift;
    private final long mask;

    /** The additional bit in the tags of frames outside the region; it is above the bits of all numbers. */
    private final long elsewhere;

    private final long[] loads;
    private final long[] stores;
    private final long[] addends;
    private final long[] fetches;
    private final long[] fetchAddends;

    /**
     * The second level: for each entry, its tag at an even index, and then its addend and rights. An entry of zeros has
     * no right.
     */
    private long[] second = new long[2];

    /**
     * The number of translations of loads and stores that were filled so far, counted until the second level gets its
     * entries.
     */
    private int filled;

    private int lastNumber;
    private int wraps;

    /** The number of the selected space. */
    private long current;

    /**
     * Creates an empty TLB whose translations no view uses.
     *
     * @param pageShift binary logarithm of the page size in bytes, at least 9
     * @param entries the number of slots, a power of two
     */
    public SoftTlb(int pageShift, int entries) {
        this(pageShift, entries, null);
    }

    /**
     * Creates an empty TLB.
     *
     * @param pageShift binary logarithm of the page size in bytes, at least 9
     * @param entries the number of slots, a power of two
     * @param frames provides the region that a view accesses; null if there is none
     */
    public SoftTlb(int pageShift, int entries, @Nullable FrameRegion frames) {
        this.frames = frames;
        this.pageShift = pageShift;
        pageMask = (1L << pageShift) - 1;
        shift = Math.min(pageShift, GRANULE_SHIFT);
        mask = (1L << shift) - 1;
        elsewhere = 1L << (shift - 1);
        loads = new long[entries];
        stores = new long[entries];
        addends = new long[entries];
        fetches = new long[entries];
        fetchAddends = new long[entries];
        // There is no second level if it would not be larger than the first one.
        filled = entries < MOST_SECOND ? 0 : entries;
        clear();
    }

    private void clear() {
        Arrays.fill(loads, EMPTY);
        Arrays.fill(stores, EMPTY);
        Arrays.fill(fetches, EMPTY);
        Arrays.fill(second, 0);
    }

    /** Passes the arrays to a view; if pages are small, passes arrays without translations instead. */
    void view(View view) {
        if (isViewed()) {
            view.arrays(loads, stores, addends, fetches, fetchAddends, frames);
            view.second(this);
        } else {
            hide(view);
        }
    }

    /** Returns whether a view may read the arrays. */
    public boolean isViewed() {
        return shift == GRANULE_SHIFT;
    }

    /** Passes arrays without translations to a view. */
    public static void hide(View view) {
        view.arrays(NONE.loads, NONE.stores, NONE.addends, NONE.fetches, NONE.fetchAddends, null);
        view.second(NONE);
    }

    /**
     * Translates an access to the selected space. A translation that only the second level contains is added to the
     * first one. Called only in GUEST, and not by a flush listener.
     *
     * @param address the address of the first byte
     * @param size the number of bytes
     * @param right {@link Pte#READ}, {@link Pte#WRITE} or {@link Pte#EXEC}
     * @return the physical address of the first byte, or {@link #MISS}
     */
    public long probe(long address, int size, long right) {
        long[] tags = right == Pte.READ ? loads : right == Pte.WRITE ? stores : fetches;
        int at = (int) (address >>> shift);
        long want = ((address + size - 1) & ~mask) | current;
        if ((tags[at & tags.length - 1] & ~elsewhere) != want) {
            return ((address ^ want) & ~mask) == 0 ? promote(address, right) : MISS;
        }
        long[] offsets = right == Pte.EXEC ? fetchAddends : addends;
        return offsets[at & offsets.length - 1] + address;
    }

    /** Adds a translation of the second level to the first one. Returns as {@link #probe} does. */
    long promote(long address, long right) {
        int found = findSecond(address >>> shift, (address & ~mask) | current, right);
        return found < 0 ? MISS : promote(found, (int) (address >>> shift) & loads.length - 1) + address;
    }

    /**
     * Looks a translation up in the second level.
     *
     * @param granule the number of the granule
     * @param tag the tag of the granule in its space
     * @param rights the rights that the translation must have, as bits of {@link Pte}
     * @return the position of the entry; negative if there is none
     */
    public final int findSecond(long granule, long tag, long rights) {
        long[] of = second;
        int at = secondAt(of, granule);
        return ((of[at] ^ tag) & ~elsewhere) == 0 && (of[at + 1] & rights) == rights ? at : -1;
    }

    private static int secondAt(long[] second, long granule) {
        return ((int) granule << 1) & (second.length - 2);
    }

    /**
     * Adds an entry of the second level that was found to the arrays.
     *
     * @param slot the granule's slot in the arrays
     * @return the addend
     */
    public final long promote(int found, int slot) {
        long tag = second[found];
        long translation = second[found + 1];
        loads[slot] = (translation & Pte.READ) != 0 ? tag : EMPTY;
        stores[slot] = (translation & Pte.WRITE) != 0 ? tag : EMPTY;
        long addend = translation & ~SECOND_RIGHTS;
        addends[slot] = addend;
        return addend;
    }

    /**
     * Returns the right that an access needs, as a bit of {@link Pte}.
     *
     * @param access one {@code PROT_*} bit of {@link dev.samara.core.mman.Mman}
     */
    public static long rights(int access) {
        return (long) access << Pte.RIGHTS_SHIFT;
    }

    /**
     * Translates an access to one byte as {@link #probe} does, without changing the levels.
     *
     * @param right {@link Pte#READ} or {@link Pte#WRITE}
     */
    public long peek(long address, long right) {
        int at = (int) (address >>> shift) & loads.length - 1;
        long tag = (address & ~mask) | current;
        if (((right == Pte.READ ? loads : stores)[at] & ~elsewhere) == tag) {
            return addends[at] + address;
        }
        return inSecond(address, right);
    }

    /** Translates an access to one byte by the second level, and changes nothing. */
    final long inSecond(long address, long right) {
        int found = findSecond(address >>> shift, (address & ~mask) | current, right);
        return found < 0 ? MISS : (second[found + 1] & ~SECOND_RIGHTS) + address;
    }

    /**
     * Translates an address of the selected space as a view does. Called only in GUEST, and not by a flush listener.
     *
     * @param right {@link Pte#READ}, {@link Pte#WRITE} or {@link Pte#EXEC}
     * @return the index of the address in the region; {@link #MISS} if there is no translation, or if the frame is
     *     outside the region
     */
    public long indexInRegion(long address, long right) {
        long[] tags = right == Pte.READ ? loads : right == Pte.WRITE ? stores : fetches;
        int at = (int) (address >>> shift) & tags.length - 1;
        if (tags[at] != ((address & ~mask) | current)) {
            return MISS;
        }
        return (right == Pte.EXEC ? fetchAddends : addends)[at] + address;
    }

    /**
     * Adds a translation.
     *
     * @param rights bits of {@link Pte}
     * @param right the right of the access: {@link Pte#EXEC} fills the entry for fetches, any other right the entries
     *     for loads and stores
     * @return the physical address of {@code address}
     */
    long fill(long address, int frame, long rights, long right) {
        int at = (int) (address >>> shift) & loads.length - 1;
        boolean isInRegion = frames != null && frames.isInRegion(frame);
        long tag = (address & ~mask) | current | (isInRegion ? 0 : elsewhere);
        long addend = ((long) frame << pageShift) - (address & ~pageMask);
        if (right == Pte.EXEC) {
            fetches[at] = tag;
            fetchAddends[at] = addend;
        } else {
            if (filled < loads.length && ++filled == loads.length) {
                growSecond();
            }
            long[] of = second;
            int entry = secondAt(of, address >>> shift);
            of[entry] = tag;
            of[entry + 1] = addend | (rights & SECOND_RIGHTS);
            loads[at] = (rights & Pte.READ) != 0 ? tag : EMPTY;
            stores[at] = (rights & Pte.WRITE) != 0 ? tag : EMPTY;
            addends[at] = addend;
        }
        return addend + address;
    }

    private void growSecond() {
        try {
            resizeSecond(Math.min(SECOND_RATIO * loads.length, MOST_SECOND));
        } catch (OutOfMemoryError exhausted) {
            // Ignored, because without a second level the TLB is only slower.
            filled = 0;
        }
    }

    /** Replaces the second level by a given number of empty entries. If this throws, nothing has changed. */
    void resizeSecond(int entries) {
        second = new long[2 * entries];
    }

    /** Returns the number of the second level's entry for an address. */
    final int secondEntryOf(long address) {
        return secondAt(second, address >>> shift) >>> 1;
    }

    /**
     * Translates an address without adding a translation to the TLB.
     *
     * @return the physical address
     */
    long pass(long address, int frame) {
        return ((long) frame << pageShift) + (address & pageMask);
    }

    /**
     * Drops the translations in an address's slot of the first level, in both parts, whichever space they belong to.
     */
    void drop(long address) {
        int at = (int) (address >>> shift) & loads.length - 1;
        loads[at] = EMPTY;
        stores[at] = EMPTY;
        fetches[at] = EMPTY;
    }

    /**
     * Drops a range of the selected space. Returns false, and drops nothing, if the number of granules in the range is
     * at least the number of slots, or {@link #MOST_DROPPED}; the caller then gives the space a new number.
     */
    boolean tryFlush(long start, long end) {
        long granules = (end - start) >>> shift;
        if (Long.compareUnsigned(granules, Math.min(loads.length, MOST_DROPPED)) >= 0) {
            return false;
        }
        for (long granule = start; granule != end; granule += mask + 1) {
            int at = (int) (granule >>> shift) & loads.length - 1;
            long tag = granule | current;
            drop(loads, at, tag);
            drop(stores, at, tag);
            drop(fetches, at, tag);
            dropSecond(granule >>> shift, tag);
        }
        return true;
    }

    private void dropSecond(long granule, long tag) {
        long[] of = second;
        int at = secondAt(of, granule);
        if (((of[at] ^ tag) & ~elsewhere) == 0) {
            of[at] = 0;
            of[at + 1] = 0;
        }
    }

    private void drop(long[] tags, int at, long tag) {
        if ((tags[at] & ~elsewhere) == tag) {
            tags[at] = EMPTY;
        }
    }

    /**
     * Checks that there is enough stack for {@link #newNumber}. Called before a CPU is counted as a user of the space
     * for which it may need a number. If the number failed later, the CPU would have to decrement that count with
     * almost no stack left. In this class, a new number needs less stack than the steps before it, so nothing is
     * checked.
     */
    void checkMayRenumber() {}

    /**
     * Returns a number that no translation has. May drop all translations of all spaces, and then increments {@link
     * #wraps}.
     */
    int newNumber() {
        if (lastNumber == elsewhere - 2) {
            // If this throws, the number is unchanged, and the next call clears again.
            clear();
            lastNumber = 0;
            wraps++;
        }
        return ++lastNumber;
    }

    /** Returns how often the numbers wrapped around. Numbers from before the last wrap are invalid. */
    int wraps() {
        return wraps;
    }

    /** Selects the space with this number for probes, fills and flushes. */
    void select(int number) {
        current = number;
    }

    /** The TLB of a checked machine. It also records the reuse stamp of each frame when a slot is filled. */
    public static final class CheckedTlb extends SoftTlb {
        /** The stack that recording an event needs, including the calls up to it, in stack frames. */
        private static final int RENUMBER_DEPTH = 12;

        private final Frames known;
        /** The history of the CPU's latest actions; always the same object. */
        public final History history;

        private final long[] reuseStamps;

        /** By entry of the second level, the stamp of its frame when the entry was filled. */
        private long[] secondStamps = new long[1];

        /**
         * Creates an empty TLB.
         *
         * @param pageShift binary logarithm of the page size in bytes
         * @param entries the number of translations, a power of two
         * @param known the machine's frames
         * @param history records flushes
         */
        public CheckedTlb(int pageShift, int entries, Frames known, History history) {
            super(pageShift, entries);
            this.known = known;
            this.history = history;
            reuseStamps = new long[entries];
        }

        @Override
        long fill(long address, int frame, long rights, long right) {
            stamp(address, frame);
            long physical = super.fill(address, frame, rights, right);
            if (right != Pte.EXEC) {
                secondStamps[secondEntryOf(address)] = reuseStampAtFill(address);
            }
            return physical;
        }

        @Override
        long promote(long address, long right) {
            long physical = inSecond(address, right);
            if (physical != MISS) {
                // As in stamp, but with the stamp of the fill, by which a flush that missed the entry is detected.
                drop(address);
                reuseStamps[slotOf(address)] = secondStamps[secondEntryOf(address)];
                super.promote(address, right);
            }
            return physical;
        }

        @Override
        void resizeSecond(int entries) {
            long[] stamps = new long[entries];
            super.resizeSecond(entries);
            secondStamps = stamps;
        }

        @Override
        long pass(long address, int frame) {
            stamp(address, frame);
            return super.pass(address, frame);
        }

        private void stamp(long address, int frame) {
            // A slot has only one stamp, so both parts of the TLB must have the same translation in it.
            drop(address);
            reuseStamps[slotOf(address)] = known.reuseStamp(frame);
        }

        /** Returns false, because a checked machine checks every access, so a view must not make any. */
        @Override
        public boolean isViewed() {
            return false;
        }

        @Override
        boolean tryFlush(long start, long end) {
            history.add("flushes a range of pages", (end - start) >>> pageShift, History.ANY, start, end);
            return super.tryFlush(start, end);
        }

        @Override
        void checkMayRenumber() {
            StackReserve.check(RENUMBER_DEPTH);
        }

        @Override
        int newNumber() {
            history.add("forgets a space", 0, History.ANY, 0, 0);
            return super.newNumber();
        }

        private int slotOf(long address) {
            return (int) (address >>> shift) & reuseStamps.length - 1;
        }

        /**
         * Returns whether two addresses share a slot, so that the translation of one replaces the translation of the
         * other.
         */
        public boolean sharesSlot(long address, long other) {
            return slotOf(address) == slotOf(other);
        }

        /**
         * Returns the reuse stamp that the frame had when the slot of an address was filled.
         *
         * @param address an address whose slot contains a translation
         */
        public long reuseStampAtFill(long address) {
            return reuseStamps[slotOf(address)];
        }
    }
}
