// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import dev.samara.core.internal.cpu.CpuState;
import dev.samara.core.internal.page.FrameRegion;
import dev.samara.core.internal.page.Pte;
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
 * <p>A {@link SecondTlb} also contains translations that were replaced in the arrays for loads and stores. A flush
 * drops a translation from both the arrays and the second level.
 *
 * <p>A {@link View} reads the arrays without a call. It uses an addend plus an address as an index into the frames'
 * region. The tags of frames outside the region have one more bit; for such a frame, the sum is a physical address
 * instead.
 */
public sealed class SoftTlb permits CheckedTlb {
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
     * waits for it, at this limit for some 10 µs.
     */
    private static final int MOST_DROPPED = 1 << 12;

    /** An array without translations. Views of all TLBs share it. */
    private static final long[] NONE = {EMPTY};

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
         * Receives the second level, which a TLB never replaces. The view copies translations that it finds there to
         * the first level, on the thread of the CPU's owner.
         */
        void second(SecondTlb level);

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
         * @param access one bit of {@link dev.samara.core.mman.Protection}
         * @return the physical address; {@link #MISS} if no translation was added
         * @throws IllegalStateException if the caller does not own the CPU
         */
        long walk(long address, int access);

        /**
         * Adds a translation as {@link #walk} does, but only in the common case that the leaf is cached, the entry
         * needs no mark, and no range of the space is watched. The JVM's compiler inlines this call, which it would not
         * do with a complete walk.
         *
         * @param access one bit of {@link dev.samara.core.mman.Protection}
         * @return the physical address; {@link #MISS} if no translation was added, although {@link #walk} may add one
         * @throws IllegalStateException if the caller does not own the CPU
         */
        long refill(long address, int access);

        /**
         * Translates an address for an access through the region of a view. Adds the translation to the TLB if the page
         * table contains it. Does not fault, and does not wait.
         *
         * @param access one bit of {@link dev.samara.core.mman.Protection}
         * @return the index in the region; {@link #MISS} if a view cannot make the access
         * @throws IllegalStateException if the CPU is not in GUEST, or not owned by the caller
         */
        long translate(long address, int access);
    }

    private final @Nullable FrameRegion frames;
    private final int pageShift;
    private final long pageMask;
    private final int shift;
    private final long mask;

    /** The additional bit in the tags of frames outside the region; it is above the bits of all numbers. */
    private final long elsewhere;

    private final long[] loads;
    private final long[] stores;
    private final long[] addends;
    private final long[] fetches;
    private final long[] fetchAddends;

    /** For loads and stores. */
    private final SecondTlb second;

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
        second = new SecondTlb(elsewhere);
        // There is no second level if it would not be larger than the first one.
        filled = SecondTlb.most(entries) > entries ? 0 : entries;
        clear();
    }

    private void clear() {
        Arrays.fill(loads, EMPTY);
        Arrays.fill(stores, EMPTY);
        Arrays.fill(fetches, EMPTY);
        second.clear();
    }

    /** Passes the arrays to a view; if pages are small, passes arrays without translations instead. */
    void view(View view) {
        if (isViewed()) {
            view.arrays(loads, stores, addends, fetches, fetchAddends, frames);
            view.second(second);
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
        view.arrays(NONE, NONE, NONE, NONE, NONE, null);
        view.second(SecondTlb.EMPTY);
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
        int found = second.find(address >>> shift, (address & ~mask) | current, right);
        if (found < 0) {
            return MISS;
        }
        int slot = (int) (address >>> shift) & loads.length - 1;
        return second.promote(found, loads, stores, addends, slot) + address;
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
        int found = second.find(address >>> shift, (address & ~mask) | current, right);
        return found < 0 ? MISS : second.addend(found) + address;
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
            second.fill(address >>> shift, tag, addend, rights);
            loads[at] = (rights & Pte.READ) != 0 ? tag : EMPTY;
            stores[at] = (rights & Pte.WRITE) != 0 ? tag : EMPTY;
            addends[at] = addend;
        }
        return addend + address;
    }

    private void growSecond() {
        try {
            resizeSecond(SecondTlb.most(loads.length));
        } catch (OutOfMemoryError exhausted) {
            // Ignored, because without a second level the TLB is only slower.
            filled = 0;
        }
    }

    /** Sets the number of entries of the second level. */
    void resizeSecond(int entries) {
        second.resize(entries);
    }

    /** Returns the number of the second level's entry for an address. */
    final int secondEntryOf(long address) {
        return second.entryOf(address >>> shift);
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
            second.drop(granule >>> shift, tag);
        }
        return true;
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
}
