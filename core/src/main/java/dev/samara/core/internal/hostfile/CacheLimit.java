// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.internal.file.SavedPages;
import dev.samara.core.internal.file.SpareWalk;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.sync.CheckedLock;
import dev.samara.core.internal.trace.BegunEvent;
import dev.samara.core.internal.trace.Tracepoints;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Keeps the pages in memory of all files of the host of a machine few: a thread that is about to read a page, or to
 * write bytes, evicts others near the limit. Thread-safe.
 */
final class CacheLimit {
    /** The most bytes below the limit from which on pages are evicted. */
    private static final long MOST_EARLY = 1 << 20;

    /** The number of steps of an eviction, each over a batch of pages, after which dirty pages are written. */
    private static final int PATIENCE = 32;

    private final InodeTable inodes;

    /**
     * The bytes of the pages in memory of all files.
     *
     * @written by the name of {@code counter}, see there
     * @read a thread that reads a page or writes bytes (volatile)
     * @invariant the bytes of the pages in memory of all files of the host. A page is counted off before its frame is
     *     freed
     */
    private final AtomicLong resident = new AtomicLong();

    /** The most bytes of pages in memory of all files. Set before the first file is opened. */
    private long mostBytes = Long.MAX_VALUE;

    /** The bytes below the limit from which on pages are evicted. Set with it. */
    private long early;

    /** Held by the one thread that evicts pages for the limit. Others wait for it at the limit, and not before. */
    private final ReentrantLock room = new CheckedLock();

    /**
     * The next file to evict pages of.
     *
     * @words {@code next}, {@code futile}
     * @written holder of {@code room} (plain)
     * @read holder of {@code room} (plain)
     * @invariant the file whose pages are evicted next; the evictions in vain since all pages were tried again
     */
    @GuardedBy("room")
    private int next;

    /** How often no page could be evicted since all were tried again. */
    @GuardedBy("room")
    private long futile;

    CacheLimit(InodeTable inodes) {
        this.inodes = inodes;
    }

    /** Sets the limit in bytes; see {@code HostFiles.limit}. */
    void bound(long bytes) {
        mostBytes = bytes;
        early = Math.min(MOST_EARLY, bytes >> 6);
    }

    /** Returns the cache of a new file, whose pages are counted and evicted. */
    SavedPages newPages(MachineMemory memory, long size, SpareWalk spare) {
        return new SavedPages(
                memory, size, resident, mostBytes / memory.frames().pageSize(), spare);
    }

    /** Returns the maximum number of pages of one read-ahead; see {@code OpenHostFile}. */
    long mostAhead(Frames frames) {
        return Math.min(mostBytes / frames.pageSize(), frames.most()) / 2;
    }

    /**
     * Evicts pages while there are almost as many in memory as the limit says, or more. Dirty ones are written if no
     * clean one can be evicted. Waits for the host, and at the limit for another thread that does this. The caller
     * holds no lock but those of changes and of a write-back, and does not read a page.
     *
     * @param reader the pages of the file of which one is read or written: what its last scan has left behind goes
     * first
     */
    void makeRoom(SavedPages reader) {
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
            recorded = Tracepoints.beginReclaim();
            boolean isFound = true;
            while (isFound && resident.get() >= from) {
                long before = resident.get();
                isFound = reader.evictRecent() > 0 || evict(PATIENCE) || evict(0) || retry(reader);
                freedBytes += Math.max(before - resident.get(), 0);
            }
        } finally {
            room.unlock();
        }
        // Slightly too low if other threads insert pages concurrently.
        long freed = freedBytes / reader.pages().memory().frames().pageSize();
        Tracepoints.endReclaim(recorded, "pages above the cache limit", (int) freed, false);
    }

    /**
     * Evicts some pages, in two rounds of all files at most: the first round may find only pages with a second chance.
     * Writes the dirty pages of all files once, after some steps in vain.
     *
     * @param patience the number of these steps
     */
    @GuardedBy("room")
    private boolean evict(int patience) {
        int steps = 0;
        for (int left = 2 * inodes.count(); left > 0; left--) {
            HostInode inode = inodes.at(next);
            if (inode == null) {
                next = 0;
                continue;
            }
            int freed;
            do {
                if (steps++ == patience) {
                    writeSome();
                }
                freed = inode.evict(false);
                if (freed > 0) {
                    return true;
                }
            } while (freed == 0 && !inode.saved().isEvictionAtStart());
            next++;
        }
        return false;
    }

    /**
     * Has the evictions try pages again that could not be evicted or written before, once for as many vain attempts as
     * there are pages in memory: so the scans and the writes of all pages cost each attempt those of one page. Not all
     * that makes a page evictable can be noticed, such as room on the host.
     *
     * @return whether they will
     */
    @GuardedBy("room")
    private boolean retry(SavedPages reader) {
        if (++futile < resident.get() / reader.pages().memory().frames().pageSize()) {
            return false;
        }
        futile = 0;
        for (HostInode inode : inodes.all()) {
            inode.saved().retryEviction();
        }
        return true;
    }

    /** Writes the dirty pages that evictions have found in all files, and forces none. Waits for no lock. */
    private void writeSome() {
        for (HostInode inode : inodes.all()) {
            inode.writeSome();
        }
    }
}
