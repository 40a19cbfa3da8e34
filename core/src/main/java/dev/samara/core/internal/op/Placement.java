// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static dev.samara.core.mman.Mman.ABOVE_4G;
import static dev.samara.core.mman.Mman.BELOW_2G;
import static dev.samara.core.mman.Mman.FIXED;
import static dev.samara.core.mman.Mman.HUGETLB;
import static dev.samara.core.mman.Mman.SHARED;

import dev.samara.core.internal.op.Operation.AttemptOutcome;
import dev.samara.core.internal.op.Operation.Restart;
import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.Ranges;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.VmaFlags;
import dev.samara.maple.GapSearch;
import org.jspecify.annotations.Nullable;

/**
 * The choice of an address for a mapping ({@code get_unmapped_area} in {@code mm/mmap.c}, {@code
 * arch/x86/kernel/sys_x86_64.c} and {@code mm/huge_memory.c}).
 *
 * <p>A fixed address is used as it is; a hint is used if the range there is free. Otherwise the search for a gap runs
 * downwards from the mmap base, then upwards. A space may be configured to search only upwards. A mapping that may
 * profit from huge pages is first tried at a huge page boundary. The guard gap below a stack stays free.
 */
public final class Placement {
    private static final long LOW_START = 0x40000000L;
    private static final long LOW_END = 0x80000000L;
    private static final long FOUR_GIB = 1L << 32;

    private final Edit edit;
    private final Geometry geometry;
    private final GapSearch search = new GapSearch();

    /** The traits of the mapping to be placed; null for anonymous memory. */
    private final @Nullable BackingTraits backing;

    private final int mapFlags;

    /** An operation that publishes in batches and keeps an otherwise suitable range; null if there is none. */
    private @Nullable InFlightOperation avoided;

    private Placement(Edit edit, @Nullable BackingTraits backing, int mapFlags) {
        this.edit = edit;
        geometry = edit.geometry;
        this.backing = backing;
        this.mapFlags = mapFlags;
    }

    /**
     * Finds the address for a mapping.
     *
     * @param hint the wanted address, or 0; with FIXED among the flags, the address itself
     * @param length bytes, a multiple of the page size, not 0, unsigned
     * @param offset the byte offset in the backing; ignored for anonymous memory
     * @param mapFlags {@code MAP_*} bits of {@code Mman}
     * @return the address, or a negated errno
     * @throws Restart if operations that publish in batches keep every otherwise suitable range
     */
    public static long find(
            Edit edit, @Nullable BackingTraits backing, long hint, long length, long offset, int mapFlags) {
        long limit = edit.geometry.limit();
        if (Addresses.isAbove(length, limit)) {
            return Errno.ENOMEM.result();
        }
        if ((mapFlags & (FIXED | HUGETLB)) == (FIXED | HUGETLB) && hint % edit.geometry.hugeSize() != 0) {
            // As in hugetlb_get_unmapped_area, which checks the alignment before the limit.
            return Errno.EINVAL.result();
        }
        // A fixed address is checked first, so that an address near 2^64 is not mistaken for an errno.
        boolean fixed = (mapFlags & FIXED) != 0;
        if (fixed && (Addresses.isAbove(hint, limit - length) || edit.layout.origin.isGuarded(hint, hint + length))) {
            return Errno.ENOMEM.result();
        }
        Placement placement = new Placement(edit, backing, mapFlags);
        long address = placement.choose(hint, length, backing == null ? 0 : offset);
        if (Errno.isError(address)) {
            if (placement.avoided != null) {
                throw new Restart(AttemptOutcome.MUST_WAIT, placement.avoided.gate());
            }
            return address;
        }
        if (Addresses.isAbove(address, limit - length)) {
            return Errno.ENOMEM.result();
        }
        if (!edit.geometry.isAligned(address)) {
            return Errno.EINVAL.result();
        }
        return edit.district.limits.mayMapAt(edit.privileges(), address) ? address : Errno.EPERM.result();
    }

    /**
     * Finds an address for a mapping in a range that includes reservations of {@code munmap}s in flight, because no
     * other range is free. The address is the one that {@link #find} would return for a mapping without a hint if the
     * {@code munmap}s in flight were complete, and all other operations were still in flight.
     */
    public static long findReserved(Edit edit, long length, int mapFlags) {
        edit.requireWhole();
        Layout layout = edit.layout;
        Geometry geometry = edit.geometry;
        boolean below = (mapFlags & BELOW_2G) != 0;
        if (layout.origin.topDown() && !below) {
            long low = (mapFlags & ABOVE_4G) != 0 ? FOUR_GIB : geometry.pageSize();
            long found = inHoles(edit, low, layout.mmapBase, length, true);
            if (!Errno.isError(found)) {
                return found;
            }
        }
        return below
                ? inHoles(edit, LOW_START, LOW_END, length, false)
                : inHoles(edit, geometry.bottomUpBase(), geometry.window(), length, false);
    }

    /**
     * Returns the highest or lowest address, within bounds, that is suitable in the holes which a {@code munmap}
     * reserves in part. A hole is a range in which lookups find no VMA.
     */
    private static long inHoles(Edit edit, long low, long high, long length, boolean topDown) {
        long floor = Addresses.higher(low, edit.layout.origin.lowest());
        long ceiling = Addresses.lower(high, edit.layout.origin.highGuard());
        long best = Errno.ENOMEM.result();
        for (InFlightOperation range : edit.district.inFlight.operations) {
            if (!range.givesUpItsRange()) {
                continue;
            }
            Ranges reserved = range.reserved();
            for (int i = 0; i < reserved.size(); i++) {
                long end = reserved.end(i);
                long hole = nextHole(edit, reserved.start(i), end);
                while (Addresses.isBelow(hole, end)) {
                    VmArea below = edit.before(hole);
                    long from = below == null ? floor : Addresses.higher(below.end(), floor);
                    from = edit.district.inFlight.keptBelow(hole, from);
                    VmArea above = edit.atOrAfter(hole);
                    long to = above == null ? ceiling : Addresses.lower(guardedStart(edit, above), ceiling);
                    to = edit.district.inFlight.keptAbove(hole, to);
                    if (Addresses.isBelow(from, to) && Addresses.isAtMost(length, to - from)) {
                        long found = topDown ? to - length : from;
                        best = Errno.isError(best) || Addresses.isAbove(found, best) == topDown ? found : best;
                    }
                    hole = above == null ? end : nextHole(edit, above.end(), end);
                }
            }
        }
        return best;
    }

    /**
     * Returns the first address, at {@code address} or above it, that no VMA contains; or an address at or above {@code
     * end} if there is none. Reservations may be reused early.
     */
    private static long nextHole(Edit edit, long address, long end) {
        long free = address;
        while (Addresses.isBelow(free, end)) {
            VmArea vma = edit.atOrAfter(free);
            if (vma == null || Addresses.isAbove(vma.start(), free)) {
                break;
            }
            free = vma.end();
        }
        return free;
    }

    /** Rounds a hint as {@code mmap} does: down to a page boundary, and up to the lowest address that may be mapped. */
    public static long roundHint(Geometry geometry, long hint) {
        long rounded = geometry.roundDown(hint);
        return rounded != 0 && Addresses.isBelow(rounded, geometry.minimum()) ? geometry.minimum() : rounded;
    }

    private long choose(long hint, long length, long offset) {
        if ((mapFlags & HUGETLB) != 0) {
            long size = geometry.hugeSize();
            return anywhere(hint + size - 1 & -size, length, size);
        }
        if (mayProfitFromHugePages(hint, length)) {
            long address = onHugeBoundary(hint, length, offset);
            if (address != 0) {
                return address;
            }
        }
        return anywhere(hint, length, 1);
    }

    private boolean mayProfitFromHugePages(long hint, long length) {
        boolean shared = (mapFlags & SHARED) != 0;
        if (backing == null) {
            return !shared && hint == 0 && length % geometry.hugeSize() == 0;
        }
        return backing.isZeroDevice() ? !shared : backing.wantsHugeAlignment();
    }

    /**
     * Tries to place a mapping that contains a whole huge page at an address that equals the offset modulo the huge
     * page size.
     *
     * @return the address, or 0 if the mapping contains no huge page or there is no gap
     */
    private long onHugeBoundary(long hint, long length, long offset) {
        long size = geometry.hugeSize();
        long firstBoundary = offset + size - 1 & -size;
        long holds = offset + length - firstBoundary;
        long padded = length + size;
        boolean wraps = Addresses.isBelow(padded, length) || Addresses.isBelow(offset + padded, offset);
        if (Addresses.isAtMost(offset + length, firstBoundary)
                || Addresses.isBelow(holds, size)
                || wraps
                || Addresses.isAbove(padded, geometry.limit())) {
            return 0;
        }
        long found = anywhere(hint, padded, 1);
        if (Errno.isError(found)) {
            return 0;
        }
        if (found == hint) {
            return hint;
        }
        long ahead = offset - found & size - 1;
        return edit.layout.origin.topDown() && ahead == 0 ? found + size : found + ahead;
    }

    private long anywhere(long hint, long length, long alignment) {
        if ((mapFlags & FIXED) != 0) {
            return hint;
        }
        if (!edit.layout.origin.topDown() || (mapFlags & BELOW_2G) != 0) {
            return upwards(hint, length, alignment);
        }
        long wanted = geometry.roundDown(hint);
        if (wanted != 0 && staysOnItsSide(wanted, length) && isFree(wanted, length)) {
            return wanted;
        }
        long low = (mapFlags & ABOVE_4G) != 0 ? FOUR_GIB : geometry.pageSize();
        long high = edit.layout.mmapBase;
        if (Addresses.isAbove(wanted, geometry.window())) {
            high += geometry.limit() - geometry.window();
        }
        long found = gap(low, high, length, alignment, true);
        return Errno.isError(found) ? upwards(hint, length, alignment) : found;
    }

    private long upwards(long hint, long length, long alignment) {
        boolean below = (mapFlags & BELOW_2G) != 0;
        long low = below ? LOW_START : geometry.bottomUpBase();
        // Addresses above the window are used only for a hint above the window.
        long end = Addresses.isAbove(hint, geometry.window()) ? geometry.limit() : geometry.window();
        long high = below ? LOW_END : end;
        if (Addresses.isAbove(length, high)) {
            return Errno.ENOMEM.result();
        }
        if (hint != 0) {
            long wanted = geometry.roundUp(hint);
            if (Addresses.isAtMost(wanted, high - length) && isFree(wanted, length)) {
                return wanted;
            }
        }
        return gap(low, high, length, alignment, false);
    }

    /** Returns whether a hinted range does not cross the end of the window or of the space. */
    private boolean staysOnItsSide(long address, long length) {
        if (Addresses.isAbove(address, geometry.limit() - length)) {
            return false;
        }
        long window = geometry.window();
        return Addresses.isAbove(address, window) == Addresses.isAbove(address + length, window);
    }

    private boolean isFree(long address, long length) {
        VmArea next = edit.atOrAfter(address);
        return (next == null || Addresses.isAtMost(address + length, guardedStart(edit, next)))
                && edit.isFree(address, address + length);
    }

    /** Returns the start of a VMA, including the gap below a stack ({@code vm_start_gap}). */
    public static long guardedStart(Edit edit, VmArea vma) {
        if (!vma.has(VmaFlags.GROWSDOWN)) {
            return vma.start();
        }
        long gap = edit.layout.stackGuardGap();
        return Addresses.isBelow(vma.start(), gap) ? 0 : vma.start() - gap;
    }

    /** Returns the highest or lowest free range within bounds, or a negated errno. */
    private long gap(long low, long high, long length, long alignment, boolean topDown) {
        edit.requireWhole();
        long floor = Addresses.higher(low, geometry.minimum());
        long ceiling = high;
        // Compares unsigned, because a range that a call in batches keeps may end above the bounds of the search.
        while (Addresses.isBelow(floor, ceiling) && Addresses.isAtMost(length, ceiling - floor)) {
            search.size(length).within(floor, ceiling - 1).aligned(alignment, 0);
            if (!(topDown ? edit.tree.findHighest(search) : edit.tree.findLowest(search))) {
                break;
            }
            long found = search.first();
            VmArea above = edit.atOrAfter(found);
            InFlightOperation batch = edit.district.inFlight.batchOver(found, found + length);
            if (batch != null) {
                avoided = batch;
                Ranges batched = batch.batched();
                int kept = batched.firstOver(found, found + length);
                floor = topDown ? floor : batched.end(kept);
                ceiling = topDown ? batched.start(kept) : ceiling;
            } else if (above == null || Addresses.isAtMost(found + length, guardedStart(edit, above))) {
                return found;
            } else {
                floor = topDown ? floor : above.end();
                ceiling = topDown ? guardedStart(edit, above) : ceiling;
            }
        }
        return Errno.ENOMEM.result();
    }
}
