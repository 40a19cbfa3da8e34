// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.replay;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.LayoutSnapshot;
import dev.samara.core.vma.BackingTraits;
import dev.samara.core.vma.Fault;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.Protection;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import dev.samara.examples.record.FileReport;
import dev.samara.examples.record.Notation;

/**
 * Faults in what a replay maps, and judges how each fault ends.
 *
 * <p>All pages of a VMA, or of a large one so many at either end. What lies beyond the end of its file must be a SIGBUS; what
 * allows no access is passed over, and so are the pages that the kernel itself maps. For one thread.
 */
final class Touching implements AutoCloseable {
    /** So many pages of a VMA at most are touched at a time, half of them at either end. */
    static final int MOST = 64;

    /** What a replay's machine has, so that what is large in a trace need not be. */
    static final long MEMORY = 1L << 30;

    private final AddressSpace space;
    private final FileReport report;
    private final Cpu cpu;
    private final long pageSize;

    Touching(AddressSpace space, FileReport report) {
        this.space = space;
        this.report = report;
        pageSize = space.geometry().pageSize();
        cpu = space.machine().claimCpu();
        cpu.load(space);
    }

    /** Touches everything that is mapped. */
    void everything(int line) {
        LayoutSnapshot layout = space.snapshot();
        for (Vma vma : layout.vmas()) {
            touch(vma, line);
        }
    }

    /** Touches what an operation has changed: what lies at a place, and on either side of that. */
    void around(long place, int line) {
        Vma before = space.find(place - 1);
        if (before != null) {
            touch(before, line);
        }
        Vma there = space.find(place);
        if (there != null && there != before) {
            touch(there, line);
        }
        Vma after = there == null ? null : space.find(there.end());
        if (after != null) {
            touch(after, line);
        }
    }

    private void touch(Vma vma, int line) {
        boolean isKernels = vma.isSpecial()
                || Long.compareUnsigned(vma.start(), space.geometry().limit()) >= 0;
        if (isKernels || !vma.hasAny(VmaFlags.ACCESS) || vma.has(VmaFlags.MAYBE_GUARD)) {
            return;
        }
        long pages = Geometry.LINUX_X86_64.pages(vma.length());
        long low = Math.min(pages, MOST / 2);
        touch(vma, 0, low, line);
        touch(vma, Math.max(low, pages - MOST / 2), pages, line);
    }

    private void touch(Vma vma, long from, long to, int line) {
        int access = vma.has(VmaFlags.WRITE) ? Protection.WRITE : Protection.READ;
        for (long page = from; page < to; page++) {
            long address = vma.start() + page * pageSize;
            boolean isThere = isThere(vma, page);
            int result = cpu.handleFault(address, access);
            if (isThere ? !Fault.isDone(result) : result != Fault.ADRERR) {
                String subject = "touch of " + Notation.ABSOLUTE.address(address);
                report.differs(line, subject, isThere ? "a page" : "SIGBUS", Fault.toString(result));
                return;
            }
        }
    }

    private boolean isThere(Vma vma, long page) {
        BackingTraits traits = vma.traits();
        if (traits == null || vma.isAnonymous()) {
            return true;
        }
        PageCache cache = traits.pageCache();
        return cache != null && (vma.pageOffset() + page) * pageSize < cache.size();
    }

    @Override
    public void close() {
        cpu.close();
    }
}
