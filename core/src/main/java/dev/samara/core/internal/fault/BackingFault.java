// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PendingNotices.Notice;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.trace.BegunEvent;
import dev.samara.core.internal.trace.Tracepoints;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.PageRequest;
import dev.samara.core.vma.VmaFlags;
import java.util.Objects;

/**
 * Faults for which a backing must be asked. The request is made under a reference on the VMA and outside of every
 * reader section, so the backing may take as long as it needs, and no operation waits for it.
 */
final class BackingFault {
    /**
     * The weight of vain answers of a backing after which a fault fails. An answer whose page, or right to write, was
     * removed before the fault could use it has the weight 1: other threads may do that any number of times, e.g. by
     * evictions, but a backing that does it within its own answer would be asked forever.
     */
    private static final int PATIENCE = 4096;

    /**
     * The weight of an invalid result, i.e. of a frame that is not in the cache although no page was removed from the
     * cache. A backing that keeps its own index may learn of a truncation late, and return invalid results until then.
     */
    private static final int INVALID = PATIENCE / 16;

    private final FaultState state;
    private final FaultAround faultAround;
    private final CopyOnWrite copyOnWrite;

    /** The weight of the vain answers of the backing during the current fault. */
    private int inVain;

    BackingFault(FaultState state, FaultAround faultAround, CopyOnWrite copyOnWrite) {
        this.state = state;
        this.faultAround = faultAround;
        this.copyOnWrite = copyOnWrite;
    }

    /**
     * Starts a fault, perhaps while a backing handles the request of another fault. Returns the argument for {@link
     * #end}.
     */
    int begin() {
        int outer = inVain;
        inVain = 0;
        return outer;
    }

    void end(int outer) {
        inVain = outer;
    }

    /** A request to a backing. Each request is a separate object, because a backing may itself fault on this thread. */
    private record Request(FaultState state, VmArea vma, long page, long address, int access) implements PageRequest {
        /**
         * Creates a request with the access as a backing sees it. An atomic update is a write ({@code
         * FAULT_FLAG_WRITE}).
         */
        static Request of(FaultState state, VmArea vma, long page, long address, int access) {
            int only = (access & Protection.WRITE) != 0
                    ? Protection.WRITE
                    : (access & Protection.EXEC) != 0 ? Protection.EXEC : Protection.READ;
            return new Request(state, vma, page, address, only);
        }

        @Override
        public String toString() {
            return "request for page " + page + " at address 0x" + Long.toHexString(address);
        }

        @Override
        public void major() {
            state.isMajor = true;
        }
    }

    /**
     * Asks the backing for a page. The caller is in a reader section. This method leaves that section, and enters
     * another one.
     */
    int fetch(VmArea vma, BackingTraits traits, FilePages cache, long address, int access, long page) {
        if (cache.isClosed()) {
            return Fault.ADRERR;
        }
        if (!vma.acquire()) {
            return FaultResult.AGAIN;
        }
        state.leaveSection();
        BegunEvent recorded = Tracepoints.beginFault();
        long removals = cache.removals();
        int frame;
        try {
            frame = ask(traits, cache, Request.of(state, vma, page, address, access));
        } finally {
            vma.release();
        }
        state.record(recorded, "a backing", address, access, frame < 0 ? failure(frame) : Fault.NONE);
        if (frame < 0) {
            return failure(frame);
        }
        state.reader.readLock();
        if (!state.frames.isCached(frame, cache.number(), page)) {
            return outOfDate(traits, frame, page, cache.hasRemovedSince(removals));
        }
        boolean writes = (access & Protection.WRITE) != 0;
        if (writes && !vma.has(VmaFlags.SHARED)) {
            // Copied here, not by a retry on the fast path, because the backing may never offer the page to that path.
            return copyOnWrite.copyFromCache(vma, address, access, cache, page, frame);
        }
        if (writes && traits.noticesWrites()) {
            return mapNoticed(traits, cache, frame, Request.of(state, vma, page, address, access));
        }
        return faultAround.mapOne(vma, cache, address, page, frame, writes);
    }

    /** Restarts the fault after a frame that is not in the cache, or lets the fault fail if that happens too often. */
    private int outOfDate(BackingTraits traits, int frame, long page, boolean isRemoved) {
        inVain += isRemoved ? 1 : INVALID;
        String reason = isRemoved ? " again and again, but its page is removed" : ", which is not the frame";
        return inVain < PATIENCE
                ? FaultResult.AGAIN
                : blamed(
                        "fault",
                        traits,
                        "returned frame " + frame + reason + " of page " + page + " in its page cache");
    }

    /** Restarts the fault after a notice that no longer covers the write, or lets the fault fail as above. */
    private int outOfDate(BackingTraits traits, Request request) {
        return ++inVain < PATIENCE
                ? FaultResult.AGAIN
                : blamed("pageMkwrite", traits, "permitted the " + request + " again and again, and it was revoked");
    }

    private int blamed(String call, BackingTraits traits, String message) {
        state.reports.backing(call, traits, new IllegalStateException(message));
        return Fault.ADRERR;
    }

    private int ask(BackingTraits traits, FilePages cache, Request request) {
        try {
            return traits.backing().fault(request);
        } catch (Throwable thrown) {
            if (!(thrown instanceof IllegalStateException && cache.isClosed())) {
                state.reports.backing("fault", traits, thrown);
            }
            return -Fault.ADRERR;
        }
    }

    private static int failure(int answer) {
        return answer == -Fault.OUT_OF_MEMORY
                ? Fault.OUT_OF_MEMORY
                : answer == -Fault.RETRY ? Fault.RETRY : Fault.ADRERR;
    }

    private int notice(BackingTraits traits, Request request) {
        try {
            return traits.backing().pageMkwrite(request);
        } catch (Throwable thrown) {
            state.reports.backing("pageMkwrite", traits, thrown);
            return -Fault.ADRERR;
        }
    }

    /**
     * Leaves the reader section, notifies the backing of a first write, and enters another section if the backing
     * permits the write.
     */
    private int tell(BackingTraits traits, Request request) {
        state.leaveSection();
        if (!request.vma().acquire()) {
            return FaultResult.AGAIN;
        }
        BegunEvent recorded = Tracepoints.beginFault();
        int noticed;
        try {
            noticed = notice(traits, request);
        } finally {
            request.vma().release();
        }
        state.record(
                recorded,
                "the notice of a first write",
                request.address(),
                request.access(),
                noticed == 0 ? Fault.NONE : failure(noticed));
        if (noticed != 0) {
            return failure(noticed);
        }
        state.reader.readLock();
        return Fault.NONE;
    }

    /**
     * Returns whether a notice still covers the write, i.e. neither the right nor the page was removed since the notice
     * began. Another VMA of the mapping does not suffice, because the mapping may have been narrowed and widened again
     * in the meantime. The caller holds the lock of the leaf.
     */
    private static boolean serves(Notice notice, VmArea vma) {
        return !vma.isDetached() && !notice.isStale();
    }

    /** Maps a page that was fetched for a write, after notifying the backing. The caller is in a reader section. */
    private int mapNoticed(BackingTraits traits, FilePages cache, int frame, Request request) {
        PageTable table = state.table();
        Notice notice = table.notices().begin(request.address());
        try {
            int told = tell(traits, request);
            if (told != Fault.NONE) {
                return told;
            }
            long[] leaf = table.leafForInstall(request.address());
            if (leaf == null) {
                return FaultResult.NO_TABLE;
            }
            boolean mapped;
            boolean may;
            Leaf.lock(leaf);
            try {
                may = state.mayChange(leaf);
                boolean stands = may
                        && serves(notice, request.vma())
                        && state.frames.isCached(frame, cache.number(), request.page());
                long bits = faultAround.bitsOf(request.vma(), true) | cache.pteBits() | Pte.ACCESSED | Pte.DIRTY;
                long pte = Pte.present(frame, bits);
                mapped = stands && Leaf.fill(leaf, table.indexOf(request.address()), pte);
                if (mapped) {
                    state.noteDirtied(Pte.NONE, pte);
                }
            } finally {
                Leaf.unlock(leaf);
            }
            return mapped ? Fault.NONE : may ? outOfDate(traits, request) : FaultResult.AGAIN;
        } finally {
            table.notices().end(notice);
        }
    }

    /** Handles the first write to a page of a shared mapping that is already mapped. */
    int pageMkwrite(VmArea vma, long address, int access, long pte) {
        PageTable table = state.table();
        Request request = Request.of(state, vma, state.pageOf(vma, address), address, access);
        Notice notice = table.notices().begin(address);
        try {
            BackingTraits traits = Objects.requireNonNull(vma.traits());
            int told = tell(traits, request);
            if (told != Fault.NONE) {
                return told;
            }
            long[] leaf = table.leaf(address);
            if (leaf == null) {
                return FaultResult.AGAIN;
            }
            boolean widened;
            boolean may;
            Leaf.lock(leaf);
            try {
                // If the notice is still valid, the entry has not been emptied and refilled since the backing was
                // notified, so it is still the entry for which the backing permitted the write. Adds all rights of the
                // VMA, because an atomic update needs more than the right to write.
                long wider = pte | faultAround.bitsOf(vma, true) | Pte.DIRTY | Pte.ACCESSED;
                may = state.mayChange(leaf);
                widened = may && serves(notice, vma) && Leaf.compareAndSet(leaf, table.indexOf(address), pte, wider);
                if (widened) {
                    state.noteDirtied(pte, wider);
                }
            } finally {
                Leaf.unlock(leaf);
            }
            return widened ? Fault.NONE : may ? outOfDate(traits, request) : FaultResult.AGAIN;
        } finally {
            table.notices().end(notice);
        }
    }
}
