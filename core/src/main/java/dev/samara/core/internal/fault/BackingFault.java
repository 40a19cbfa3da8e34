// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.hostfile.OpenHostFile;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.op.VmaMerge;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTable.Notice;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.LeafWalks;
import dev.samara.core.internal.sync.Rcu.NoWaiting;
import dev.samara.core.internal.trace.Tracepoints;
import dev.samara.core.internal.trace.Tracepoints.BegunEvent;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.VmaFlags;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Faults at empty entries of files, and first writes to pages of files whose backing is notified of them.
 *
 * <ol>
 *   <li><em>Map around.</em> Within the reader section, the backing offers a window of pages that are in memory ({@code
 *       rcuMapPages}, which must not wait). A page counts only if its frame is still that of the page in the cache; the
 *       frame is not freed before the section ends. The pages are mapped under one hold of the leaf's lock.
 *   <li><em>Ask.</em> If the page itself is not offered, the backing is asked for it under a reference on the VMA and
 *       outside of every reader section. So the backing may take as long as it needs, and no operation waits for it.
 *       The answer is checked as an offered page is, in a new section.
 *   <li><em>Notify.</em> A write to a shared page whose backing wants to know about first writes is announced in the
 *       same way. A {@link Notice}, which begins before the backing is called, and which everything that empties or
 *       narrows the entry makes stale, shows whether the entry is still the one that the backing decided about.
 *   <li><em>Copy.</em> A page for a write to a private mapping is copied by the {@link Faulter}.
 * </ol>
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

    private final Faulter faulter;
    private final Window window;
    private final Uncached uncached;

    /** The weight of the vain answers of the backing during the current fault. */
    private int inVain;

    BackingFault(Faulter faulter) {
        this.faulter = faulter;
        // A window lies within one leaf, so it has at most as many pages as a leaf has entries.
        window = new Window(
                Math.min(faulter.memory.faultAround(), faulter.table().entries()));
        uncached = new Uncached();
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

    /** Drops the references to the last window's cache and leaf. */
    void forget() {
        window.forget();
    }

    /**
     * Copies bytes that are not in memory to the remaining bytes of a buffer, and advances its position by their
     * number. The contents of the buffer after these bytes may have changed. Waits for the host. The caller is not in a
     * reader section.
     *
     * @return the number of bytes; 0 if they have to be faulted in
     */
    int copyUncached(long address, ByteBuffer target) {
        return uncached.copy(address, target);
    }

    /**
     * Handles a fault at an empty entry of a file's mapping: maps or copies a page that the file has in memory, or else
     * asks the backing for it. The caller is in a reader section.
     *
     * @param known the leaf that contains the page's entry, or null if there was none
     */
    int fault(VmArea vma, BackingTraits traits, FilePages cache, long address, int access, long @Nullable [] known) {
        boolean writes = (access & Protection.WRITE) != 0;
        boolean copies = writes && !vma.has(VmaFlags.SHARED);
        if (copies) {
            VmaMerge.prepareAnonVma(faulter.layout, vma);
        }
        long page = faulter.pageOf(vma, address);
        if (copies) {
            int source = one(traits, cache, page);
            if (source != Frames.NONE) {
                return faulter.copyFromCache(vma, address, access, cache, page, source);
            }
        } else if (!(writes && traits.noticesWrites())) {
            int result = mapAround(vma, traits, cache, address, page, writes, known);
            if (result != Faulter.NOT_OFFERED) {
                return result;
            }
        }
        faulter.checkMayWait();
        return fetch(vma, traits, cache, address, access, page);
    }

    /**
     * Of the pages around a page, maps those that the backing has in memory ({@code do_fault_around}, {@code
     * filemap_map_pages}). For a write ({@code do_shared_fault}), in a System V segment ({@code shm_vm_ops}), and in a
     * mapping of a host file with {@code MADV_RANDOM}, maps only that page. The caller is in a reader section.
     *
     * @return {@link Fault#NONE} if the page itself is now mapped; {@link Faulter#NOT_OFFERED} if the backing did not
     *     offer it; {@link Faulter#AGAIN} if a fork narrows entries or the leaf is dead; {@link Faulter#NO_TABLE}
     */
    private int mapAround(
            VmArea vma,
            BackingTraits traits,
            FilePages cache,
            long address,
            long page,
            boolean writes,
            long @Nullable [] known) {
        int shift = faulter.pageShift;
        PageTable table = faulter.table();
        int index = table.indexOf(address);
        // The window starts at an aligned address or at the start of the VMA.
        int pages = isAlone(vma, cache, writes) ? 1 : window.offered.length;
        int before = (int) Math.min(index & pages - 1, (address - vma.start()) >>> shift);
        long[] leaf = known != null ? known : table.leafForInstall(address);
        if (leaf == null) {
            return Faulter.NO_TABLE;
        }
        window.begin(cache, page - before, before + after(vma, address, pages - before, table.entries() - index));
        window.entries = leaf;
        window.firstEntry = index - before;
        offer(traits);
        if (window.offered[before] == Frames.NONE) {
            window.offered[before] = cache.frameForFault(vma, page, faulter.context);
        }
        // Also maps the neighbours if the page itself is not in memory or is beyond the end of the file.
        return putIn(vma, cache, leaf, index - before, address - ((long) before << shift), before, writes);
    }

    /**
     * Returns whether a page is mapped without its neighbours. Linux maps neighbours despite {@code MADV_RANDOM}. Here
     * they are not mapped, because an eviction treats every page that was mapped again as used.
     */
    private static boolean isAlone(VmArea vma, FilePages cache, boolean writes) {
        return writes || cache.isOfSegment() || (vma.has(VmaFlags.RAND_READ) && cache.number() >= Frames.SAVED);
    }

    /**
     * Returns how many pages of a window start at an address or above it: {@code left}, unless the VMA or the leaf ends
     * first. Not part of {@link #mapAround}, because the JIT compiler inlines that method as a whole only if it is
     * short.
     */
    private int after(VmArea vma, long address, int left, int inLeaf) {
        int shift = faulter.pageShift;
        return (int) Math.min(Math.min(left, inLeaf), (vma.end() - (address & -(1L << shift))) >>> shift);
    }

    /** Returns the cache's frame of one page, or {@link Frames#NONE}. The caller is in a reader section. */
    private int one(BackingTraits traits, FilePages cache, long page) {
        window.begin(cache, page, 1);
        offer(traits);
        int frame = window.offered[0];
        return faulter.frames.isCached(frame, cache.number(), page) ? frame : Frames.NONE;
    }

    /** Lets the backing offer the pages of the window. */
    private void offer(BackingTraits traits) {
        long longest = faulter.memory.longestOffer();
        if (longest == MachineMemory.UNCHECKED) {
            offerUnchecked(traits);
        } else {
            offerChecked(traits, longest);
        }
    }

    private boolean offerUnchecked(BackingTraits traits) {
        try {
            traits.backing().rcuMapPages(window);
            return true;
        } catch (Throwable thrown) {
            window.clear();
            faulter.reportBacking("rcuMapPages", traits, thrown);
            return false;
        }
    }

    private void offerChecked(BackingTraits traits, long longest) {
        boolean returned = false;
        long start = System.nanoTime();
        NoWaiting.enter("rcuMapPages of " + traits.backing().getClass().getName());
        try {
            returned = offerUnchecked(traits);
        } finally {
            IllegalStateException refused = NoWaiting.exit();
            if (refused != null && returned) {
                faulter.reportBacking("rcuMapPages", traits, refused);
            }
        }
        long taken = System.nanoTime() - start;
        if (taken > longest) {
            faulter.reportLongOffer(traits, taken);
        }
    }

    /**
     * Maps the frames of the window whose entries are empty, under one hold of the leaf's lock. Mappings do not count
     * the frames of a cache, so the cost of a page is one read of the frame's word and one store of the entry.
     *
     * @param address the address of the first page of the window
     * @param target the page that must be mapped, by its place in the window
     */
    private int putIn(VmArea vma, FilePages cache, long[] leaf, int index, long address, int target, boolean writes) {
        boolean mapped = false;
        int filled = 0;
        Frames frames = faulter.frames;
        int[] offered = window.offered;
        int count = window.count;
        long first = window.first;
        long number = cache.number();
        long ofCache = cache.pteBits();
        long bits = bitsOf(vma, writes) | ofCache;
        Leaf.lock(leaf);
        try {
            if (!faulter.mayChange(leaf)) {
                return Faulter.AGAIN;
            }
            for (int i = 0; i < count; i++) {
                int frame = offered[i];
                if (frame == Frames.NONE || Leaf.get(leaf, index + i) != Pte.NONE) {
                    continue;
                }
                VmArea now = vma;
                long put = bits;
                // Checked for each page, because a part of the window may be unmapped at any time.
                if (vma.isDetached()) {
                    now = Faulter.recheck(faulter.layout, vma, address + ((long) i << faulter.pageShift), false);
                    put = now == null ? 0 : bitsOf(now, writes) | ofCache;
                }
                if (now == null || !frames.isCached(frame, number, first + i)) {
                    continue;
                }
                if (i == target) {
                    put |= Pte.ACCESSED | (writes ? Pte.DIRTY : 0);
                }
                long pte = Pte.present(frame, put);
                boolean isIn = Leaf.fillUncounted(leaf, index + i, pte);
                filled += isIn ? 1 : 0;
                if (isIn && Pte.has(put, Pte.DIRTY)) {
                    faulter.markDirty(frame, put);
                    faulter.noteDirtied(Pte.NONE, pte);
                }
                mapped |= isIn && i == target;
            }
            return mapped ? Fault.NONE : Faulter.NOT_OFFERED;
        } finally {
            try {
                Leaf.count(leaf, ofCache == 0 ? Pte.FILE_PAGE : Pte.SHMEM_PAGE, filled);
            } finally {
                Leaf.unlock(leaf);
            }
        }
    }

    /** Returns the rights of an entry that maps a page of a file, without the bits of its cache. */
    private long bitsOf(VmArea vma, boolean writes) {
        boolean mayWrite = vma.has(VmaFlags.SHARED | VmaFlags.WRITE) && (writes || !Faulter.noticesWrites(vma));
        return LeafWalks.rights(vma, faulter.layout.geometry()) | (mayWrite ? Pte.WRITE : 0);
    }

    /**
     * Maps one page that the backing fetched.
     *
     * @return {@link Fault#NONE}; {@link Faulter#AGAIN}; {@link Faulter#NO_TABLE}
     */
    private int mapOne(VmArea vma, FilePages cache, long address, long page, int frame, boolean writes) {
        long[] leaf = faulter.table().leafForInstall(address);
        if (leaf == null) {
            return Faulter.NO_TABLE;
        }
        window.begin(cache, page, 1);
        window.offered[0] = frame;
        int result = putIn(vma, cache, leaf, faulter.table().indexOf(address), address, 0, writes);
        return result == Faulter.NOT_OFFERED ? Faulter.AGAIN : result;
    }

    /**
     * Asks the backing for a page. The caller is in a reader section. This method leaves that section, and enters
     * another one.
     */
    private int fetch(VmArea vma, BackingTraits traits, FilePages cache, long address, int access, long page) {
        if (cache.isClosed()) {
            return Fault.ADRERR;
        }
        if (!vma.acquire()) {
            return Faulter.AGAIN;
        }
        faulter.leaveSection();
        BegunEvent recorded = Tracepoints.begin(Tracepoints.FAULT);
        long removals = cache.removals();
        int frame;
        try {
            frame = ask(traits, cache, new Request(vma, page, address, access));
        } finally {
            vma.release();
        }
        faulter.record(recorded, "a backing", address, access, frame < 0 ? failure(frame) : Fault.NONE);
        if (frame < 0) {
            return failure(frame);
        }
        faulter.reader.readLock();
        if (!faulter.frames.isCached(frame, cache.number(), page)) {
            return outOfDate(traits, frame, page, cache.hasRemovedSince(removals));
        }
        boolean writes = (access & Protection.WRITE) != 0;
        if (writes && !vma.has(VmaFlags.SHARED)) {
            // Copied here, not by a retry on the fast path, because the backing may never offer the page to that path.
            return faulter.copyFromCache(vma, address, access, cache, page, frame);
        }
        if (writes && traits.noticesWrites()) {
            long pte = Pte.present(frame, bitsOf(vma, true) | cache.pteBits() | Pte.ACCESSED | Pte.DIRTY);
            return noticed(new Request(vma, page, address, access), traits, cache, Pte.NONE, pte);
        }
        return mapOne(vma, cache, address, page, frame, writes);
    }

    private int ask(BackingTraits traits, FilePages cache, Request request) {
        try {
            return traits.backing().fault(request);
        } catch (Throwable thrown) {
            if (!(thrown instanceof IllegalStateException && cache.isClosed())) {
                faulter.reportBacking("fault", traits, thrown);
            }
            return -Fault.ADRERR;
        }
    }

    private static int failure(int answer) {
        return answer == -Fault.OUT_OF_MEMORY
                ? Fault.OUT_OF_MEMORY
                : answer == -Fault.RETRY ? Fault.RETRY : Fault.ADRERR;
    }

    /** Restarts the fault after a frame that is not in the cache, or lets the fault fail if that happens too often. */
    private int outOfDate(BackingTraits traits, int frame, long page, boolean isRemoved) {
        inVain += isRemoved ? 1 : INVALID;
        String reason = isRemoved ? " again and again, but its page is removed" : ", which is not the frame";
        return inVain < PATIENCE
                ? Faulter.AGAIN
                : blamed(
                        "fault",
                        traits,
                        "returned frame " + frame + reason + " of page " + page + " in its page cache");
    }

    /**
     * Handles the first write to a page of a shared mapping that is already mapped. Adds all rights of the VMA, because
     * an atomic update needs more than the right to write. The caller is in a reader section.
     */
    int pageMkwrite(VmArea vma, long address, int access, long pte) {
        BackingTraits traits = Objects.requireNonNull(vma.traits());
        Request request = new Request(vma, faulter.pageOf(vma, address), address, access);
        return noticed(request, traits, null, pte, pte | bitsOf(vma, true) | Pte.DIRTY | Pte.ACCESSED);
    }

    /**
     * Notifies the backing of a first write, and then changes the entry. If the notice is still valid by then, the
     * entry has not been emptied and refilled since the backing was notified, so it is still the entry for which the
     * backing permitted the write.
     *
     * @param cache the cache that must still contain the page if the entry is to be filled
     * @param before the entry before; empty if it is to be filled
     * @param pte the new entry
     */
    private int noticed(Request request, BackingTraits traits, @Nullable FilePages cache, long before, long pte) {
        PageTable table = faulter.table();
        long address = request.address();
        Notice notice = table.beginNotice(address);
        try {
            int told = tell(traits, request);
            if (told != Fault.NONE) {
                return told;
            }
            long[] leaf = cache == null ? table.leaf(address) : table.leafForInstall(address);
            if (leaf == null) {
                return cache == null ? Faulter.AGAIN : Faulter.NO_TABLE;
            }
            boolean isChanged;
            boolean may;
            Leaf.lock(leaf);
            try {
                may = faulter.mayChange(leaf);
                isChanged = may
                        && serves(notice, request.vma())
                        && (cache == null || faulter.frames.isCached(Pte.frame(pte), cache.number(), request.page()))
                        && (before == Pte.NONE
                                ? Leaf.fill(leaf, table.indexOf(address), pte)
                                : Leaf.widen(leaf, table.indexOf(address), before, pte));
                if (isChanged) {
                    faulter.noteDirtied(before, pte);
                }
            } finally {
                Leaf.unlock(leaf);
            }
            return isChanged ? Fault.NONE : may ? outOfDate(traits, request) : Faulter.AGAIN;
        } finally {
            table.endNotice(notice);
        }
    }

    /**
     * Leaves the reader section, notifies the backing of a first write, and enters another section if the backing
     * permits the write.
     */
    private int tell(BackingTraits traits, Request request) {
        faulter.leaveSection();
        if (!request.vma().acquire()) {
            return Faulter.AGAIN;
        }
        BegunEvent recorded = Tracepoints.begin(Tracepoints.FAULT);
        int noticed;
        try {
            noticed = notice(traits, request);
        } finally {
            request.vma().release();
        }
        faulter.record(
                recorded,
                "the notice of a first write",
                request.address(),
                request.access(),
                noticed == 0 ? Fault.NONE : failure(noticed));
        if (noticed != 0) {
            return failure(noticed);
        }
        faulter.reader.readLock();
        return Fault.NONE;
    }

    private int notice(BackingTraits traits, Request request) {
        try {
            return traits.backing().pageMkwrite(request);
        } catch (Throwable thrown) {
            faulter.reportBacking("pageMkwrite", traits, thrown);
            return -Fault.ADRERR;
        }
    }

    /**
     * Returns whether a notice still covers the write, i.e. neither the right nor the page was removed since the notice
     * began. Another VMA of the mapping does not suffice, because the mapping may have been narrowed and widened again
     * in the meantime. The caller holds the lock of the leaf.
     */
    private static boolean serves(Notice notice, VmArea vma) {
        return !vma.isDetached() && !notice.isStale();
    }

    /** Restarts the fault after a notice that no longer covers the write, or lets the fault fail as above. */
    private int outOfDate(BackingTraits traits, Request request) {
        return ++inVain < PATIENCE
                ? Faulter.AGAIN
                : blamed("pageMkwrite", traits, "permitted the " + request + " again and again, and it was revoked");
    }

    private int blamed(String call, BackingTraits traits, String message) {
        faulter.reportBacking(call, traits, new IllegalStateException(message));
        return Fault.ADRERR;
    }

    /** A request to a backing. Each request is a separate object, because a backing may itself fault on this thread. */
    private final class Request implements Backing.PageRequest {
        private final VmArea vma;
        private final long page;
        private final long address;
        private final int access;

        /**
         * Creates a request with the access as a backing sees it. An atomic update is a write ({@code
         * FAULT_FLAG_WRITE}).
         */
        Request(VmArea vma, long page, long address, int access) {
            this.vma = vma;
            this.page = page;
            this.address = address;
            this.access = (access & Protection.WRITE) != 0
                    ? Protection.WRITE
                    : (access & Protection.EXEC) != 0 ? Protection.EXEC : Protection.READ;
        }

        @Override
        public VmArea vma() {
            return vma;
        }

        @Override
        public long page() {
            return page;
        }

        @Override
        public long address() {
            return address;
        }

        @Override
        public int access() {
            return access;
        }

        @Override
        public void major() {
            faulter.isMajor = true;
        }

        @Override
        public String toString() {
            return "request for page " + page + " at address 0x" + Long.toHexString(address);
        }
    }

    /**
     * The window of pages that the backing is asked for. There is one for each thread, so the embedder may use it only
     * until its call returns.
     */
    private static final class Window implements Backing.PageWindow {
        /** The frames that were offered, by place. */
        final int[] offered;

        long first;
        int count;

        /** The leaf of the window's entries; null if the backing is asked for a single page, which is always wanted. */
        long @Nullable [] entries;

        int firstEntry;
        private @Nullable FilePages cache;

        Window(int most) {
            offered = new int[most];
        }

        /** Begins a window of pages of a cache, of which none is offered. */
        void begin(FilePages ofCache, long firstPage, int pages) {
            cache = ofCache;
            first = firstPage;
            count = pages;
            entries = null;
            clear();
        }

        void clear() {
            Arrays.fill(offered, 0, count, Frames.NONE);
        }

        /** Drops the references to the last window's cache and leaf. */
        void forget() {
            cache = null;
            entries = null;
        }

        @Override
        public PageCache cache() {
            return Objects.requireNonNull(cache, "a window is over when the call returns");
        }

        @Override
        public long first() {
            return first;
        }

        @Override
        public int count() {
            return count;
        }

        @Override
        public boolean isWanted(int at) {
            long[] leaf = entries;
            return at >= 0 && at < count && (leaf == null || Leaf.get(leaf, firstEntry + at) == Pte.NONE);
        }

        /** Also offers unwanted pages, because an entry that is not empty stays unchanged in any case. */
        @Override
        public void offerFrom(PageCache cache) {
            if (cache instanceof FilePages own && first >= 0) {
                own.framesAt(first, count, offered);
            } else {
                Backing.PageWindow.super.offerFrom(cache);
            }
        }

        @Override
        public void offer(int at, int frame) {
            if (at < 0 || at >= count) {
                throw new IllegalArgumentException("place " + at + " is not in 0.." + (count - 1));
            }
            offered[at] = frame;
        }

        @Override
        public String toString() {
            return "window of " + count + " pages from page " + first;
        }
    }

    /**
     * Copies many bytes of a mapped file to a caller, bypassing the page cache and without a fault, if none of their
     * pages is mapped or in memory. The file is read under a reference on the VMA and outside of every reader section,
     * in the same way as a page is fetched. After the read, the VMA must still be attached and the entries must still
     * be empty, which proves that the mapping contained these bytes at that instant. Used by one thread at a time.
     */
    private final class Uncached implements OpenHostFile.AbsentEntries {
        /** The maximum number of bytes that one call copies and whose entries it checks. */
        private static final int MOST = 1 << 20;

        /** The mapping of the current read. */
        private @Nullable VmArea vma;

        /** The address of the first byte to read. */
        private long start;

        /** See {@link #copyUncached}. */
        int copy(long address, ByteBuffer target) {
            OpenHostFile file = null;
            VmArea found;
            int length = 0;
            faulter.reader.readLock();
            try {
                found = faulter.layout.find(address);
                file = found == null ? null : fileOf(found);
                if (found == null || file == null) {
                    return 0;
                }
                vma = found;
                start = address;
                length = absentBytes(address, most(found, address, target.remaining()));
                if (length < file.leastUncached() || !found.acquire()) {
                    vma = null;
                    return 0;
                }
            } finally {
                faulter.reader.readUnlock();
            }
            int limit = target.limit();
            try {
                int offset = (int) address & faulter.frames.pageSize() - 1;
                return file.readUncached(
                        target.limit(target.position() + length),
                        (faulter.pageOf(found, address) << faulter.pageShift) + offset,
                        this);
            } finally {
                vma = null;
                target.limit(limit);
                found.release();
            }
        }

        private static int most(VmArea found, long address, int remaining) {
            long rest = found.end() - address;
            int most = Math.min(MOST, remaining);
            return rest < 0 ? most : (int) Math.min(most, rest);
        }

        /** Returns the file of a mapping that may be read; null if its pages have to be faulted in. */
        private @Nullable OpenHostFile fileOf(VmArea found) {
            boolean isReadable = PermissionCheck.check(found, Protection.READ, faulter.layout.geometry()) == Fault.NONE
                    && !found.isAnonymous()
                    // Pages of a locked VMA must be faulted in, which locks them.
                    && !found.has(VmaFlags.LOCKED)
                    && faulter.stability(found) == Fault.NONE;
            BackingTraits traits = isReadable ? found.traits() : null;
            return traits != null
                            && traits.backing() instanceof OpenHostFile file
                            && traits.pageCache() instanceof FilePages cache
                            && cache.memory() == faulter.memory
                    ? file
                    : null;
        }

        /** Returns how many of the first bytes are in pages whose entries are empty. */
        private int absentBytes(long address, int most) {
            int pageSize = faulter.frames.pageSize();
            int offset = (int) address & pageSize - 1;
            long pages = absent((int) (((long) offset + most + pageSize - 1) >>> faulter.pageShift));
            return (int) Math.max(0, Math.min(most, (pages << faulter.pageShift) - offset));
        }

        @Override
        public int absent(int most) {
            VmArea mapping = vma;
            int count = 0;
            faulter.reader.readLock();
            try {
                count = emptyEntries(start, most);
            } finally {
                faulter.reader.readUnlock();
            }
            // Checked after the entries were read: if the mapping is still attached, it was attached when they were
            // read.
            return mapping == null || mapping.isDetached() || faulter.stability(mapping) != Fault.NONE ? 0 : count;
        }

        private int emptyEntries(long first, int most) {
            PageTable table = faulter.table();
            int count = 0;
            while (count < most) {
                long address = first + ((long) count << faulter.pageShift);
                int index = table.indexOf(address);
                int behind = Math.min(table.entries(), index + most - count);
                long[] leaf = table.leaf(address);
                int end = leaf == null ? behind : firstFilled(leaf, index, behind);
                count += end - index;
                if (end < behind) {
                    return count;
                }
            }
            return count;
        }

        private static int firstFilled(long[] leaf, int from, int behind) {
            int index = from;
            while (index < behind && Leaf.get(leaf, index) == Pte.NONE) {
                index++;
            }
            return index;
        }
    }
}
