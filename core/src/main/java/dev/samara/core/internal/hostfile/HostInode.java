// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.file.PageWriter;
import dev.samara.core.internal.file.SavedPages;
import dev.samara.core.internal.page.PageCaches;
import dev.samara.core.mman.Errno;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * One file of the host, with its pages in memory, for all opens of it in a machine ({@code struct inode}).
 *
 * <p>The file of the host is never shorter than the page cache says, unless another program has made it shorter (see
 * {@link HostSize}).
 */
final class HostInode {
    private final Object key;
    private final InodeState state;
    private final FilePolicy policy;
    private final FilePages pages;
    private final SavedPages saved;
    private final HostForces forces;
    private final PageFetches fetches;
    private final PageWrites writes;
    private final HostBytes bytes;
    private final HostSize size;
    private final HookedWrites hooked;

    /** Whether the file was opened by path, and counts in {@link ProcessFiles}. */
    private final boolean isOfPath;

    /** All channels that end with this. Guarded by the monitor of {@link InodeTable}. */
    private final List<HostChannel> channels = new ArrayList<>(2);

    /** Guarded by the monitor of {@link InodeTable}. */
    private final HostUse use = new HostUse();

    /**
     * Describes a file that was just opened.
     *
     * @param state the file
     * @param policy what all files of the machine have in common
     * @param readArrays what its reads use
     * @param isOfPath whether it was opened by path
     */
    HostInode(Object key, InodeState state, FilePolicy policy, ReadArraysPool readArrays, boolean isOfPath) {
        this.key = key;
        this.isOfPath = isOfPath;
        this.state = state;
        this.policy = policy;
        pages = state.pages();
        saved = state.saved();
        channels.add(state.channel());
        forces = new HostForces(state, policy.dropsFailedWrites, policy.forcesOnClose);
        size = new HostSize(state, forces);
        HookCalls hooks = new HookCalls(state, policy.reporter);
        writes = new PageWrites(state, forces, policy.buffers, policy.dropsFailedWrites, hooks);
        fetches =
                new PageFetches(new PageReads(state, policy.buffers, readArrays, hooks), size, policy.makeRoom, saved);
        hooked = new HookedWrites(policy.tasks, () -> writes.write(0, Long.MAX_VALUE));
        UncachedWrites direct = new UncachedWrites(state, size, forces, policy.buffers);
        bytes = new HostBytes(state, size, fetches, writes, direct, policy);
        pages.allowReclaim();
        saved.evictUrgentlyBy(this::evictUrgently);
    }

    /** Frees pages for an access that finds no frame: clean ones, or else dirty ones that are written. */
    private int evictUrgently(boolean isRetry) {
        if (isRetry) {
            saved.retryEviction();
        }
        int freed = evict(true);
        if (freed != 0 || !isWritable()) {
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

    SavedPages saved() {
        return saved;
    }

    ErrorSequence errors() {
        return state.errors();
    }

    boolean isWritable() {
        return state.isWritable();
    }

    FileRules rules() {
        return state.rules();
    }

    /** Takes the rules of an open. The caller holds the monitor of {@link InodeTable}. */
    void setRules(FileRules rules) {
        state.setRules(rules);
    }

    /**
     * Checks that a call may use the file: it is not made by one of its hooks.
     *
     * @param what the call, for messages
     */
    void checkNoHook(String what) {
        if (state.rules().hooks() != null) {
            HookCalls.check(state, what);
        }
    }

    /** Returns the name of the first open, usually the path. */
    String name() {
        return state.name();
    }

    /** The caller holds the monitor of {@link InodeTable}. */
    HostUse use() {
        return use;
    }

    /** Takes a channel that is open for writing. The caller holds the monitor of {@link InodeTable}. */
    void takeWritable(HostChannel writable) {
        channels.add(writable);
        state.takeWritable(writable);
    }

    HostBytes bytes() {
        return bytes;
    }

    HostSize size() {
        return size;
    }

    /** Returns the frame of a page; see {@link PageFetches#fetch}. */
    int fetch(long page, int most, boolean isScan) {
        return fetches.fetch(page, most, isScan);
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
        return policy.forcesOnClose ? flush(0, Long.MAX_VALUE) : write(0, Long.MAX_VALUE);
    }

    /** Writes the dirty pages of a range, and forces nothing. Waits for other changes and write-backs. */
    long write(long first, long last) {
        Cpus.checkMayWait("a write-back");
        checkNoHook("a write-back");
        if (size.isTooLong()) {
            size.revalidate();
        }
        long failed = 0;
        for (int attempt = 0; attempt < PageFetches.ATTEMPTS; attempt++) {
            failed = writes.write(first, last);
            if (failed != PageWrites.SHORT) {
                return failed == PageWriter.HELD ? Errno.EAGAIN.result() : failed;
            }
            // Made shorter by another program. Nothing makes it longer again.
            failed = size.revalidate();
            if (failed != 0) {
                state.errors().add(failed);
                return failed;
            }
        }
        state.errors().add(Errno.EIO.result());
        return Errno.EIO.result();
    }

    /**
     * Frees some clean pages, mapped or not. A page that is being written is pinned, and stays.
     *
     * @param isUrgent whether this is for an access that finds no frame: pages get no second chance, and no lock is
     *     waited for, since the caller may have some of any file
     * @return the number of freed pages; {@link PageCaches#BUSY} if the file is being changed
     */
    int evict(boolean isUrgent) {
        return saved.evict(isUrgent);
    }

    /** Frees the clean pages of a range, inclusive, as {@link #evict} does, without a second chance. */
    void evictRange(long first, long last) {
        saved.evictRange(first, last);
    }

    /**
     * Writes the dirty pages that evictions have found. Forces nothing, and waits for no lock. Those of a file with
     * hooks are written later, and those of a file that is written only when that is asked for stay.
     */
    void writeSome() {
        if (!saved.hasDirtyToEvict() || rules().isNoSteal()) {
            return;
        }
        if (rules().hooks() != null) {
            hooked.give();
        } else if (state.writeBackLock().tryLock()) {
            try {
                writes.writeForEviction();
            } finally {
                state.writeBackLock().unlock();
            }
        }
    }

    /**
     * Writes all dirty pages that no call has asked for, and forces nothing. Waits for other changes and write-backs,
     * but does not take the lock of the changes: pages beyond an end that another program has moved stay dirty. Those
     * of a file with hooks are written later, and those of a file that is written only when that is asked for stay.
     */
    void writeAll() {
        if (rules().isNoSteal()) {
            return;
        }
        if (rules().hooks() != null) {
            hooked.give();
        } else {
            writes.write(0, Long.MAX_VALUE);
        }
    }

    /**
     * Passes the dirty pages of a range to a visitor, in ascending order. Waits for write-backs and other changes: a
     * page that is being written is not clean yet.
     */
    void findDirty(long first, long last, SavedPages.DirtyPageVisitor visitor) {
        state.writeBackLock().lock();
        try {
            saved.findDirty(first, last, visitor);
        } finally {
            state.writeBackLock().unlock();
        }
    }

    /** Waits for the write-back that is under way. */
    void awaitWriteBack() {
        state.writeBackLock().lock();
        try {
            assert state.writeBackLock().isHeldByCurrentThread();
        } finally {
            state.writeBackLock().unlock();
        }
    }

    /**
     * Closes the pages and all channels. The caller is the last user.
     *
     * @return 0, or the negated errno of a close that has failed: perhaps something was not written. That of a file
     *     that was only read does not count
     */
    long end(List<HostChannel> ending) {
        long failure = 0;
        try {
            pages.close();
        } finally {
            IOException failed = isOfPath ? ProcessFiles.close(key, ending) : ProcessFiles.closeAll(ending);
            failure = failed == null ? 0 : HostErrors.of(failed).result();
        }
        return isWritable() ? failure : 0;
    }

    /** Returns the channels, of which this has none then. The caller holds the monitor of {@link InodeTable}. */
    List<HostChannel> takeChannels() {
        List<HostChannel> all = List.copyOf(channels);
        channels.clear();
        return all;
    }

    @Override
    public String toString() {
        return state.toString();
    }
}
