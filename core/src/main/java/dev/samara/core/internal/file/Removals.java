// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.cpu.Cpus;
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
 *   <li>Its frames are recorded. Only this step needs memory for the record, and nothing has changed yet.
 *   <li>The frames are marked removed and leave the index, under the lock of the content ({@link CachedPages#takeOut}).
 *       From here on the removal is <em>unfinished</em>, and no thread maps its frames.
 *   <li>{@link UnmapMapping} walks the mappings.
 *   <li>The frames are handed over to the {@link DiscardPages}, which drops them after its flush. With that the removal
 *       is over.
 * </ol>
 *
 * <p>If a step fails, the removal stays unfinished, with its frames marked and in use. The next change of the file, or
 * a thread of the machine, resumes it with that step. If a step after the hand-over fails, the operation of the caller
 * continues it, see {@link DiscardPages#close}.
 */
final class Removals {
    /**
     * The number of frames of stack that a removal touches first; 24 are enough, if no notifier is called. An end of
     * the stack within a removal would leave pages that no fault can map, or a flush pending.
     */
    static final int DEPTH = 60;

    /** Keeps the cache reachable while a thread of the machine has the unfinished removal. */
    @SuppressWarnings("UnusedVariable") // keeps the cache reachable
    private final PageCache file;

    private final MachineMemory memory;
    private final CachedPages cached;
    private final ReverseMap mappings;

    /**
     * Serializes changes of the size and removals, from the first step to the last. Taken before the lock of the
     * content.
     */
    private final ReentrantLock inodeLock = new CheckedLock();

    /**
     * The removal that has begun and has not handed its frames over. Guarded by the inode lock.
     *
     * @words {@code unfinished}, {@code isHandedOn}
     * @written holder of {@code inodeLock} (plain); {@code unfinished} is set under {@code content} too, before the
     *     first frame is marked
     * @read holder of {@code inodeLock} (plain)
     * @invariant the removal whose frames belong to no operation yet, and whether a thread of the machine continues it.
     *     Each of its frames is in use until it is handed over to a {@code DiscardPages}, which ends that use. No other
     *     removal begins before the hand-over
     */
    private @Nullable Removal unfinished;

    /** Whether a thread of the machine is to finish the removal. Guarded by the inode lock. */
    private boolean isHandedOn;

    Removals(PageCache file, MachineMemory memory, CachedPages cached, ReverseMap mappings) {
        this.file = file;
        this.memory = memory;
        this.cached = cached;
        this.mappings = mappings;
    }

    /** Takes the inode lock; reentrant. */
    void lock() {
        inodeLock.lock();
    }

    boolean tryLock() {
        return inodeLock.tryLock();
    }

    void unlock() {
        inodeLock.unlock();
    }

    /** Returns whether another thread has the inode lock at some instant of this call. */
    boolean isOfAnother() {
        return inodeLock.isLocked() && !inodeLock.isHeldByCurrentThread();
    }

    /**
     * Releases the inode lock. If the caller's change has failed and left an unfinished removal, a thread of the
     * machine gets the removal, unless one has it already.
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
     * Begins a removal whose frames are recorded. The caller holds the inode lock and the lock of the content, and has
     * resumed the unfinished removal.
     */
    void begin(Removal removal) {
        unfinished = removal;
    }

    /**
     * Removes pages of a range. May wait for CPUs and for a grace period.
     *
     * @param lent the gather of an operation that already has a page table context; null for none
     */
    void remove(@Nullable TlbGather lent, long first, long count) {
        Cpus.checkMayWait("a removal from a page cache");
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
        // The page table context comes first: without one, nothing is changed.
        try (DiscardPages discarding =
                lent == null ? new DiscardPages(memory, Pte.NONE) : new DiscardPages(lent, Pte.NONE)) {
            resume(discarding);
            cached.content().lock();
            try {
                cached.collect(removal);
                begin(removal);
                cached.takeOut(removal);
            } finally {
                cached.content().unlock();
            }
            resume(discarding);
        }
    }

    /** Removes all pages, and lets none in again. May wait for CPUs and for a grace period. */
    void close() {
        StackReserve.check(DEPTH);
        inodeLock.lock();
        try (DiscardPages discarding = new DiscardPages(memory, Pte.NONE)) {
            resume(discarding);
            if (!cached.isClosed()) {
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
        cached.content().lock();
        try {
            cached.collect(removal);
            cached.setClosed();
            begin(removal);
            cached.takeOut(removal);
        } finally {
            cached.content().unlock();
        }
    }

    /**
     * Continues the unfinished removal up to the hand-over of its frames; does nothing if there is none. Every change
     * that removes pages or makes the file larger does this first, so there is one removal at a time. The caller holds
     * the inode lock.
     */
    void resume(DiscardPages discarding) {
        Removal removal = unfinished;
        if (removal == null) {
            return;
        }
        if (!removal.isOut()) {
            cached.content().lock();
            try {
                cached.takeOut(removal);
            } finally {
                cached.content().unlock();
            }
        }
        if (cached.isClosed()) {
            cached.leaveCaches();
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
            // Needed also if no entry was found: another thread may be between the removal of an entry and its flush,
            // and a fault between the index and its check.
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

    /** Like {@link #resume}, with a page table context of its own. The caller holds the inode lock. */
    void resumeUnfinished() {
        if (unfinished != null) {
            StackReserve.check(DEPTH);
            try (DiscardPages discarding = new DiscardPages(memory, Pte.NONE)) {
                resume(discarding);
            }
        }
    }

    /** Finishes the removal on a thread of the machine. The caller of the change was told of the first failure. */
    private final class Resumption extends RetriedTask {
        @Override
        protected boolean attempt() {
            // The holder of the lock continues the removal too, or holds the lock for long. A thread of the machine
            // does not wait for that.
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
    }
}
