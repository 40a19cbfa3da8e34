// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.event.Report;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.file.SpareWalk;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.DirtyPages;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.trace.BegunEvent;
import dev.samara.core.internal.trace.Tracepoints;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The open files of the host of one machine. All opens of a file have one page cache: the file is known by its key, or
 * by its real path where the file system has no keys. A key of the file system stays that of the file while a channel
 * of it is open.
 */
public final class HostFiles {
    private static final int BUFFER = 1 << 20;

    /** The most bytes below the limit from which on pages are evicted. */
    private static final long MOST_EARLY = 1 << 20;

    /** The number of steps of an eviction, each over a batch of pages, after which dirty pages are written. */
    private static final int PATIENCE = 32;

    private static final Set<OpenOption> KNOWN = Set.of(
            StandardOpenOption.READ,
            StandardOpenOption.WRITE,
            StandardOpenOption.CREATE,
            StandardOpenOption.CREATE_NEW);

    /** Opens channels of paths; tests install another one. */
    @FunctionalInterface
    public interface ChannelOpener {
        /** Opens a file for reading and perhaps for writing. */
        HostChannel open(Path path, Set<OpenOption> options) throws IOException;
    }

    private final Consumer<Report> reporter;
    private final Executor tasks;
    private final TransferBuffers buffers = new TransferBuffers(BUFFER);

    /** Set before the first file is opened. */
    private ChannelOpener opener = PathChannel::open;

    /** Writes pages in the background; null for none. Set before the first file is opened. */
    private @Nullable PeriodicWrites background;

    private final DirtyLimit dirty = new DirtyLimit(this);

    /** The bytes of the pages in memory of all files. */
    private final AtomicLong resident = new AtomicLong();

    /** The most bytes of pages in memory of all files. Set before the first file is opened. */
    private long mostBytes = Long.MAX_VALUE;

    /** Whether a page whose write has failed is clean. Set before the first file is opened. */
    private boolean dropsFailedWrites;

    /** Whether a save at the close of a file forces it. Set before the first file is opened. */
    private boolean forcesOnClose = true;

    /** The bytes below the limit from which on pages are evicted. Set with it. */
    private long early;

    /** Held by the one thread that evicts pages for the limit. Others wait for it at the limit, and not before. */
    private final ReentrantLock room = new ReentrantLock();

    /** The next file to evict pages of. Guarded by {@link #room}. */
    private int next;

    /** How often no page could be evicted since all were tried again. Guarded by {@link #room}. */
    private long futile;

    /** The files of the map, in no order, for the thread that evicts. Guarded by this. */
    private final List<HostInode> ring = new ArrayList<>();

    /** The number of these files that are open for writing. Guarded by this. */
    private int writable;

    /** Held by the thread that closes all files. */
    private final ReentrantLock closing = new ReentrantLock();

    /** What reads of pages use, for each size of pages: a few for all files. Guarded by this. */
    private final Map<MachineMemory, ReadSpaces> spaces = new HashMap<>();

    /** What evictions use, for each size of pages. Guarded by this. */
    private final Map<MachineMemory, SpareWalk> walks = new HashMap<>();

    /** By key. Guarded by this. */
    private final Map<Object, HostInode> inodes = new HashMap<>();

    /**
     * Makes an empty list.
     *
     * @param reporter is told of files that could not be saved
     * @param tasks runs reads and writes in the background, which may block
     */
    public HostFiles(Consumer<Report> reporter, Executor tasks) {
        this.reporter = reporter;
        this.tasks = tasks;
    }

    /** Installs another opener, before the first file is opened. */
    public void openBy(ChannelOpener other) {
        opener = other;
    }

    /**
     * Opens a file of the host.
     *
     * @param memory the memory of the spaces that will map it
     * @param options {@code READ}, {@code WRITE}, {@code CREATE} and {@code CREATE_NEW}
     * @throws MmException if the host refuses it, or if it is no regular file
     * @throws IllegalArgumentException for any other option
     */
    public OpenHostFile open(Path path, MachineMemory memory, Set<OpenOption> options) {
        if (!KNOWN.containsAll(options)) {
            throw new IllegalArgumentException("options " + options + " are not all of " + KNOWN);
        }
        boolean writes = options.contains(StandardOpenOption.WRITE);
        boolean creates =
                options.contains(StandardOpenOption.CREATE) || options.contains(StandardOpenOption.CREATE_NEW);
        if (creates && !writes) {
            throw new IllegalArgumentException("a file that is created must be opened with WRITE");
        }
        try {
            PathOpen opened = PathOpen.open(opener, path, options);
            HostChannel channel = opened.channel();
            HostInode inode = null;
            try {
                inode = enter(opened.look().key, path.toString(), memory, channel, channel.size(), writes);
            } finally {
                if (inode == null) {
                    channel.close();
                }
            }
            return opened(inode, path, opened.look().identity, writes);
        } catch (IOException failed) {
            throw HostPath.refusal(path.toString(), HostErrors.of(failed), failed);
        } catch (UnsupportedOperationException foreign) {
            // A file system of another provider may have no channels of this kind.
            throw HostPath.refusal(path.toString(), Errno.EOPNOTSUPP, foreign);
        }
    }

    private OpenHostFile opened(HostInode inode, Path path, HostIdentity identity, boolean writes) {
        boolean isOpen = false;
        try {
            // Another program may have changed the size since an earlier open.
            inode.size().revalidate();
            OpenHostFile made = new OpenHostFile(this, inode, path.toString(), identity, writes);
            isOpen = true;
            return made;
        } finally {
            if (!isOpen) {
                leave(inode);
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
        return new OpenHostFile(this, inode, name, HostIdentity.NONE, writes);
    }

    /**
     * Opens the file of a channel, which stays the embedder's.
     *
     * @param writes whether the channel is open for writing
     * @throws MmException if the channel lacks a right, or if the size of the file cannot be read
     */
    public OpenHostFile open(String name, MachineMemory memory, FileChannel lent, boolean writes) {
        LentChannel channel = new LentChannel(lent, name);
        HostInode inode;
        try {
            channel.checkRights(writes);
            inode = enter(lent, name, memory, channel, channel.size(), writes);
        } catch (IOException failed) {
            close(channel);
            throw HostPath.refusal(name, HostErrors.of(failed), failed);
        }
        return new OpenHostFile(this, inode, name, HostIdentity.NONE, writes);
    }

    /**
     * Finds or makes a file, and counts an open of it. The channel is the file's then, or closed.
     *
     * @param name for reports
     */
    private HostInode enter(
            Object key, String name, MachineMemory memory, HostChannel channel, long size, boolean writes) {
        boolean isTaken = false;
        try {
            synchronized (this) {
                HostInode known = inodes.get(key);
                if (known == null) {
                    FilePages pages = FilePages.ofSaved(memory, size);
                    known = new HostInode(this, key, name, pages, spaces(memory), channel, writes);
                    known.evictBy(resident, mostBytes / memory.frames().pageSize(), walk(memory));
                    inodes.put(key, known);
                    add(known);
                    isTaken = true;
                } else if (known.pages().memory() != memory) {
                    throw HostPath.refusal(key.toString(), Errno.EBUSY, null);
                } else if (writes && !known.isWritable()) {
                    known.takeWritable(channel);
                    writable++;
                    isTaken = true;
                }
                known.use().opens++;
                known.use().opened++;
                known.use().isReported = false;
                return known;
            }
        } finally {
            if (writes && background != null) {
                background.begin();
            }
            if (!isTaken) {
                close(channel);
            }
        }
    }

    /** The caller holds the monitor of this. */
    private void add(HostInode inode) {
        inode.use().place = ring.size();
        ring.add(inode);
        writable += inode.isWritable() ? 1 : 0;
    }

    /** Removes a file, if it is there still, and returns its channels. The caller holds the monitor of this. */
    private @Nullable List<HostChannel> remove(HostInode inode) {
        if (!inodes.remove(inode.key(), inode)) {
            return null;
        }
        int place = inode.use().place;
        HostInode last = ring.remove(ring.size() - 1);
        if (last != inode) {
            ring.set(place, last);
            last.use().place = place;
        }
        writable -= inode.isWritable() ? 1 : 0;
        return inode.takeChannels();
    }

    /** The caller holds the monitor of this. */
    private ReadSpaces spaces(MachineMemory memory) {
        return spaces.computeIfAbsent(memory, of -> new ReadSpaces(of.frames().direct()));
    }

    /** The caller holds the monitor of this. */
    private SpareWalk walk(MachineMemory memory) {
        return walks.computeIfAbsent(memory, SpareWalk::new);
    }

    private static void close(HostChannel channel) {
        try {
            channel.close();
        } catch (IOException unused) {
            // Nothing was written through it.
            return;
        }
    }

    /** Ends an open. The last one saves the file, and closes it unless that fails. May block. */
    void leave(HostInode inode) {
        synchronized (this) {
            inode.use().opens--;
        }
        endUnused(inode);
    }

    /** Saves and closes a file if it has no opens. */
    private void endUnused(HostInode inode) {
        synchronized (this) {
            HostUse use = inode.use();
            if (use.opens > 0 || use.isEnding || inodes.get(inode.key()) != inode) {
                return;
            }
            use.isEnding = true;
        }
        boolean isOver = false;
        while (!isOver) {
            isOver = end(inode);
        }
    }

    /** Tries to end a file without opens; returns false if an open has come and gone meanwhile. */
    private boolean end(HostInode inode) {
        long opened = opened(inode);
        long failed;
        boolean isTried = false;
        try {
            failed = inode.save();
            isTried = true;
        } finally {
            if (!isTried) {
                stay(inode);
            }
        }
        if (failed != 0) {
            if (setReported(inode)) {
                report(inode, failed);
            }
            if (!dropsFailedWrites) {
                stay(inode);
                return true;
            }
        }
        return end(inode, opened);
    }

    private synchronized long opened(HostInode inode) {
        return inode.use().opened;
    }

    /** Returns whether a failed save is to be reported: once until the next open, though it is tried again. */
    private synchronized boolean setReported(HostInode inode) {
        boolean isFirst = !inode.use().isReported;
        inode.use().isReported = true;
        return isFirst;
    }

    private synchronized void stay(HostInode inode) {
        inode.use().isEnding = false;
    }

    private boolean end(HostInode inode, long opened) {
        @Nullable List<HostChannel> ending;
        synchronized (this) {
            HostUse use = inode.use();
            if (use.opens == 0 && use.opened != opened) {
                return false;
            }
            use.isEnding = false;
            ending = use.opens > 0 ? null : remove(inode);
        }
        if (ending != null) {
            inode.end(ending);
        }
        return true;
    }

    /**
     * Limits the pages in memory of all files. Set before the first file is opened.
     *
     * @param bytes the limit, positive; reads that are under way may exceed it by their windows
     */
    public void limit(long bytes) {
        mostBytes = bytes;
        early = Math.min(MOST_EARLY, bytes >> 6);
    }

    /** Has pages be clean whose write has failed. Called before the first file is opened. */
    public void dropFailedWrites() {
        dropsFailedWrites = true;
    }

    /** Has closes force nothing. Called before the first file is opened. */
    public void forceNothingOnClose() {
        forcesOnClose = false;
    }

    boolean forcesOnClose() {
        return forcesOnClose;
    }

    boolean dropsFailedWrites() {
        return dropsFailedWrites;
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

    /** Has pages written if too many are dirty; see {@link DirtyLimit#balance}. */
    void balanceDirty() {
        dirty.balance();
    }

    /** Writes the dirty pages of all files, and forces none. Waits for other changes and write-backs of each file. */
    void writeDirty() {
        all().forEach(this::writeDirty);
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
        background = new PeriodicWrites(this, tasks, nanos);
    }

    /**
     * Writes the dirty pages of all files, and forces none, as a task that may wait. Closes files that could not be
     * saved by their last close, if they can be by now: a deleted one would never be opened again.
     *
     * @return whether a file is open for writing
     */
    boolean writeAll() {
        for (HostInode inode : all()) {
            writeDirty(inode);
            endUnused(inode);
        }
        return areSomeWritable();
    }

    /** Writes the dirty pages that evictions have found in all files, and forces none. Waits for no lock. */
    private void writeSome() {
        for (HostInode inode : all()) {
            inode.writeSome();
        }
    }

    synchronized boolean areSomeWritable() {
        return writable > 0;
    }

    TransferBuffers buffers() {
        return buffers;
    }

    /** Returns the executor of tasks that may block. */
    Executor tasks() {
        return tasks;
    }

    /**
     * Returns the most pages that one read-ahead without an access reads: half of those that may be in memory, so it
     * evicts none of its own pages.
     */
    long mostAhead(Frames frames) {
        return Math.min(mostBytes / frames.pageSize(), frames.most()) / 2;
    }

    private synchronized List<HostInode> all() {
        return List.copyOf(ring);
    }

    private synchronized int count() {
        return ring.size();
    }

    /** Returns the file at a place, or null if there are fewer by now. */
    private synchronized @Nullable HostInode at(int place) {
        return place < ring.size() ? ring.get(place) : null;
    }

    /**
     * Evicts pages while there are almost as many in memory as the limit says, or more. Dirty ones are written if no
     * clean one can be evicted. Waits for the host, and at the limit for another thread that does this. The caller
     * holds no lock but those of changes and of a write-back, and does not read a page.
     *
     * @param reader the file of which a page is read or written: what its last scan has left behind goes first
     */
    void makeRoom(HostInode reader) {
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
                isFound = reader.pages().evictRecent() > 0 || evict(PATIENCE) || evict(0) || retry(reader);
                freedBytes += Math.max(before - resident.get(), 0);
            }
        } finally {
            room.unlock();
        }
        // Other threads insert pages meanwhile, so the number is a little too low at times.
        long freed = freedBytes / reader.pages().memory().frames().pageSize();
        Tracepoints.endReclaim(recorded, "pages above the cache limit", (int) freed, false);
    }

    /**
     * Evicts some pages, in two turns of all files at most: the first turn may find only pages with a second chance.
     * Writes the dirty pages of all files once, after some steps in vain.
     *
     * @param patience the number of these steps
     */
    private boolean evict(int patience) {
        int steps = 0;
        for (int turns = 2 * count(); turns > 0; turns--) {
            HostInode inode = at(next);
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
            } while (freed == 0 && !inode.pages().isEvictionAtStart());
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
    private boolean retry(HostInode reader) {
        if (++futile < resident.get() / reader.pages().memory().frames().pageSize()) {
            return false;
        }
        futile = 0;
        for (HostInode inode : all()) {
            inode.pages().retryEviction();
        }
        return true;
    }

    private void report(HostInode inode, long failed) {
        reporter.accept(
                new Report(Report.Kind.FILE_NOT_SAVED, inode + " could not be saved: " + Errno.of(failed), null));
    }

    /**
     * Saves and closes all files, at the end of the machine. A file that cannot be saved is reported, and stays with
     * its pages: the next call tries again.
     *
     * @return whether no file is left; false also if another thread does this
     */
    public boolean close() {
        if (!closing.tryLock()) {
            return false;
        }
        try {
            boolean areAll = true;
            for (HostInode inode : all()) {
                areAll &= close(inode);
            }
            return areAll;
        } finally {
            closing.unlock();
        }
    }

    private boolean close(HostInode inode) {
        try {
            long failed = inode.save();
            if (failed != 0) {
                report(inode, failed);
            }
            if (failed != 0 && !dropsFailedWrites) {
                return false;
            }
            @Nullable List<HostChannel> ending;
            synchronized (this) {
                ending = remove(inode);
            }
            if (ending != null) {
                inode.end(ending);
            }
            return true;
        } catch (Throwable thrown) {
            // Of the host, of an embedder's channel, or for want of memory: the other files are saved all the same.
            reporter.accept(new Report(Report.Kind.FILE_NOT_SAVED, inode + " could not be saved: " + thrown, thrown));
            return false;
        }
    }
}
