// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.DiscardPages;
import dev.samara.core.internal.sync.CheckedLock;
import dev.samara.core.internal.sync.CheckedLock.CheckedReadWriteLock;
import dev.samara.core.internal.sync.Housekeeping.RetriedTask;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.tlb.TlbGather;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Removes pages from one file, on behalf of a call, of a change of the size or of a hole ({@code truncate_pagecache},
 * {@code truncate_setsize}, {@code FALLOC_FL_PUNCH_HOLE}). There is one removal at a time. It has these steps:
 *
 * <ol>
 *   <li>Its frames are recorded in a {@link Removal}. Only this step needs memory for the record; if it fails, nothing
 *       has changed.
 *   <li>Under the content lock, the frames are marked removed and are removed from the index ({@link
 *       FilePages.CachedPages#takeOut}). A truncation sets the size in the same section. From now on the removal is
 *       <em>unfinished</em>, and no thread maps its frames, because each fault checks the mark under the lock of its
 *       leaf. So a fault that is concurrent with a truncation maps no page beyond the new end.
 *   <li>The removed frames are removed from every mapping of the file, and a truncation also removes private copies
 *       beyond the new end ({@link #walk}, {@code unmap_mapping_pages}).
 *   <li>The frames are handed over to the {@link DiscardPages}, which drops them after its flush. This ends the
 *       removal.
 * </ol>
 *
 * <p>If a step fails, the removal stays unfinished, and its frames stay marked and in use. The next change of the file,
 * or a thread of the machine, resumes the removal with the failed step. If the flush or the drop fails after the
 * hand-over, {@link DiscardPages#close} describes how it is continued.
 *
 * <p><b>The walk.</b> A lookup in the reverse map only records the links that it finds. The walk waits for CPUs after
 * the lookup, because no unlinked link can leave the map while a lookup is under way. By the time a recorded link is
 * walked, its VMA may have been replaced and unlinked. Nevertheless no page is missed:
 *
 * <ul>
 *   <li>A page that was removed from the file is marked removed before the first lookup. No entry is set to the page
 *       after the mark, so the page can only be where it was at that time. If it was in the range of a linked VMA, the
 *       lookup finds this VMA or its successor. If a move or a fork held it, that operation checks the mark under the
 *       lock of the leaf before it sets an entry, and drops the page.
 *   <li>A private copy beyond the end is removed while its link is linked. If the link was unlinked, the entry may
 *       belong to another mapping and stays. If this mapping is the successor of the VMA, the successor was linked
 *       before the link was unlinked. The walk is repeated with a new lookup, which finds the successor, until a walk
 *       meets no unlinked link.
 *   <li>Copies in the range of a link that is not entered belong to the mapping that its VMA replaces. They stay,
 *       because a fork that started before the replacement must find them. Copies that are installed there later were
 *       either checked as follows, or faulted in within the file's size.
 * </ul>
 *
 * <p><b>The log.</b> The walk of a truncation does not find private pages that a fork or a move holds. So the
 * truncations that made the file smaller are a linked chain. A fork or a move remembers the last link at the time when
 * it took the pages. Under the lock of the leaf, it follows the chain to the smallest size of the file since then, and
 * installs no page beyond it. Links that no operation remembers are garbage.
 */
final class Truncation {
    /**
     * The number of stack frames that a removal touches before it starts. A removal that calls no notifier needs 24. A
     * stack overflow within a removal would leave pages that no fault can map, or a pending flush.
     */
    static final int DEPTH = 60;

    private static final long NO_TAIL = -1;

    /** Keeps the cache reachable while a thread of the machine continues the unfinished removal. */
    @SuppressWarnings("UnusedVariable") // keeps the cache reachable
    private final FilePages file;

    private final MachineMemory memory;
    private final Frames frames;
    final FilePages.CachedPages cached;
    private final ReverseMap mappings;

    /** Whether bytes that were stored beyond the end through a mapping become zeros when the file grows. */
    private final boolean forgetsBeyondEnd;

    /**
     * Serializes changes of the size and removals, each from its first step to its last. Acquired before the content
     * lock.
     */
    final InodeLock inodeLock = new InodeLock();

    /**
     * The removal that started and has not yet handed over its frames. Guarded by the inode lock.
     *
     * <p>Words: {@code unfinished}, {@code isHandedOn}, {@code metUnlinked}.
     * Written: holder of {@code inodeLock} (plain); {@code unfinished} is set while {@code content} is also held,
     *     before the first frame is marked.
     * Read: holder of {@code inodeLock} (plain).
     * Invariant: the removal whose frames belong to no operation yet, and whether a thread of the machine continues it.
     *     Each of its frames is in use until it is handed over to a {@code DiscardPages}, which ends this use. No other
     *     removal starts before the hand-over.
     */
    @Nullable
    Removal unfinished;

    /** Whether a thread of the machine was requested to finish the removal. Guarded by the inode lock. */
    private boolean isHandedOn;

    /**
     * The revocations of the walk under way, for the access checker. They end when the flush of the removed pages is
     * complete. Null before the first one. Guarded by the inode lock.
     */
    private @Nullable ArrayList<AccessChecker.Revocation> revocations;

    /** Whether a private VMA was replaced before its copies could be removed. Its successor was linked before that. */
    private boolean metUnlinked;

    /**
     * The offset from which the rest of the page must be filled with zeros before the file grows, or {@link #NO_TAIL}.
     * Either a truncation has not filled it yet, or a write may have left bytes beyond the end. Guarded by the inode
     * lock.
     *
     * <p>Written: holder of {@code inodeLock} (plain).
     * Read: holder of {@code inodeLock} (plain).
     * Invariant: the start of the part of the last page that may still contain bytes that a truncation cut off. The
     *     file does not grow before this part is filled with zeros.
     */
    private long tail = NO_TAIL;

    /**
     * The last link of the chain.
     *
     * <p>Written: truncation, holding {@code inodeLock} and {@code content}, before it walks (volatile).
     * Read: truncation, holding {@code inodeLock} (volatile).
     * Invariant: the end of the chain.
     */
    private volatile FilePages.LoggedTruncation last = new FilePages.LoggedTruncation(Long.MAX_VALUE);

    /**
     * The last truncation whose walk is complete. Later truncations may still walk, and may already have passed the
     * place where a page is.
     *
     * <p>Written: truncation, after it walks (volatile).
     * Read: a thread that is about to hold private pages, before it takes them (volatile).
     * Invariant: the last link of the chain whose walk is complete.
     */
    volatile FilePages.LoggedTruncation walked = last;

    Truncation(FilePages file, FilePages.CachedPages cached) {
        this.file = file;
        this.cached = cached;
        memory = file.memory;
        frames = memory.frames;
        mappings = file.mappings;
        forgetsBeyondEnd = (cached.number & Frames.SAVED) != 0;
    }

    /**
     * The record of one removal: the removed frames, and the progress. Every step can be repeated after a failure, so
     * another thread can continue the removal. The frames are added before the first of them is removed from the index.
     */
    static final class Removal {
        final long first;

        /** The last page, inclusive. */
        final long last;

        /** Whether private copies of the pages are also removed. */
        private final boolean alsoCopies;

        int[] frames = new int[16];
        int count;

        /** Whether all frames were removed from the index and marked removed. */
        boolean isOut;

        /** Creates the record of a removal without frames. */
        Removal(long first, long last, boolean alsoCopies) {
            this.first = first;
            this.last = last;
            this.alsoCopies = alsoCopies;
        }

        void add(int frame) {
            if (count == frames.length) {
                frames = Arrays.copyOf(frames, 2 * count);
            }
            frames[count++] = frame;
        }

        /**
         * Defers the drop of the frames until the pending flush and a grace period are complete. If the flush fails,
         * the close of {@code discarding} drops them. The caller has already removed every entry that maps one of the
         * frames. Immediately after this call, it forgets this removal, because the frames must not be dropped twice.
         */
        void handOver(DiscardPages discarding) {
            discarding.needGracePeriod();
            discarding.dropWhenFinished(frames, count);
        }
    }

    /**
     * The lock of a file's pages ({@code inode_lock}), which changes hold exclusively, and evictions share. A thread
     * that has it exclusively may acquire it again, in either way. A thread that shares it acquires it in no way before
     * it has released it, so two evictions never wait for each other.
     */
    static final class InodeLock {
        private final CheckedReadWriteLock lock = new CheckedReadWriteLock();

        /**
         * The thread that has the lock exclusively.
         *
         * <p>Written: that thread, after it has acquired the lock and before it releases it (volatile).
         * Read: any thread, to find out whether it is the owner (volatile).
         * Invariant: a thread finds itself here only while it has the lock exclusively.
         */
        private volatile @Nullable Thread owner;

        /**
         * How often the owner has acquired the lock.
         *
         * <p>Written: the owner (plain).
         * Read: the owner, and a thread that shares the lock (plain).
         * Invariant: positive while the lock has an owner, and so 0 while threads share it.
         */
        private int holds;

        /** Acquires the lock exclusively. Waits for the evictions that share it. */
        void lock() {
            Thread self = Thread.currentThread();
            if (owner == self) {
                holdAgain();
            } else {
                lock.lock();
                owner = self;
                holds = 1;
            }
        }

        /** Acquires the lock exclusively if no other thread has or shares it. */
        boolean tryLock() {
            Thread self = Thread.currentThread();
            if (owner == self) {
                holdAgain();
                return true;
            }
            boolean isTaken = lock.tryLock();
            if (isTaken) {
                owner = self;
                holds = 1;
            }
            return isTaken;
        }

        /** Like any acquisition, fails before it changes anything if no stack is left to reach the {@code try}. */
        private void holdAgain() {
            StackReserve.check(CheckedLock.FREE_DEPTH);
            holds++;
        }

        /** Releases the exclusive lock. */
        void unlock() {
            holds--;
            if (holds == 0) {
                owner = null;
                lock.unlock();
            }
        }

        /** Acquires the lock, shared with other evictions. Waits for changes that have it or wait for it. */
        void lockShared() {
            if (owner == Thread.currentThread()) {
                holdAgain();
            } else {
                lock.lockShared();
            }
        }

        /** Acquires the lock, shared with other evictions, if no change has it or waits for it. */
        boolean tryLockShared() {
            if (owner == Thread.currentThread()) {
                holdAgain();
                return true;
            }
            return lock.tryLockShared();
        }

        /** Releases the lock that the thread shares. */
        void unlockShared() {
            // Positive only if this thread is the owner: while threads share the lock, it has none.
            if (holds > 0) {
                holds--;
            } else {
                lock.unlockShared();
            }
        }

        /**
         * Returns whether another thread has or shares the lock. The caller does not share it. The result may be
         * outdated when this returns.
         */
        boolean isOfAnother() {
            return owner != Thread.currentThread() && lock.isTaken();
        }
    }

    /** Acquires the inode lock, which is reentrant. */
    void lock() {
        inodeLock.lock();
    }

    boolean tryLock() {
        return inodeLock.tryLock();
    }

    /**
     * Releases the inode lock. If the caller's change failed and left an unfinished removal, a thread of the machine is
     * requested to continue it, unless that was requested before.
     */
    void release() {
        try {
            if (unfinished != null && !isHandedOn) {
                memory.rcu.call(new Resumption());
                isHandedOn = true;
            }
        } finally {
            inodeLock.unlock();
        }
    }

    /**
     * Removes pages of a range. May wait for CPUs and for a grace period.
     *
     * @param lent the gather of an operation that already holds a page table context, or null if there is none
     */
    void remove(@Nullable TlbGather lent, long first, long count) {
        ThreadCpus.checkMayWait("a removal from a page cache");
        StackReserve.check(DEPTH);
        if (first < 0 || count <= 0) {
            return;
        }
        long last = first + Math.min(count - 1, Long.MAX_VALUE - first);
        inodeLock.lock();
        try {
            remove(lent, new Removal(first, last, false), false);
        } finally {
            release();
        }
    }

    /** Removes all pages, and prevents later insertions. May wait for CPUs and for a grace period. */
    void close() {
        StackReserve.check(DEPTH);
        inodeLock.lock();
        try {
            remove(null, new Removal(0, Long.MAX_VALUE, false), true);
        } finally {
            release();
        }
    }

    /** The caller holds the inode lock. */
    private void remove(@Nullable TlbGather lent, Removal removal, boolean closes) {
        // Acquires the page table context first: if none is free, nothing is changed.
        try (DiscardPages discarding =
                lent == null ? new DiscardPages(memory, Pte.NONE) : new DiscardPages(lent, Pte.NONE)) {
            resume(discarding);
            if (closes && cached.isClosed) {
                return;
            }
            cached.content.lock();
            try {
                cached.index.forEach(removal.first, removal.last, removal::add);
                if (closes) {
                    cached.isClosed = true;
                }
                unfinished = removal;
                cached.takeOut(removal);
            } finally {
                cached.content.unlock();
            }
            resume(discarding);
        }
    }

    /** Sets the size. May wait for CPUs and for a grace period. */
    void truncate(long bytes) {
        ThreadCpus.checkMayWait("a truncation");
        StackReserve.check(DEPTH);
        if (bytes < 0) {
            throw new IllegalArgumentException("size " + bytes + " is negative");
        }
        inodeLock.lock();
        try {
            if (bytes < cached.size) {
                shrink(bytes);
            } else {
                beginGrowth(bytes);
                endGrowth(bytes);
            }
        } finally {
            release();
        }
    }

    /** The caller holds the inode lock. */
    private void shrink(long bytes) {
        long first = cached.pages(bytes);
        // Acquires the page table context first: if none is free, nothing is changed.
        try (DiscardPages discarding = new DiscardPages(memory, Pte.NONE)) {
            resume(discarding);
            Removal removal = new Removal(first, Long.MAX_VALUE, true);
            FilePages.LoggedTruncation link = new FilePages.LoggedTruncation(first);
            cached.content.lock();
            try {
                cached.index.forEach(removal.first, removal.last, removal::add);
                cached.size = bytes;
                unfinished = removal;
                // If an earlier truncation has left a tail, it is part of this tail, or in a page that this truncation
                // removes.
                tail = bytes;
                last.next = link;
                last = link;
                cached.takeOut(removal);
            } finally {
                cached.content.unlock();
            }
            zero(bytes, cached.startOf(first), discarding.context());
            tail = NO_TAIL;
            resume(discarding);
            walked = link;
        }
    }

    /**
     * Prepares the file to grow. In a saved file, replaces bytes that were stored beyond the end by zeros, which is
     * what the stored file contains ({@code ext4_block_zero_page_range}); a file in memory keeps these bytes ({@code
     * shmem_setattr}). The caller then writes beyond the end, and calls {@link #endGrowth} unless the write failed. The
     * bytes of a failed write are cleared before the file next grows. May wait for CPUs. The caller holds the inode
     * lock until after {@code endGrowth}.
     *
     * @param bytes the new size
     */
    void beginGrowth(long bytes) {
        ThreadCpus.checkMayWait("a change of a file's size");
        // Pages of an unfinished removal were beyond the end, and must be removed before the growth would include them
        // in the file.
        resumeUnfinished();
        if (forgetsBeyondEnd) {
            tail = cached.size;
        }
        if (tail != NO_TAIL) {
            zero(tail, cached.startOf(cached.pages(tail)));
        }
        tail = cached.size;
        if (cached.blocks != null) {
            cached.blocks.beginGrowth(bytes);
        }
    }

    /** Sets the size of a file that {@link #beginGrowth} prepared. */
    void endGrowth(long bytes) {
        cached.content.lock();
        try {
            long from = cached.pages();
            cached.size = bytes;
            tail = NO_TAIL;
            if (cached.blocks != null) {
                cached.blocks.endGrowth(from);
            }
        } finally {
            cached.content.unlock();
        }
    }

    /**
     * Removes the whole pages of a range of bytes, like {@link #remove}, and fills the rest with zeros ({@code
     * FALLOC_FL_PUNCH_HOLE}).
     */
    void punch(long start, long length) {
        ThreadCpus.checkMayWait("the punching of a hole");
        StackReserve.check(DEPTH);
        // The hole may extend to the end of the last page, because the part beyond the end of the file is visible
        // through mappings.
        long end = Math.min(start + length, cached.startOf(cached.pages()));
        long first = cached.pages(start);
        long behind = end >>> cached.pageShift;
        if (first <= behind) {
            zero(start, Math.min(cached.startOf(first), end));
            zero(Math.max(behind << cached.pageShift, start), end);
            remove(null, first, behind - first);
        } else {
            zero(start, end);
        }
    }

    /** Fills bytes within one page with zeros, if the page is in memory. */
    private void zero(long start, long end) {
        if (start >= end) {
            return;
        }
        PageTableContext context = memory.contexts.borrow();
        try {
            zero(start, end, context);
        } finally {
            memory.contexts.giveBack(context);
        }
    }

    private void zero(long start, long end, PageTableContext context) {
        if (start >= end) {
            return;
        }
        try {
            context.reader.readLock();
            int frame = cached.frameAt(start >>> cached.pageShift);
            if (frame != Frames.NONE) {
                if (!forgetsBeyondEnd) {
                    // Marked dirty, as in shmem_undo_range. A host file needs no mark, because its stored content also
                    // gets the zeros.
                    frames.setDirty(frame);
                }
                frames.store.fill(frame, (int) start & frames.pageSize - 1, (int) (end - start), (byte) 0);
            }
        } finally {
            context.reader.readUnlockAll();
        }
    }

    /**
     * Continues the unfinished removal up to the hand-over of its frames; does nothing if there is none. Every change
     * that removes pages or makes the file larger calls this first, so there is only one removal at a time. The caller
     * holds the inode lock.
     *
     * @return the number of frames that were handed over
     */
    int resume(DiscardPages discarding) {
        Removal removal = unfinished;
        if (removal == null) {
            return 0;
        }
        if (!removal.isOut) {
            cached.content.lock();
            try {
                cached.takeOut(removal);
            } finally {
                cached.content.unlock();
            }
        }
        if (cached.isClosed) {
            cached.unregister();
        }
        if (removal.count > 0 || !mappings.isEmpty()) {
            unmap(discarding, removal);
        } else {
            unfinished = null;
        }
        return removal.count;
    }

    private void unmap(DiscardPages discarding, Removal removal) {
        try {
            walk(discarding, removal);
            // A grace period is needed even if no entry was found, because another thread may be between the removal of
            // an entry and its flush, and a fault may be between the read of the index and its check of the mark.
            removal.handOver(discarding);
            cached.uncount(removal.count);
            unfinished = null;
        } finally {
            try {
                discarding.finish();
            } finally {
                endRevocations();
            }
        }
    }

    private void endRevocations() {
        if (revocations != null) {
            revocations.forEach(AccessChecker.Revocation::close);
            revocations.clear();
        }
    }

    private void walk(DiscardPages discarding, Removal removal) {
        Set<ReverseMap.Link> visited = Collections.newSetFromMap(new IdentityHashMap<>());
        List<ReverseMap.Link> found = new ArrayList<>();
        do {
            mappings.visit(removal.first, removal.last, link -> {
                if (visited.add(link)) {
                    found.add(link);
                }
            });
            metUnlinked = false;
            for (ReverseMap.Link link : found) {
                discard(discarding, removal, link);
            }
            found.clear();
        } while (metUnlinked);
    }

    private void discard(DiscardPages discarding, Removal removal, ReverseMap.Link link) {
        if (!discarding.hold(link.table)) {
            return;
        }
        VmArea vma = link.vma;
        int pageShift = cached.pageShift;
        long first = removal.first - vma.pageOffset();
        long last = removal.last - vma.pageOffset();
        long from = first <= 0 ? vma.start() : vma.start() + (first << pageShift);
        long end = last >= vma.length() >>> pageShift ? vma.end() : vma.start() + ((last + 1) << pageShift);
        boolean copies = removal.alsoCopies && !vma.hasAny(VmaFlags.SHARED);
        AccessChecker checker = memory.accessChecker;
        if (checker != null) {
            // A revocation that started must be recorded, so the place in the list is allocated first.
            if (revocations == null) {
                revocations = new ArrayList<>();
            }
            ArrayList<AccessChecker.Revocation> list = revocations;
            list.ensureCapacity(list.size() + 1);
            long space = link.table.number();
            list.add(checker.begin("a page leaves its cache", AccessChecker.ALL, space, from, end));
        }
        discarding.discard(link.table, from, end, (pte, address) -> takes(link, pte, copies));
    }

    private boolean takes(ReverseMap.Link link, long pte, boolean copies) {
        if (Pte.isCached(pte)) {
            return frames.isRemoved(Pte.frame(pte));
        }
        if (!copies || !Pte.isOwn(pte)) {
            return false;
        }
        if (!link.isEntered) {
            // The page belongs to a mapping that is being replaced. A fork may still have to copy the page, and the
            // replacing operation drops it.
            return false;
        }
        // The page is taken even if the VMA is detached, because an operation that moves the page, or passes it to
        // another VMA, may not have reached it yet.
        boolean isUnlinked = link.isUnlinked;
        metUnlinked |= isUnlinked;
        return !isUnlinked;
    }

    /** Like {@link #resume}, but acquires its own page table context. The caller holds the inode lock. */
    private void resumeUnfinished() {
        if (unfinished != null) {
            StackReserve.check(DEPTH);
            try (DiscardPages discarding = new DiscardPages(memory, Pte.NONE)) {
                resume(discarding);
            }
        }
    }

    /**
     * Finishes the removal on a thread of the machine. The first failure was already reported to the caller of the
     * change.
     */
    private final class Resumption extends RetriedTask {
        @Override
        public boolean attempt() {
            // Does not wait for the lock, because its holder may hold it for long. The task is retried, unless the
            // holder has continued the removal itself by then.
            if (!inodeLock.tryLock()) {
                return false;
            }
            try {
                resumeUnfinished();
                isHandedOn = false;
                return true;
            } finally {
                inodeLock.unlock();
            }
        }

        /** Not prompt, because a thread that waits within an operation may hold the inode lock. */
        @Override
        protected boolean isPrompt() {
            return false;
        }
    }
}
