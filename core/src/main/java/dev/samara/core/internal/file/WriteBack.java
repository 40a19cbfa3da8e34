// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.sync.StackReserve;
import java.nio.ByteBuffer;

/**
 * The write-back of the dirty pages of one file ({@code write_cache_pages} in {@code mm/page-writeback.c}), batch by
 * batch in ascending order. Each batch goes through these steps:
 *
 * <ol>
 *   <li>Under the inode lock, the dirty marks of its frames are cleared, and then the entries of all mappings become
 *       clean and are flushed ({@link WriteBackBatch}). A store after that marks its page again.
 *   <li>The bytes of the pages that were dirty are copied, up to the end of the file, and their frames are pinned. A
 *       reclaim does not free pinned pages, so no page is read again before it is written.
 *   <li>Without the inode lock, runs of consecutive pages are written. If a run fails, its pages become dirty again.
 * </ol>
 *
 * <p>The marks are cleared before the bytes are read. In the other order, a store between the two would be lost. The
 * caller, {@code hostfile.PageWrites}, holds the write-back lock of {@code hostfile.InodeState} until the end of a
 * write-back. This lock excludes other write-backs, truncations and holes, so no page is written after it was removed
 * from the file. A thread waits for a write-back by acquiring this lock.
 */
final class WriteBack {
    private final MachineMemory memory;
    private final CachedPages cached;
    private final ReverseMap mappings;
    private final Removals removals;

    /**
     * The page at which the last run ended because another thread changed the file; -1 if the run was complete. Guarded
     * by the lock that excludes other write-backs of the file.
     *
     * <p>Written: a write-back, whose caller excludes other write-backs of the file (plain).
     * Read: the same caller (plain).
     * Invariant: the page up to which the last write-back came.
     */
    private long reached = -1;

    WriteBack(MachineMemory memory, CachedPages cached, ReverseMap mappings, Removals removals) {
        this.memory = memory;
        this.cached = cached;
        this.mappings = mappings;
        this.removals = removals;
    }

    /**
     * Writes the dirty pages of a range. Tries to write all of them, even after a failure.
     *
     * @param first the first page
     * @param last the last page, inclusive
     * @param alsoFailed whether to write also pages whose last write failed
     * @param buffer receives the bytes of a batch; its capacity is at least one page
     * @param writer writes the bytes
     * @return 0, {@link PageWriter#HELD}, or the first failure of the writer
     */
    long run(long first, long last, boolean alsoFailed, ByteBuffer buffer, PageWriter writer) {
        return run(first, last, alsoFailed, buffer, writer, true);
    }

    /**
     * Writes the dirty pages that evictions found. Does not wait for a concurrent change of the file, but leaves the
     * remaining pages to the next call. The caller excludes other write-backs.
     *
     * @return 0, or the first failure of the writer; the next call does not retry pages whose write failed
     */
    long run(EvictionDirtyRange found, ByteBuffer buffer, PageWriter writer) {
        long[] range = found.take();
        reached = range[0];
        try {
            return run(range[0], range[1], true, buffer, writer, false);
        } finally {
            if (reached >= 0) {
                found.add(reached, range[1]);
            }
        }
    }

    /**
     * Writes dirty pages. If another thread changes the file, it waits for the change if {@code mayWait}, otherwise
     * ends.
     */
    private long run(long first, long last, boolean alsoFailed, ByteBuffer buffer, PageWriter writer, boolean mayWait) {
        ThreadCpus.checkMayWait("a write-back");
        StackReserve.check(Removals.DEPTH);
        WriteBackBatch batch = new WriteBackBatch(memory, cached, buffer.capacity() >>> cached.pageShift());
        long failure = 0;
        long next = first;
        while (next >= 0 && next <= last) {
            if (!lock(mayWait)) {
                reached = next;
                return failure;
            }
            try {
                next = begin(batch, next, last, buffer, alsoFailed);
                long failed = batch.write(buffer, writer);
                failure = PageWriter.worse(failure, failed);
            } finally {
                batch.end();
            }
        }
        reached = -1;
        return failure;
    }

    private boolean lock(boolean mayWait) {
        if (!mayWait) {
            return removals.tryLock();
        }
        removals.lock();
        return true;
    }

    /**
     * Starts a batch, and releases the inode lock. Returns the page at which the next batch starts, or -1 if this is
     * the last batch.
     */
    private long begin(WriteBackBatch batch, long first, long last, ByteBuffer buffer, boolean alsoFailed) {
        boolean isBegun = false;
        try {
            long next = batch.collect(first, last, alsoFailed);
            batch.clean(mappings);
            batch.copy(buffer);
            isBegun = true;
            return next;
        } finally {
            try {
                if (!isBegun) {
                    // Called under the lock, while the frames are still the pages of the file.
                    batch.end();
                }
            } finally {
                removals.unlock();
            }
        }
    }
}
