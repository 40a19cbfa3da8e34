// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.internal.file.Eviction;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.sync.CheckedLock;
import dev.samara.core.internal.trace.Tracepoints;
import dev.samara.core.internal.trace.Tracepoints.BegunEvent;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Limits the memory for pages of all host files of a machine. Near the limit, a thread that is about to read a page or
 * to write bytes first evicts other pages. Thread-safe.
 */
final class CacheLimit {
    /** The maximum value of {@link #early}. */
    private static final long MOST_EARLY = 1 << 20;

    /** The number of batches that an eviction scans in vain before dirty pages are written. */
    private static final int PATIENCE = 32;

    private final HostFiles files;

    /**
     * The bytes of the pages in memory of all files.
     *
     * <p>Written: under the name {@code counter}, see there.
     * Read: a thread that reads a page or writes bytes (volatile).
     * Invariant: the bytes of the pages in memory of all host files. A page is subtracted before its frame is freed.
     */
    private final AtomicLong resident = new AtomicLong();

    /** The maximum number of bytes of the pages in memory of all files. Set before the first file is opened. */
    private long mostBytes = Long.MAX_VALUE;

    /** How many bytes below the limit the eviction of pages starts. Set together with the limit. */
    private long early;

    /** Held by the thread that evicts pages for the limit. Other threads wait for it only once the limit is reached. */
    private final ReentrantLock room = new CheckedLock();

    /**
     * The next file to evict pages of.
     *
     * <p>Words: {@code next}, {@code futile}.
     * Written: holder of {@code room} (plain).
     * Read: holder of {@code room} (plain).
     * Invariant: the file whose pages are evicted next; the number of evictions in vain since all pages were last
     *     retried.
     */
    @GuardedBy("room")
    private int next;

    /** How often no page could be evicted since all pages were last retried. */
    @GuardedBy("room")
    private long futile;

    CacheLimit(HostFiles files) {
        this.files = files;
    }

    /** Sets the limit in bytes; see {@code HostFiles.limit}. */
    void bound(long bytes) {
        mostBytes = bytes;
        early = Math.min(MOST_EARLY, bytes >> 6);
    }

    /** Creates the cache of a file, whose pages are counted and evicted. */
    FilePages newPages(MachineMemory memory, long size, Eviction.SpareWalk spare) {
        return FilePages.ofSaved(memory, size, resident, mostBytes / memory.frames.pageSize, spare);
    }

    /** Returns the maximum number of pages of one read-ahead; see {@code OpenHostFile}. */
    long mostAhead(Frames frames) {
        return Math.min(mostBytes / frames.pageSize, frames.most()) / 2;
    }

    /**
     * Evicts pages until the bytes in memory are more than {@link #early} below the limit, or nothing can be evicted.
     * If no clean page can be evicted, dirty pages are written. Waits for the host, and at the limit for another thread
     * that is evicting. The caller holds no locks except those of changes and of a write-back, and is not in a read of
     * a page.
     *
     * @param reader the cache of the file that is about to be read or written; the oldest pages of its recent reads are
     *     evicted first
     */
    void makeRoom(FilePages reader) {
        long from = mostBytes - early;
        if (resident.get() < from) {
            return;
        }
        if (!room.tryLock()) {
            if (resident.get() < mostBytes) {
                return;
            }
            room.lock();
        }
        BegunEvent recorded;
        long freedBytes = 0;
        try {
            recorded = Tracepoints.begin(Tracepoints.RECLAIM);
            boolean isFound = true;
            boolean isRetried = false;
            while (isFound && resident.get() >= from) {
                long before = resident.get();
                isFound = reader.eviction().evictRecent() > 0 || evict(PATIENCE) || evict(0);
                freedBytes += Math.max(before - resident.get(), 0);
                if (!isFound && !isRetried) {
                    // Only once per call: if hardly any page is in memory, each vain attempt is due for a retry, and a
                    // page that must stay would be retried forever.
                    isRetried = retry(reader);
                    isFound = isRetried;
                }
            }
        } finally {
            room.unlock();
        }
        // The number is slightly too low if other threads insert pages concurrently.
        long freed = freedBytes / reader.memory.frames.pageSize;
        Tracepoints.endReclaim(recorded, "pages above the cache limit", (int) freed, false);
    }

    /**
     * Evicts some pages, in at most two rounds over all files, because the first round may find only pages that get a
     * second chance. After {@code patience} steps that freed no page, writes dirty pages of all files once.
     *
     * @param patience the number of steps that freed no page before the write
     */
    @GuardedBy("room")
    private boolean evict(int patience) {
        int steps = 0;
        for (int left = 2 * files.count(); left > 0; left--) {
            HostInode inode = files.at(next);
            if (inode == null) {
                next = 0;
                continue;
            }
            int freed;
            do {
                if (steps++ == patience) {
                    // Writes the dirty pages that evictions found in all files. Waits for no lock.
                    files.all().forEach(each -> each.writes.writeSome());
                }
                freed = inode.pages.eviction().evict(false);
                if (freed > 0) {
                    return true;
                }
            } while (freed == 0 && !inode.pages.eviction().isAtStart());
            next++;
        }
        return false;
    }

    /**
     * Makes the evictions retry pages that could not be evicted or written before. Does this only once per as many vain
     * attempts as there are pages in memory, so that an attempt costs on average the scan and the write of one page.
     * Retries are needed because some changes that make a page evictable cannot be observed, e.g. new free space on the
     * host's device.
     *
     * @return whether the evictions will retry the pages
     */
    @GuardedBy("room")
    private boolean retry(FilePages reader) {
        if (++futile < resident.get() / reader.memory.frames.pageSize) {
            return false;
        }
        futile = 0;
        files.all().forEach(inode -> inode.pages.eviction().retry());
        return true;
    }
}
