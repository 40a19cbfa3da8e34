// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.backing.HostFileOption;
import dev.samara.core.event.Report;
import dev.samara.core.internal.file.SavedPages;
import dev.samara.core.internal.file.SpareWalk;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.DirtyPages;
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
 * Opens files of the host for one machine, and has their dirty pages written. All opens of a file have one page cache:
 * the file is known by its key, or by its real path where the file system has no keys. A key of the file system stays
 * that of the file while a channel of it is open.
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

    /** Writes pages in the background; null for none. Set before the first file is opened. */
    private @Nullable PeriodicWrites background;

    private final InodeTable inodes = new InodeTable();
    private final CacheLimit limit = new CacheLimit(inodes);
    private final DirtyLimit dirty;
    private final FilePolicy policy;
    private final LastClose ends;
    private final HostOpens opens;

    /**
     * What reads of pages use, for each size of pages: a few for all files. Guarded by the monitor of {@link
     * InodeTable}.
     */
    private final Map<MachineMemory, ReadArraysPool> readArrays = new HashMap<>();

    /** What evictions use, for each size of pages. Guarded by the monitor of {@link InodeTable}. */
    private final Map<MachineMemory, SpareWalk> walks = new HashMap<>();

    /**
     * Makes an empty list.
     *
     * @param reporter is told of files that could not be saved
     * @param tasks runs reads and writes in the background, which may block
     */
    public HostFiles(Consumer<Report> reporter, Executor tasks) {
        this.reporter = reporter;
        dirty = new DirtyLimit(tasks, this::writeDirty);
        policy = new FilePolicy(limit::makeRoom, dirty::balance, reporter, tasks);
        ends = new LastClose(inodes, policy, reporter);
        opens = new HostOpens(inodes, ends, limit, policy, tasks);
    }

    /** Installs another opener, before the first file is opened. */
    public void openBy(ChannelOpener other) {
        opener = other;
    }

    /**
     * Has smaller reads go past the cache, too, for tests. Before the first file is opened.
     *
     * @param bytes the fewest bytes of pages that are not in memory for which a read does
     */
    public void readUncachedFrom(int bytes) {
        policy.leastUncached = bytes;
    }

    /**
     * Opens a file of the host.
     *
     * @param memory the memory of the spaces that will map it
     * @param options {@code READ}, {@code WRITE}, {@code CREATE} and {@code CREATE_NEW}, and those of {@link FileRules}
     * @throws MmException if the host refuses it, or if it is no regular file
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
            PathEntry.EnteredFile entered = enter(entry, path.toString(), memory, rules, writes);
            boolean isDirect = options.contains(HostFileOption.DIRECT);
            return opened(entered.inode(), path, entered.identity(), writes, isDirect);
        } catch (IOException failed) {
            throw HostPath.refusal(path.toString(), HostErrors.of(failed), failed);
        } catch (UnsupportedOperationException foreign) {
            // A file system of another provider may have no channels of this kind.
            throw HostPath.refusal(path.toString(), Errno.EOPNOTSUPP, foreign);
        }
    }

    private PathEntry.EnteredFile enter(
            PathEntry entry, String name, MachineMemory memory, FileRules rules, boolean writes) throws IOException {
        try {
            return entry.enter(
                    memory, (key, channel, size) -> newInode(key, name, memory, channel, size, writes, rules));
        } finally {
            beginPeriodicWrites(writes);
        }
    }

    private OpenHostFile opened(HostInode inode, Path path, HostIdentity identity, boolean writes, boolean isDirect)
            throws IOException {
        boolean isOpen = false;
        try {
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
     * @param bytes the bytes from the position to the limit
     */
    public OpenHostFile open(String name, MachineMemory memory, ByteBuffer bytes) {
        HostChannel channel = new BufferChannel(bytes);
        boolean writes = !bytes.isReadOnly();
        HostInode inode = enter(channel, name, memory, channel, bytes.remaining(), writes);
        return new OpenHostFile(opens, inode, name, HostIdentity.NONE, writes, false);
    }

    /**
     * Opens the file of a channel, which stays the embedder's.
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
        } catch (IOException failed) {
            InodeTable.close(channel);
            throw HostPath.refusal(name, HostErrors.of(failed), failed);
        }
        return new OpenHostFile(opens, inode, name, HostIdentity.NONE, writes, false);
    }

    /** Finds or makes a file, and counts an open of it; see {@link InodeTable#enter}. */
    private HostInode enter(
            Object key, String name, MachineMemory memory, HostChannel channel, long size, boolean writes) {
        try {
            return inodes.enter(
                    key,
                    memory,
                    channel,
                    writes,
                    FileRules.NONE,
                    () -> newInode(key, name, memory, channel, size, writes, null));
        } finally {
            beginPeriodicWrites(writes);
        }
    }

    private void beginPeriodicWrites(boolean writes) {
        if (writes && background != null) {
            background.begin();
        }
    }

    /**
     * Makes a file. The caller holds the monitor of {@link #inodes}.
     *
     * @param rules the rules of its open by path; null for a file that has no path
     */
    private HostInode newInode(
            Object key,
            String name,
            MachineMemory memory,
            HostChannel channel,
            long size,
            boolean writes,
            @Nullable FileRules rules) {
        SavedPages pages = limit.newPages(memory, size, walks.computeIfAbsent(memory, SpareWalk::new));
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

    /** Has pages be clean whose write has failed. Called before the first file is opened. */
    public void dropFailedWrites() {
        policy.dropsFailedWrites = true;
    }

    /** Has closes force nothing. Called before the first file is opened. */
    public void forceNothingOnClose() {
        policy.forcesOnClose = false;
    }

    /**
     * Limits the dirty pages in memory of all files. Set before the first file is opened.
     *
     * @param background bytes from which on they are written in the background, positive
     * @param most bytes from which on a thread that makes pages dirty writes them first
     */
    public void limitDirty(long background, long most) {
        dirty.bound(background, most);
    }

    /** Returns what is told of pages that become dirty; null if there is no limit for them. */
    public @Nullable DirtyPages dirtyPages() {
        return dirty.isBounded() ? dirty : null;
    }

    /** Writes the dirty pages of all files, and forces none. Waits for other changes and write-backs of each file. */
    private void writeDirty() {
        inodes.all().forEach(this::writeDirty);
    }

    private void writeDirty(HostInode inode) {
        try {
            inode.writeAll();
        } catch (OutOfMemoryError | StackOverflowError exhausted) {
            // The pages stay dirty. The caller makes pages of another file dirty, perhaps, and has no part in it.
            reporter.accept(
                    new Report(Report.Kind.FILE_NOT_SAVED, inode + " could not be written: " + exhausted, exhausted));
        }
    }

    /**
     * Has dirty pages written from time to time. Set before the first file is opened.
     *
     * @param nanos the time between two writes, positive
     */
    public void writeEvery(long nanos) {
        background = new PeriodicWrites(this::writeAll, inodes::areSomeWritable, opens.tasks(), nanos);
    }

    /**
     * Writes the dirty pages of all files, and forces none, as a task that may wait. Closes files that could not be
     * saved by their last close, if they can be by now: a deleted one would never be opened again.
     *
     * @return whether a file is open for writing
     */
    boolean writeAll() {
        for (HostInode inode : inodes.all()) {
            writeDirty(inode);
            ends.endUnused(inode);
        }
        return inodes.areSomeWritable();
    }

    /** Saves all files that are open; see {@code Machine.sync}. */
    public long sync() {
        return ends.sync();
    }

    /**
     * Saves and closes all files, at the end of the machine. A file that cannot be saved is reported, and stays with
     * its pages: the next call tries again.
     *
     * @return whether no file is left; false also if another thread does this
     */
    public boolean close() {
        return ends.endAll();
    }
}
