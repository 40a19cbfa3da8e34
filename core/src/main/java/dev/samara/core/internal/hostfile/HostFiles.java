// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.backing.HostFileOption;
import dev.samara.core.event.Report;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.file.SpareWalk;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames.DirtyPages;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Opens host files for one machine, and makes sure that their dirty pages are written. All opens of a file share one
 * page cache. A file is identified by its key, or by its real path if the file system has no keys. The file system does
 * not reuse the key of a file while a channel of the file is open.
 */
public final class HostFiles {
    private static final Set<OpenOption> KNOWN = Set.of(
            StandardOpenOption.READ,
            StandardOpenOption.WRITE,
            StandardOpenOption.CREATE,
            StandardOpenOption.CREATE_NEW);

    private final Consumer<Report> reporter;

    /** Set before the first file is opened. */
    private ChannelOpener opener = PathChannel::open;

    /** Writes pages periodically in the background; null if nothing does. Set before the first file is opened. */
    private @Nullable PeriodicWrites background;

    private final InodeTable inodes = new InodeTable();
    private final CacheLimit limit = new CacheLimit(inodes);
    private final DirtyLimit dirty;
    private final FilePolicy policy;
    private final LastClose ends;
    private final HostOpens opens;

    /**
     * The arrays that reads of pages reuse, by memory, i.e. one pool per page size. Guarded by the monitor of {@link
     * InodeTable}.
     */
    private final Map<MachineMemory, ReadArraysPool> readArrays = new HashMap<>();

    /**
     * The idle walks that evictions reuse, by memory, i.e. one per page size. Guarded by the monitor of {@link
     * InodeTable}.
     */
    private final Map<MachineMemory, SpareWalk> walks = new HashMap<>();

    /**
     * Creates an object without open files.
     *
     * @param reporter receives a report of each file that could not be saved
     * @param tasks runs reads and writes in the background, which may block
     */
    public HostFiles(Consumer<Report> reporter, Executor tasks) {
        this.reporter = reporter;
        dirty = new DirtyLimit(tasks, this::writeDirty);
        policy = new FilePolicy(limit::makeRoom, dirty::balance, reporter, tasks);
        ends = new LastClose(inodes, policy, reporter);
        opens = new HostOpens(inodes, ends, limit, policy, tasks);
    }

    /** Installs a different opener. Called before the first file is opened. */
    public void openBy(ChannelOpener other) {
        opener = other;
    }

    /**
     * Makes smaller reads also bypass the cache, for tests. Called before the first file is opened.
     *
     * @param bytes the minimum number of bytes in pages that are not in memory for which a read bypasses the cache
     */
    public void readUncachedFrom(int bytes) {
        policy.leastUncached = bytes;
    }

    /**
     * Opens a host file.
     *
     * @param memory the memory of the spaces that will map it
     * @param options {@code READ}, {@code WRITE}, {@code CREATE} and {@code CREATE_NEW}, and the options of {@link
     *     FileRules}
     * @throws MmException if the host rejects the open, or if the file is not a regular file
     * @throws IllegalArgumentException for any other option
     */
    public OpenHostFile open(Path path, MachineMemory memory, Set<OpenOption> options) {
        FileRules rules = FileRules.of(options);
        Set<OpenOption> standard = FileRules.withoutRules(options);
        if (!KNOWN.containsAll(standard)) {
            throw new IllegalArgumentException("options " + options + " are not all of " + KNOWN + ", "
                    + Arrays.toString(HostFileOption.values()) + " and PageHooks");
        }
        boolean writes = options.contains(StandardOpenOption.WRITE);
        boolean creates =
                options.contains(StandardOpenOption.CREATE) || options.contains(StandardOpenOption.CREATE_NEW);
        if (creates && !writes) {
            throw new IllegalArgumentException("a file that is created must be opened with WRITE");
        }
        if (rules.lock() == HostFileOption.EXLOCK && !writes) {
            throw new IllegalArgumentException("a file that is locked by EXLOCK must be opened with WRITE");
        }
        try {
            PathEntry entry = new PathEntry(opener, inodes, path, standard, rules);
            PathEntry.EnteredFile entered = entry.enter(
                    memory,
                    (key, channel, size) -> newInode(key, path.toString(), memory, channel, size, writes, rules));
            beginPeriodicWrites(entered.inode(), writes);
            boolean isDirect = options.contains(HostFileOption.DIRECT);
            return opened(entered.inode(), path, entered.identity(), writes, creates, isDirect);
        } catch (IOException failed) {
            throw HostPath.refusal(path.toString(), Errno.of(failed), failed);
        } catch (UnsupportedOperationException foreign) {
            // The file system of another provider may not support channels of this kind.
            throw HostPath.refusal(path.toString(), Errno.EOPNOTSUPP, foreign);
        }
    }

    private OpenHostFile opened(
            HostInode inode, Path path, HostIdentity identity, boolean writes, boolean creates, boolean isDirect)
            throws IOException {
        boolean isOpen = false;
        try {
            inode.noteOpen(creates ? HostPath.HostFolder.of(opener, path) : null);
            // Another program may have changed the size since an earlier open.
            long failed = inode.size().look();
            if (failed != 0) {
                throw HostPath.refusal(path.toString(), Errno.of(failed), null);
            }
            OpenHostFile made = new OpenHostFile(opens, inode, path.toString(), identity, writes, isDirect);
            isOpen = true;
            return made;
        } finally {
            if (!isOpen) {
                ends.leave(inode, writes);
            }
        }
    }

    /**
     * Opens the bytes of a buffer as a file.
     *
     * @param bytes the bytes, from the buffer's position to its limit
     */
    public OpenHostFile open(String name, MachineMemory memory, ByteBuffer bytes) {
        HostChannel channel = new BufferChannel(bytes);
        boolean writes = !bytes.isReadOnly();
        HostInode inode = enter(channel, name, memory, channel, bytes.remaining(), writes);
        return new OpenHostFile(opens, inode, name, HostIdentity.NONE, writes, false);
    }

    /**
     * Opens the file of a channel that belongs to the embedder, who closes it.
     *
     * @param writes whether the channel is open for writing
     * @throws MmException if the channel lacks a right, or if the size of the file cannot be read
     */
    public OpenHostFile open(String name, MachineMemory memory, FileChannel lent, boolean writes) {
        EmbedderChannel channel = new EmbedderChannel(lent, name);
        HostInode inode;
        try {
            channel.checkRights(writes);
            inode = enter(lent, name, memory, channel, channel.size(), writes);
            inode.noteOpen(null);
        } catch (IOException failed) {
            InodeTable.close(channel);
            throw HostPath.refusal(name, Errno.of(failed), failed);
        }
        return new OpenHostFile(opens, inode, name, HostIdentity.NONE, writes, false);
    }

    /** Finds or creates a file, and counts an open of it; see {@link InodeTable#enter}. */
    private HostInode enter(
            Object key, String name, MachineMemory memory, HostChannel channel, long size, boolean writes) {
        HostInode entered = inodes.enter(
                key,
                memory,
                channel,
                writes,
                FileRules.NONE,
                () -> newInode(key, name, memory, channel, size, writes, null));
        beginPeriodicWrites(entered, writes);
        return entered;
    }

    /** Starts the periodic writes for a new open. If that fails, ends the open. */
    private void beginPeriodicWrites(HostInode inode, boolean writes) {
        if (!writes || background == null) {
            return;
        }
        boolean isBegun = false;
        try {
            background.begin();
            isBegun = true;
        } finally {
            if (!isBegun) {
                ends.leave(inode, true);
            }
        }
    }

    /**
     * Creates a file. The caller holds the monitor of {@link #inodes}.
     *
     * @param rules the rules of the open by path; null for a file without a path
     */
    private HostInode newInode(
            Object key,
            String name,
            MachineMemory memory,
            HostChannel channel,
            long size,
            boolean writes,
            @Nullable FileRules rules) {
        FilePages pages = limit.newPages(memory, size, walks.computeIfAbsent(memory, SpareWalk::new));
        InodeState state = new InodeState(name, pages, channel, writes, rules == null ? FileRules.NONE : rules);
        return new HostInode(key, state, policy, readArrays(memory), rules != null);
    }

    /** The caller holds the monitor of {@link #inodes}. */
    private ReadArraysPool readArrays(MachineMemory memory) {
        return readArrays.computeIfAbsent(
                memory, of -> new ReadArraysPool(of.frames().direct()));
    }

    /**
     * Limits the pages in memory of all files. Set before the first file is opened.
     *
     * @param bytes the limit, positive; reads that are under way may exceed it by their windows
     */
    public void limit(long bytes) {
        limit.bound(bytes);
    }

    /** From now on, pages whose write fails become clean. Called before the first file is opened. */
    public void dropFailedWrites() {
        policy.dropsFailedWrites = true;
    }

    /** From now on, closes do not force files. Called before the first file is opened. */
    public void forceNothingOnClose() {
        policy.forcesOnClose = false;
    }

    /**
     * Limits the dirty pages in memory of all files. Set before the first file is opened.
     *
     * @param background the number of dirty bytes from which on they are written in the background, positive
     * @param most the number of dirty bytes from which on a thread must write them before it makes pages dirty
     */
    public void limitDirty(long background, long most) {
        dirty.bound(background, most);
    }

    /** Returns the object that is notified of pages that become dirty; null if they are not limited. */
    public @Nullable DirtyPages dirtyPages() {
        return dirty.isBounded() ? dirty : null;
    }

    /**
     * Writes the dirty pages of all files, without forcing the files. Waits for other changes and write-backs of each
     * file. Leaves out pages whose last write failed. The number of dirty bytes does not contain them, so they would
     * make each of the frequent passes longer. The periodic writes, evictions and saves retry them.
     */
    private void writeDirty() {
        inodes.all().forEach(inode -> writeDirty(inode, false));
    }

    private void writeDirty(HostInode inode, boolean alsoFailed) {
        try {
            inode.writeAll(alsoFailed);
        } catch (OutOfMemoryError | StackOverflowError exhausted) {
            // The pages stay dirty. The failure is not thrown, because the caller may be making pages of a different
            // file dirty.
            reporter.accept(
                    new Report(Report.Kind.FILE_NOT_SAVED, inode + " could not be written: " + exhausted, exhausted));
        }
    }

    /**
     * From now on, writes dirty pages periodically. Called before the first file is opened.
     *
     * @param nanos the time between two writes, positive
     */
    public void writeEvery(long nanos) {
        background = new PeriodicWrites(this::writeAll, inodes::areSomeWritable, opens.tasks(), nanos);
    }

    /**
     * Writes the dirty pages of all files, without forcing the files. Called by a task that may wait. Also retries to
     * save and close files that could not be saved by their last close, because a deleted file would never be opened
     * again.
     *
     * @return whether a file is open for writing
     */
    boolean writeAll() {
        for (HostInode inode : inodes.all()) {
            writeDirty(inode, true);
            ends.endUnused(inode);
        }
        return inodes.areSomeWritable();
    }

    /** Checks that the thread does not execute a hook of a file; see {@link LastClose#checkNoHook}. */
    public void checkNoHook(String what) {
        ends.checkNoHook(what);
    }

    /** Saves all open files; see {@code Machine.sync}. */
    public long sync() {
        return ends.sync();
    }

    /**
     * Saves and closes all files, at the end of the machine. A file that cannot be saved is reported and keeps its
     * pages, and the next call retries.
     *
     * @return whether no file is left; also false if another thread is closing the files
     */
    public boolean close() {
        boolean areAll = ends.endAll();
        if (areAll && background != null) {
            background.cancel();
        }
        return areAll;
    }

    /**
     * Waits until the channels of all files are closed, after {@link #close} returned true. Other threads may still
     * close files whose last use they ended. They may wait for CPUs and for a grace period.
     */
    public void awaitCloses() {
        ends.awaitCloses();
    }
}
