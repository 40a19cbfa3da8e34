// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.file.SpareWalk;
import dev.samara.core.internal.page.Caches;
import dev.samara.core.internal.sync.CheckedLock;
import dev.samara.core.internal.sync.CheckedReadWriteLock;
import dev.samara.core.mman.Errno;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;

/**
 * One file of the host, with its pages in memory, for all opens of it in a machine ({@code struct inode}).
 *
 * <p>The file of the host is never shorter than the page cache says, unless another program has made it shorter (see
 * {@link HostSize}).
 */
final class HostInode {
    /** How often a read or a write-back tries again that has found the file of the host shorter. */
    static final int ATTEMPTS = 8;

    private final HostFiles files;
    private final Object key;

    /** The name of the first open. */
    private final String name;

    private final FilePages pages;
    private final ErrorSequence errors = new ErrorSequence();
    private final HostForces forces;
    private final PageReads reads;
    private final PageWrites writes;
    private final HostBytes bytes;
    private final HostSize size;

    /** Serializes writes by calls, holes and changes of the size ({@code i_rwsem}). */
    private final ReentrantLock changes = new CheckedLock();

    /**
     * Serializes write-backs, and excludes them from truncations and holes. Not held during a force ({@link
     * HostForces}). Taken after {@link #changes}.
     */
    private final ReentrantLock writeBack = new CheckedLock();

    /**
     * Shared by reads of pages into memory, and exclusive in truncations and holes ({@code invalidate_lock}). Otherwise
     * a page that was read before a truncation could come into memory after it. Taken after {@link #writeBack}.
     */
    private final CheckedReadWriteLock invalidate = new CheckedReadWriteLock();

    /** The channel of the first open, or of the first one for writing. */
    private volatile HostChannel channel;

    /** Whether the channel is open for writing. Stored after the channel, and never set back to false. */
    private volatile boolean isWritable;

    /** All channels that end with this. Guarded by the monitor of {@link InodeTable}. */
    private final List<HostChannel> channels = new ArrayList<>(2);

    /** Guarded by the monitor of {@link InodeTable}. */
    private final HostUse use = new HostUse();

    HostInode(
            HostFiles files,
            Object key,
            String name,
            FilePages pages,
            ReadSpaces spaces,
            HostChannel channel,
            boolean isWritable) {
        this.name = name;
        this.files = files;
        this.key = key;
        this.pages = pages;
        TransferBuffers buffers = files.buffers();
        this.channel = channel;
        this.isWritable = isWritable;
        channels.add(channel);
        size = new HostSize(this);
        forces = new HostForces(this, files.dropsFailedWrites(), files.forcesOnClose());
        writes = new PageWrites(this, forces, buffers, files.dropsFailedWrites());
        reads = new PageReads(this, buffers, spaces);
        bytes = new HostBytes(this, files);
        pages.allowReclaim();
    }

    /**
     * Has the pages counted and evicted. Called before the first page is in memory.
     *
     * @param most the most pages in memory of all files
     * @param spare the walk that the evictions of all files use in turn
     */
    void evictBy(AtomicLong counter, long most, SpareWalk spare) {
        pages.evictBy(counter, this::evictUrgently, most, spare);
    }

    /** Frees pages for an access that finds no frame: clean ones, or else dirty ones that are written. */
    private int evictUrgently(boolean isRetry) {
        if (isRetry) {
            pages.retryEviction();
        }
        int freed = evict(true);
        if (freed != 0 || !isWritable) {
            return freed;
        }
        writeSome();
        return evict(true);
    }

    Object key() {
        return key;
    }

    FilePages pages() {
        return pages;
    }

    ErrorSequence errors() {
        return errors;
    }

    PageWrites writes() {
        return writes;
    }

    HostChannel channel() {
        return channel;
    }

    boolean isWritable() {
        return isWritable;
    }

    /** The caller holds the monitor of {@link InodeTable}. */
    HostUse use() {
        return use;
    }

    /** Takes a channel that is open for writing. The caller holds the monitor of {@link InodeTable}. */
    void takeWritable(HostChannel writable) {
        channels.add(writable);
        channel = writable;
        isWritable = true;
    }

    HostBytes bytes() {
        return bytes;
    }

    HostSize size() {
        return size;
    }

    ReentrantLock changesLock() {
        return changes;
    }

    ReentrantLock writeBackLock() {
        return writeBack;
    }

    /** Returns the lock that reads of pages into memory share. */
    CheckedReadWriteLock invalidateLock() {
        return invalidate;
    }

    HostForces forces() {
        return forces;
    }

    /**
     * Returns the frame of a page, and reads the page if it is not in memory.
     *
     * @param page the page
     * @param most the most pages that are read at once, the page and those after it
     * @param isScan whether the others are those after an access
     * @return the frame; {@link PageReads#BEYOND}, {@link FilePages#NO_MEMORY} or {@link PageReads#UNREADABLE}
     */
    int fetch(long page, int most, boolean isScan) {
        files.makeRoom(this);
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            int frame = reads.fetch(page, most, isScan);
            while (frame == FilePages.EVICTED) {
                pages.awaitChange();
                frame = reads.fetch(page, most, isScan);
            }
            if (frame != PageReads.SHORT) {
                return frame;
            }
            // Made shorter by another program.
            if (size.revalidate() != 0) {
                return PageReads.UNREADABLE;
            }
        }
        return PageReads.UNREADABLE;
    }

    /** Takes the locks of the changes, of the write-back and of the reads, in this order. */
    void lockAll() {
        boolean isDone = false;
        changes.lock();
        try {
            lockWriteBackAndReads();
            isDone = true;
        } finally {
            if (!isDone) {
                changes.unlock();
            }
        }
    }

    private void lockWriteBackAndReads() {
        boolean isDone = false;
        writeBack.lock();
        try {
            invalidate.lock();
            isDone = true;
        } finally {
            if (!isDone) {
                writeBack.unlock();
            }
        }
    }

    void unlockAll() {
        try {
            invalidate.unlock();
        } finally {
            try {
                writeBack.unlock();
            } finally {
                changes.unlock();
            }
        }
    }

    /**
     * Writes the dirty pages of a range, and forces the file. Waits for other changes, write-backs and forces. A page
     * whose write has failed stays dirty, and so does each page that the force may have lost, unless failed writes are
     * dropped.
     *
     * @return 0, or the negated errno of a failure, which is recorded
     */
    long flush(long first, long last) {
        // Before the writes: the failure of a force that comes after this may be the failure of one of them.
        long failures = forces.failures();
        long failed = write(first, last);
        long unforced = forces.force(failures);
        return failed != 0 ? failed : unforced;
    }

    /** Writes all dirty pages before the file is closed, and forces it unless closes force nothing. */
    long save() {
        return files.forcesOnClose() ? flush(0, Long.MAX_VALUE) : write(0, Long.MAX_VALUE);
    }

    /** Writes the dirty pages of a range, and forces nothing. Waits for other changes and write-backs. */
    long write(long first, long last) {
        Cpus.checkMayWait("a write-back");
        if (size.isTooLong()) {
            size.revalidate();
        }
        long failed = 0;
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            failed = writes.write(first, last);
            if (failed != PageWrites.SHORT) {
                return failed;
            }
            // Made shorter by another program. Nothing makes it longer again.
            failed = size.revalidate();
            if (failed != 0) {
                errors.add(failed);
                return failed;
            }
        }
        errors.add(Errno.EIO.result());
        return Errno.EIO.result();
    }

    /**
     * Frees some clean pages, mapped or not. A page that is being written is pinned, and stays.
     *
     * @param isUrgent whether this is for an access that finds no frame: pages get no second chance, and no lock is
     *     waited for, since the caller may have some of any file
     * @return the number of freed pages; {@link Caches#BUSY} if the file is being changed
     */
    int evict(boolean isUrgent) {
        return pages.evict(isUrgent);
    }

    /** Writes the dirty pages that evictions have found. Forces nothing, and waits for no lock. */
    void writeSome() {
        if (pages.hasDirtyToEvict() && writeBack.tryLock()) {
            try {
                writes.writeForEviction();
            } finally {
                writeBack.unlock();
            }
        }
    }

    /**
     * Writes all dirty pages, and forces nothing. Waits for other changes and write-backs, but does not take the lock
     * of the changes: pages beyond an end that another program has moved stay dirty.
     */
    void writeAll() {
        writes.write(0, Long.MAX_VALUE);
    }

    /** Waits for the write-back that is under way. */
    void awaitWriteBack() {
        writeBack.lock();
        try {
            assert writeBack.isHeldByCurrentThread();
        } finally {
            writeBack.unlock();
        }
    }

    /** Closes the pages and all channels. The caller is the last user. */
    void end(List<HostChannel> ending) {
        try {
            pages.close();
        } finally {
            for (HostChannel one : ending) {
                try {
                    one.close();
                } catch (IOException failed) {
                    errors.add(HostErrors.of(failed).result());
                }
            }
        }
    }

    /** Returns the channels, of which this has none then. The caller holds the monitor of {@link InodeTable}. */
    List<HostChannel> takeChannels() {
        List<HostChannel> all = List.copyOf(channels);
        channels.clear();
        return all;
    }

    @Override
    public String toString() {
        return "file " + name;
    }
}
