// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.page.PageCaches;
import dev.samara.core.mman.Errno;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * One host file with its pages in memory, shared by all opens of the file in a machine ({@code struct inode}).
 *
 * <p>The host's file is never shorter than the size in the page cache, unless another program has truncated it (see
 * {@link HostSize}).
 */
final class HostInode {
    private final Object key;
    private final InodeState state;
    private final FilePolicy policy;
    private final FilePages pages;
    private final FilePages saved;
    private final HostForces forces;
    private final PageFetches fetches;
    private final PageWrites writes;
    private final HostBytes bytes;
    private final HostSize size;
    private final HookedWrites hooked;
    private final ChannelLocks locks;

    /** Whether the file was opened by path, and is counted in {@link ProcessFiles}. */
    private final boolean isOfPath;

    /** All channels that are closed at the end of this file. Guarded by the monitor of {@link InodeTable}. */
    private final List<HostChannel> channels = new ArrayList<>(2);

    /** Guarded by the monitor of {@link InodeTable}. */
    private final HostUse use = new HostUse();

    /**
     * Creates a file that was just opened.
     *
     * @param state the state that the parts of the file share
     * @param policy the settings for all files of the machine
     * @param readArrays the arrays that its reads reuse
     * @param isOfPath whether the file was opened by path
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
        locks = new ChannelLocks(state, isOfPath ? key : null);
        hooked = new HookedWrites(policy.tasks, () -> writes.write(0, Long.MAX_VALUE, true));
        UncachedWrites direct = new UncachedWrites(state, size, forces, policy.buffers);
        bytes = new HostBytes(state, size, fetches, writes, direct, policy);
        pages.allowReclaim();
        saved.evictUrgentlyBy(this::evictUrgently);
    }

    /**
     * Frees pages for an access that finds no free frame. Frees clean pages; if there are none, writes dirty pages and
     * frees them.
     */
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

    FilePages saved() {
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

    /** Sets the rules of an open. The caller holds the monitor of {@link InodeTable}. */
    void setRules(FileRules rules) {
        state.setRules(rules);
    }

    /**
     * Checks that a call of the file is not made by one of the file's hooks.
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

    /** Sets a channel that is open for writing. The caller holds the monitor of {@link InodeTable}. */
    void takeWritable(HostChannel writable) {
        channels.add(writable);
        state.takeWritable(writable);
    }

    ChannelLocks locks() {
        return locks;
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
     * whose write failed stays dirty, and pages that a failed force may have lost become dirty again, unless failed
     * writes are dropped.
     *
     * @return 0, or the negated errno of a failure, which is recorded
     */
    long flush(long first, long last) {
        // Read before the writes, because a force that fails after this may report the failure of one of them.
        long failures = forces.failures();
        long failed = write(first, last);
        long unforced = forces.force(failures);
        return failed != 0 ? failed : unforced;
    }

    /** Writes all dirty pages like {@link #flush}, and forces the file if this machine has changed it. */
    long flushOwn() {
        long failures = forces.failures();
        long failed = write(0, Long.MAX_VALUE);
        long unforced = forces.forceOwn(failures);
        return failed != 0 ? failed : unforced;
    }

    /**
     * Writes all dirty pages before the file is closed. Also forces the file, unless the policy is not to force at a
     * close.
     */
    long save() {
        return policy.forcesOnClose ? flushOwn() : write(0, Long.MAX_VALUE);
    }

    /** Notes an open by path; see {@link HostForces#noteOpen}. */
    void noteOpen(HostPath.@Nullable HostFolder newIn) {
        forces.noteOpen(newIn);
    }

    /** Writes the dirty pages of a range, without forcing the file. Waits for other changes and write-backs. */
    long write(long first, long last) {
        ThreadCpus.checkMayWait("a write-back");
        checkNoHook("a write-back");
        if (size.isTooLong()) {
            size.revalidate();
        }
        long failed = 0;
        for (int attempt = 0; attempt < PageFetches.ATTEMPTS; attempt++) {
            failed = writes.write(first, last, true);
            if (failed != PageWrites.SHORT) {
                return failed == FilePages.PageWriter.HELD ? Errno.EAGAIN.result() : failed;
            }
            // Another program has truncated the file. The write-back does not extend it again.
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
     * Frees some clean pages, whether they are mapped or not. A page that is being written is pinned, and stays.
     *
     * @param isUrgent whether this is for an access that finds no free frame. In that case pages get no second chance,
     *     and the call waits for no lock, because the caller may hold locks of any file
     * @return the number of freed pages; {@link PageCaches#BUSY} if another thread is changing the file
     */
    int evict(boolean isUrgent) {
        return saved.evict(isUrgent);
    }

    /**
     * Frees the clean pages from {@code first} to {@code last}, inclusive, like {@link #evict} but without a second
     * chance.
     */
    void evictRange(long first, long last) {
        saved.evictRange(first, last);
    }

    /**
     * Writes the dirty pages that evictions found, without forcing the file. Waits for no lock. The pages of a file
     * with hooks are written later by a task, and the pages of a file with {@code NO_STEAL} are not written.
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
     * Writes all dirty pages in the background, without forcing the file. Waits for other changes and write-backs, but
     * does not acquire the lock of the changes. So it does not follow a change of the size by another program, and
     * pages beyond the new end stay dirty. The pages of a file with hooks are written later by a task, and the pages of
     * a file with {@code NO_STEAL} are not written.
     *
     * @param alsoFailed whether to write also pages whose last write failed
     */
    void writeAll(boolean alsoFailed) {
        if (rules().isNoSteal()) {
            return;
        }
        if (rules().hooks() != null) {
            hooked.give();
        } else {
            writes.write(0, Long.MAX_VALUE, alsoFailed);
        }
    }

    /**
     * Passes the dirty pages of a range to a visitor, in ascending order. Waits for write-backs and other changes,
     * because a page that is being written is not clean yet.
     */
    void findDirty(long first, long last, LongConsumer visitor) {
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
     * Closes the page cache and all channels. The caller is the last user.
     *
     * @return 0, or the negated errno of a failed close, in which case some bytes may not have been written. A failed
     *     close of a file that was only read returns 0
     */
    long end(List<HostChannel> ending) {
        long failure = 0;
        try {
            pages.close();
        } finally {
            IOException failed = isOfPath ? ProcessFiles.close(key, ending) : endLent(ending);
            failure = failed == null ? 0 : Errno.of(failed).result();
        }
        return isWritable() ? failure : 0;
    }

    /** Ends the file of a channel that stays open, and whose locks would therefore stay, too. */
    private @Nullable IOException endLent(List<HostChannel> ending) {
        IOException failed = null;
        try {
            locks.releaseAll(null);
        } catch (IOException kept) {
            failed = kept;
        }
        IOException notClosed = ProcessFiles.closeAll(ending);
        return notClosed == null ? failed : notClosed;
    }

    /** Removes and returns all channels. The caller holds the monitor of {@link InodeTable}. */
    List<HostChannel> takeChannels() {
        List<HostChannel> all = List.copyOf(channels);
        channels.clear();
        if (isOfPath) {
            // Under the monitor, so that a later open finds this use counted as one that has ended.
            ProcessFiles.ending(key);
        }
        return all;
    }

    @Override
    public String toString() {
        return state.toString();
    }
}
