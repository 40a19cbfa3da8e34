// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.replay;

import dev.samara.core.AddressSpace;
import dev.samara.core.LayoutSnapshot;
import dev.samara.core.Machine;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.mman.Fault;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import dev.samara.tool.access.CpuPlan;
import dev.samara.tool.access.CpuSet;
import dev.samara.tool.record.FileReport;
import dev.samara.tool.record.Notation;

/**
 * Accesses the mappings of a replay, and checks the result of each access.
 *
 * <p>All pages of a VMA are accessed, or if the VMA is large, some pages at both ends. An access beyond the end of a
 * file must fail with SIGBUS. Pages without rights are skipped, and so are pages that the kernel itself maps, and VMAs
 * that may contain guard pages.
 *
 * <p>Each access is made by a random CPU. So a CPU often reads a value that another CPU wrote. The CPUs also try to
 * write read-only pages, and to read addresses at which nothing is mapped any more. This detects stale translations.
 * Not thread-safe.
 */
final class Touching implements AutoCloseable {
    /** The maximum number of pages of a VMA that are accessed at a time, half of them at each end. */
    static final int MOST = 64;

    /**
     * The maximum memory of a replay's machine in bytes. It need not be enough for all pages of a trace's large
     * mappings.
     */
    private static final long MEMORY = 1L << 30;

    /** The number of bytes that the machine allocates at a time. It is small because most traces need little memory. */
    static final long PIECE = 1L << 18;

    private final AddressSpace space;
    private final FileReport report;
    private final CpuSet cpus;
    private final long pageSize;

    /** The value written last, so that no value is written twice. */
    private long written;

    Touching(AddressSpace space, FileReport report, CpuPlan plan) {
        this.space = space;
        this.report = report;
        pageSize = space.geometry().pageSize();
        cpus = plan.claim(space);
    }

    /** Returns the memory of a replay's machine in bytes. */
    static long memory() {
        return Math.min(MEMORY, Machine.directMemoryLimit());
    }

    /** Accesses all mappings. */
    void everything(int line) {
        LayoutSnapshot layout = space.snapshot();
        for (Vma vma : layout.vmas()) {
            touch(vma, line);
        }
    }

    /** Accesses the pages that an operation may have changed: the mapping at its address and the adjacent mappings. */
    void around(long place, int line) {
        Vma before = space.find(place - 1);
        if (before != null) {
            touch(before, line);
        }
        Vma there = space.find(place);
        if (there == null) {
            untouchable(place, line);
        }
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
        for (long page = from; page < to; page++) {
            if (!touch(vma, page, line)) {
                return;
            }
        }
    }

    /** Accesses a page. Returns false if the result is wrong. */
    private boolean touch(Vma vma, long page, int line) {
        long address = vma.start() + page * pageSize;
        int expected = isThere(vma, page) ? Fault.NONE : Fault.ADRERR;
        if (!vma.has(VmaFlags.WRITE)) {
            return ends(expected, cpus.any().memory().load(address, 1), address, line)
                    && ends(Fault.ACCERR, cpus.any().memory().store(address, 1, 0), address, line);
        }
        written++;
        return ends(expected, cpus.any().memory().store(address, Long.BYTES, written), address, line)
                && (expected != Fault.NONE || readsWhatWasWritten(address, line));
    }

    private boolean readsWhatWasWritten(long address, int line) {
        GuestMemory memory = cpus.any().memory();
        if (!ends(Fault.NONE, memory.load(address, Long.BYTES), address, line)) {
            return false;
        }
        if (memory.value() != written) {
            report.differs(line, subject(address), Long.toString(written), Long.toString(memory.value()));
            return false;
        }
        return true;
    }

    /** Checks that an access to an unmapped address fails, unless it would grow a stack. */
    private void untouchable(long place, int line) {
        for (Vma vma : space.snapshot().vmas()) {
            if (Long.compareUnsigned(vma.start(), place) > 0) {
                if (!vma.has(VmaFlags.GROWSDOWN)) {
                    ends(Fault.MAPERR, cpus.any().memory().load(place, 1), place, line);
                }
                return;
            }
        }
    }

    private boolean ends(int expected, int result, long address, int line) {
        if (expected == Fault.NONE ? result == Fault.NONE : result == expected) {
            return true;
        }
        String must = expected == Fault.NONE ? "a page" : Fault.toString(expected);
        report.differs(line, subject(address), must, Fault.toString(result));
        return false;
    }

    private static String subject(long address) {
        return "touch of " + Notation.ABSOLUTE.address(address);
    }

    private boolean isThere(Vma vma, long page) {
        Backing backing = vma.backing();
        if (backing == null || vma.isAnonymous()) {
            return true;
        }
        PageCache cache = backing.pageCache();
        return cache != null && (vma.pageOffset() + page) * pageSize < cache.size();
    }

    @Override
    public void close() {
        cpus.close();
    }
}
