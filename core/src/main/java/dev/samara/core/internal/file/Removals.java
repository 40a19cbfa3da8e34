// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.DiscardPages;
import dev.samara.core.internal.sync.CheckedLock;
import dev.samara.core.internal.sync.RetriedTask;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.tlb.TlbGather;
import dev.samara.core.vma.PageCache;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The removals of pages from one file, one at a time ({@code truncate_inode_pages_range}). A removal has these steps:
 *
 * <ol>
 *   <li>Its frames are recorded. Only this step needs memory for the record; if it fails, nothing has changed.
 *   <li>Under the content lock, the frames are marked removed and are removed from the index ({@link
 *       FilePages.CachedPages#takeOut}). From now on the removal is <em>unfinished</em>, and no thread maps its frames.
 *   <li>{@link UnmapMapping} walks the mappings.
 *   <li>The frames are handed over to the {@link DiscardPages}, which drops them after its flush. This ends the
 *       removal.
 * </ol>
 *
 * <p>If a step fails, the removal stays unfinished, and its frames stay marked and in use. The next change of the file,
 * or a thread of the machine, resumes the removal with the failed step. If the flush or the drop fails after the
 * hand-over, {@link DiscardPages#close} describes how it is continued.
 */
final class Removals {
    /**
     * The number of stack frames that a removal touches before it starts. A removal that calls no notifier needs 24. A
     * stack overflow within a removal would leave pages that no fault can map, or a pending flush.
     */
    static final int DEPTH = 60;

    /** Keeps the cache reachable while a thread of the machine continues the unfinished removal. */
    @SuppressWarnings("UnusedVariable") // keeps the cache reachable
    private final PageCache file;

    private final MachineMemory memory;
    private final FilePages.CachedPages cached;
    private final ReverseMap mappings;

    /**
     * Serializes changes of the size and removals, each from its first step to its last. Acquired before the content
     * lock.
     */
    private final ReentrantLock inodeLock = new CheckedLock();

    /**
     * The removal that started and has not yet handed over its frames. Guarded by the inode lock.
     *
     * <p>Words: {@code unfinished}, {@code isHandedOn}.
     * Written: holder of {@code inodeLock} (plain); {@code unfinished} is set while {@code content} is also held,
     *     before the first frame is marked.
     * Read: holder of {@code inodeLock} (plain).
     * Invariant: the removal whose frames belong to no operation yet, and whether a thread of the machine continues it.
     *     Each of its frames is in use until it is handed over to a {@code DiscardPages}, which ends this use. No other
     *     removal starts before the hand-over.
     */
    private @Nullable Removal unfinished;

    /** Whether a thread of the machine was requested to finish the removal. Guarded by the inode lock. */
    private boolean isHandedOn;

    Removals(PageCache file, MachineMemory memory, FilePages.CachedPages cached, ReverseMap mappings) {
        this.file = file;
        this.memory = memory;
        this.cached = cached;
        this.mappings = mappings;
    }

    /** Acquires the inode lock, which is reentrant. */
    void lock() {
        inodeLock.lock();
    }

    boolean tryLock() {
        return inodeLock.tryLock();
    }

    void unlock() {
        inodeLock.unlock();
    }

    /** Returns whether another thread holds the inode lock. The result may be outdated when this returns. */
    boolean isOfAnother() {
        return inodeLock.isLocked() && !inodeLock.isHeldByCurrentThread();
    }

    /**
     * Releases the inode lock. If the caller's change failed and left an unfinished removal, a thread of the machine is
     * requested to continue it, unless that was requested before.
     */
    void release() {
        try {
            if (unfinished != null && !isHandedOn) {
                memory.rcu().call(new Resumption());
                isHandedOn = true;
            }
        } finally {
            inodeLock.unlock();
        }
    }

    /** Returns the unfinished removal, or null. The caller holds the inode lock. */
    @Nullable
    Removal unfinished() {
        return unfinished;
    }

    /**
     * Starts a removal whose frames are recorded. The caller holds the inode lock and the content lock, and has already
     * finished the previous removal with {@link #resume}.
     */
    void begin(Removal removal) {
        unfinished = removal;
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
            remove(lent, new Removal(first, last, false));
        } finally {
            release();
        }
    }

    /** The caller holds the inode lock. */
    private void remove(@Nullable TlbGather lent, Removal removal) {
        // Acquires the page table context first: if none is free, nothing is changed.
        try (DiscardPages discarding =
                lent == null ? new DiscardPages(memory, Pte.NONE) : new DiscardPages(lent, Pte.NONE)) {
            resume(discarding);
            cached.content.lock();
            try {
                cached.collect(removal);
                begin(removal);
                cached.takeOut(removal);
            } finally {
                cached.content.unlock();
            }
            resume(discarding);
        }
    }

    /** Removes all pages, and prevents later insertions. May wait for CPUs and for a grace period. */
    void close() {
        StackReserve.check(DEPTH);
        inodeLock.lock();
        try (DiscardPages discarding = new DiscardPages(memory, Pte.NONE)) {
            resume(discarding);
            if (!cached.isClosed) {
                takeAll();
                resume(discarding);
            }
        } finally {
            release();
        }
    }

    /** The caller holds the inode lock. */
    private void takeAll() {
        Removal removal = new Removal(0, Long.MAX_VALUE, false);
        cached.content.lock();
        try {
            cached.collect(removal);
            cached.isClosed = true;
            begin(removal);
            cached.takeOut(removal);
        } finally {
            cached.content.unlock();
        }
    }

    /**
     * Continues the unfinished removal up to the hand-over of its frames; does nothing if there is none. Every change
     * that removes pages or makes the file larger calls this first, so there is only one removal at a time. The caller
     * holds the inode lock.
     */
    void resume(DiscardPages discarding) {
        Removal removal = unfinished;
        if (removal == null) {
            return;
        }
        if (!removal.isOut()) {
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
        unmap(discarding, removal);
    }

    private void unmap(DiscardPages discarding, Removal removal) {
        if (removal.isEmpty() && mappings.isEmpty()) {
            unfinished = null;
            return;
        }
        UnmapMapping unmapping = new UnmapMapping(memory, discarding, removal);
        try {
            unmapping.walk(mappings);
            // Needed even if no entry was found, because another thread may be between the removal of an entry and its
            // flush, and a fault may be between the read of the index and its check of the mark.
            discarding.needGracePeriod();
            removal.handOver(discarding);
            cached.uncount(removal.count());
            unfinished = null;
        } finally {
            try {
                discarding.finish();
            } finally {
                unmapping.endRevocations();
            }
        }
    }

    /** Like {@link #resume}, but acquires its own page table context. The caller holds the inode lock. */
    void resumeUnfinished() {
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
