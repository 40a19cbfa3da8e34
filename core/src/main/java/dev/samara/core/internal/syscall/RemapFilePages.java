// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static dev.samara.core.internal.op.Edit.DONE;

import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.op.Call;
import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.op.Operation;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.VmaFlags;
import java.util.Objects;

/**
 * {@code remap_file_pages} ({@code mm/mmap.c}): maps another part of the file that is mapped at an address, with the
 * same rights. The check of the old mapping and the new mapping are one edit, so no operation can intervene.
 */
public record RemapFilePages(long address, long length, int protection, long pageOffset, int flags) implements Call {
    public static long remapFilePages(
            Layout layout, long address, long length, int protection, long pageOffset, int flags) {
        return Syscall.run(layout, new RemapFilePages(address, length, protection, pageOffset, flags));
    }

    @Override
    public long from(Layout layout) {
        return layout.geometry().roundDown(address);
    }

    @Override
    public long to(Layout layout) {
        return Addresses.endOf(address, length);
    }

    @Override
    public long decide(Edit edit) {
        Geometry geometry = edit.geometry;
        long start = geometry.roundDown(address);
        long size = geometry.roundDown(length);
        long end = start + size;
        if (protection != 0
                || !Addresses.isBelow(start, end)
                || Addresses.isBelow(pageOffset + geometry.pages(size), pageOffset)) {
            return Errno.EINVAL.result();
        }
        edit.claim(start, end);
        VmArea vma = edit.at(start);
        BackingTraits file = vma == null ? null : vma.traits();
        if (vma == null || file == null || !vma.has(VmaFlags.SHARED) || !isOfOneFile(edit, vma, end)) {
            return Errno.EINVAL.result();
        }
        // The old mapping ends first, and the segment ends with it, so the new mapping fails (do_mmap, shm_mmap).
        long refusal = isRemovedWithRange(edit, vma, file, start, end) ? Errno.EINVAL.result() : DONE;
        int rights = (int) (vma.flags() & VmaFlags.ACCESS);
        int mapFlags = MapFlags.SHARED
                | MapFlags.FIXED
                | MapFlags.POPULATE
                | (flags & MapFlags.NONBLOCK)
                | (vma.has(VmaFlags.LOCKED) ? MapFlags.LOCKED : 0);
        long mapped = new Mmap(start, size, rights, mapFlags, file, offset(geometry)).map(edit, refusal);
        return Errno.isError(mapped) ? mapped : DONE;
    }

    /** Returns whether the range, from a VMA on, contains no hole, and its VMAs have the same file and equal flags. */
    private static boolean isOfOneFile(Edit edit, VmArea first, long end) {
        VmArea vma = first;
        while (Addresses.isBelow(vma.end(), end)) {
            VmArea next = edit.at(vma.end());
            if (next == null || next.backing() != first.backing() || next.flags() != first.flags()) {
                return false;
            }
            vma = next;
        }
        return true;
    }

    /**
     * Returns whether the file is a System V segment that is marked for removal and mapped only by VMAs that are
     * completely in the range.
     */
    private static boolean isRemovedWithRange(Edit edit, VmArea first, BackingTraits file, long start, long end) {
        if (!(file.pageCache() instanceof FilePages pages) || first.start() != start) {
            return false;
        }
        int vmas = 1;
        VmArea vma = first;
        while (Addresses.isBelow(vma.end(), end)) {
            vma = Objects.requireNonNull(edit.at(vma.end()));
            vmas++;
        }
        return vma.end() == end && pages.isRemovedWith(vmas);
    }

    /**
     * Returns the offset in bytes. If it cannot be represented, returns the last page-aligned offset, which is beyond
     * the size of any file.
     */
    private long offset(Geometry geometry) {
        long last = geometry.roundDown(-1L);
        return Addresses.isAbove(pageOffset, geometry.pages(last)) ? last : pageOffset << geometry.pageShift();
    }

    @Override
    public void revoke(Operation operation) {
        operation.revoke(address, length);
    }

    @Override
    public String toString() {
        return Call.text("remap_file_pages", address, length, protection, pageOffset, flags);
    }
}
