// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.replay;

import dev.samara.core.LayoutSnapshot;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import dev.samara.examples.record.MemoryCall.Mprotect;
import dev.samara.examples.record.MemoryCall.Mremap;

/**
 * The private anonymous pages that were at some time made non-writable.
 *
 * <p>The kernel then takes back the account of memory that was never touched, and a trace does not tell what was
 * touched: so {@code ac} of these pages is open, for as long as they are mapped. They keep that when they are moved,
 * and a child's copies have it too.
 */
final class Unsettled {
    private static final Geometry GEOMETRY = Geometry.LINUX_X86_64;

    private final PageSet pages;
    private long brk;

    Unsettled(long brk) {
        this(new PageSet(), brk);
    }

    private Unsettled(PageSet pages, long brk) {
        this.pages = pages;
        this.brk = brk;
    }

    Unsettled copy() {
        return new Unsettled(pages.copy(), brk);
    }

    boolean contains(long start, long end) {
        return pages.contains(start, end);
    }

    /** New pages were mapped. */
    void mapped(long start, long length) {
        pages.remove(start, start + GEOMETRY.roundUp(length));
    }

    /** {@code brk} returned; what it added are new pages. */
    void brkIs(long newBrk) {
        pages.remove(GEOMETRY.roundUp(brk), GEOMETRY.roundUp(newBrk));
        brk = newBrk;
    }

    /** {@code mprotect} returned, perhaps half-way: what it did reach follows from the layouts around it. */
    void protectedPages(Mprotect call, LayoutSnapshot before, LayoutSnapshot after) {
        if ((call.protection() & Protection.WRITE) != 0) {
            return;
        }
        long end = call.address() + GEOMETRY.roundUp(call.length());
        Vma vma = before.find(call.address());
        if (vma != null && (call.protection() & Protection.GROWSDOWN) != 0) {
            vma = before.find(vma.start());
        }
        long at = vma != null && (call.protection() & Protection.GROWSDOWN) != 0 ? vma.start() : call.address();
        while (vma != null && at < end) {
            long stop = Math.min(vma.end(), end);
            if (isPrivateAnonymous(vma)) {
                addNonWritable(after, at, stop);
            }
            at = stop;
            vma = before.find(at);
        }
    }

    private void addNonWritable(LayoutSnapshot after, long start, long end) {
        Vma vma = after.find(start);
        for (long at = start; vma != null && at < end; vma = after.find(at)) {
            long stop = Math.min(vma.end(), end);
            if (!vma.has(VmaFlags.WRITE)) {
                pages.add(at, stop);
            }
            at = stop;
        }
    }

    /** {@code mremap} returned. */
    void remapped(Mremap call, LayoutSnapshot before, long result) {
        if (Errno.isError(result)) {
            return;
        }
        long oldLength = GEOMETRY.roundUp(call.oldLength());
        long newLength = GEOMETRY.roundUp(call.newLength());
        if (result != call.address()) {
            move(before, call.address(), Math.min(oldLength, newLength), result);
        }
        pages.remove(result + oldLength, result + newLength);
    }

    /** Where the source has a hole, the target keeps what it had. */
    private void move(LayoutSnapshot before, long source, long length, long target) {
        if (pages.isEmpty()) {
            return;
        }
        for (Vma vma : before.vmas()) {
            long start = Math.max(vma.start(), source);
            long end = Math.min(vma.end(), source + length);
            // What lies above the user's part has negative bounds here and is skipped by the same test.
            if (start < end) {
                pages.copyRange(start, end - start, start - source + target);
            }
        }
    }

    static boolean isPrivateAnonymous(Vma vma) {
        return vma.isAnonymous() && !vma.has(VmaFlags.MAYSHARE);
    }
}
