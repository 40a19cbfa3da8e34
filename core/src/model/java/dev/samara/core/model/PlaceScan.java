// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.model;

import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.VmaFlags;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** Finds the place for a mapping by trying every page in turn. */
final class PlaceScan {
    private static final long GIB = 1L << 30;

    private final Pages pages;
    private final Geometry geometry;
    private final boolean topDown;
    private final long mmapBase;
    private final long lowest;
    private final long guardGap;
    private final BooleanSupplier mayMapLow;

    PlaceScan(
            Pages pages, Geometry geometry, boolean topDown, long mmapBase, long guardGap, BooleanSupplier mayMapLow) {
        this.pages = pages;
        this.geometry = geometry;
        this.topDown = topDown;
        this.mmapBase = mmapBase;
        this.guardGap = guardGap;
        this.mayMapLow = mayMapLow;
        lowest = Math.max(geometry.minimum(), geometry.pageSize());
    }

    /**
     * Returns the address for a mapping, or an error.
     *
     * @param file the mapped file, or null for memory without a file
     * @param length the length in bytes, a multiple of the page size
     * @param offset the offset in bytes
     */
    long choose(@Nullable Backing file, long address, long length, long offset, int flags, boolean shared) {
        long limit = geometry.limit();
        if (Long.compareUnsigned(length, limit) > 0) {
            return Errno.ENOMEM.result();
        }
        long found = address;
        if ((flags & Mman.FIXED) == 0) {
            boolean plainMemory = file == null && !shared;
            boolean hugeMemory = plainMemory && address == 0 && length % geometry.hugeSize() == 0;
            boolean hugeFile = file != null && (file.isZeroDevice() ? !shared : file.wantsHugeAlignment());
            found = hugeMemory || hugeFile
                    ? aligned(address, length, file == null ? 0 : offset, flags)
                    : plain(address, length, flags);
        }
        if (Long.compareUnsigned(found, limit - length) > 0) {
            return Errno.ENOMEM.result();
        }
        if (!geometry.isAligned(found)) {
            return Errno.EINVAL.result();
        }
        return Long.compareUnsigned(found, geometry.minimum()) < 0 && !mayMapLow.getAsBoolean()
                ? Errno.EPERM.result()
                : found;
    }

    /**
     * Returns an address that agrees with the offset modulo the huge page size, if a huge page fits into the mapping.
     */
    private long aligned(long address, long length, long offset, int flags) {
        long huge = geometry.hugeSize();
        long end = offset + length;
        long firstHuge = (offset + huge - 1) & -huge;
        long padded = length + huge;
        if (end <= firstHuge || end - firstHuge < huge || Long.compareUnsigned(offset + padded, offset) < 0) {
            return plain(address, length, flags);
        }
        long found = Long.compareUnsigned(padded, geometry.limit()) > 0
                ? Errno.ENOMEM.result()
                : plain(address, padded, flags);
        if (Errno.isError(found)) {
            return plain(address, length, flags);
        }
        if (found == address) {
            return found;
        }
        long shift = (offset - found) & (huge - 1);
        return shift == 0 && topDown ? found + huge : found + shift;
    }

    private long plain(long address, long length, int flags) {
        if (topDown && (flags & Mman.BELOW_2G) == 0) {
            long hint = geometry.roundDown(address);
            if (hint != 0 && isHintInOneWindow(hint, length) && isFreeForHint(hint, length)) {
                return hint;
            }
            long low = (flags & Mman.ABOVE_4G) != 0 ? 4 * GIB : 0;
            long beyond = Long.compareUnsigned(hint, geometry.window()) > 0 ? geometry.limit() - geometry.window() : 0;
            long found = highest(length, Math.max(low, lowest), mmapBase + beyond);
            if (!Errno.isError(found)) {
                return found;
            }
        }
        boolean low = (flags & Mman.BELOW_2G) != 0;
        long begin = low ? GIB : geometry.bottomUpBase();
        boolean far = Long.compareUnsigned(address, geometry.window()) > 0;
        long end = low ? 2 * GIB : far ? geometry.limit() : geometry.window();
        if (Long.compareUnsigned(length, end) > 0) {
            return Errno.ENOMEM.result();
        }
        long hint = geometry.roundUp(address);
        if (hint != 0 && Long.compareUnsigned(end - length, hint) >= 0 && isFreeForHint(hint, length)) {
            return hint;
        }
        return lowest(length, Math.max(begin, lowest), end);
    }

    private boolean isHintInOneWindow(long hint, long length) {
        if (Long.compareUnsigned(geometry.limit() - length, hint) < 0) {
            return false;
        }
        return (hint > geometry.window()) == (hint + length > geometry.window());
    }

    private boolean isFreeForHint(long hint, long length) {
        return fits(hint >>> geometry.pageShift(), geometry.pages(length));
    }

    /** Returns the highest free place. A stack above a free range moves the end of the search below the stack's gap. */
    private long highest(long length, long low, long high) {
        long count = geometry.pages(length);
        for (long at = geometry.pages(high) - count; at >= geometry.pages(low); ) {
            long end = at + count;
            if (!pages.isFree(at, end)) {
                at--;
            } else if (guardedStart(end) < end) {
                at = guardedStart(end) - count;
            } else {
                return at << geometry.pageShift();
            }
        }
        return Errno.ENOMEM.result();
    }

    private long lowest(long length, long low, long high) {
        long count = geometry.pages(length);
        for (long at = geometry.pages(low); at <= geometry.pages(high) - count; at++) {
            if (fits(at, count)) {
                return at << geometry.pageShift();
            }
        }
        return Errno.ENOMEM.result();
    }

    private boolean fits(long at, long count) {
        return pages.isFree(at, at + count) && at + count <= guardedStart(at + count);
    }

    /**
     * Returns the start of the next VMA at or after a place, including its gap; {@code Long.MAX_VALUE} if there is
     * none.
     */
    private long guardedStart(long from) {
        if (from >= pages.size()) {
            return Long.MAX_VALUE;
        }
        int next = pages.nextMapped((int) from);
        return next == pages.size() ? Long.MAX_VALUE : guardedStartOf(next);
    }

    /** Returns the start of the VMA at a place, including its gap. */
    long guardedStartOf(int start) {
        return pages.at(start).has(VmaFlags.GROWSDOWN) ? Math.max(0, start - guardGap) : start;
    }
}
