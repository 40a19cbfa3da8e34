// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.backing.HostFile.DirtyRange;
import dev.samara.core.backing.HostFileException;
import dev.samara.core.backing.HostFileOption;
import dev.samara.core.backing.PageHooks;
import dev.samara.core.event.Report;
import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.file.Eviction;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames.DirtyPages;
import dev.samara.core.internal.sync.Background;
import dev.samara.core.internal.sync.CheckedLock;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Pause;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.trace.Tracepoints;
import dev.samara.core.internal.trace.Tracepoints.BegunEvent;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import java.io.IOException;
import java.lang.ref.WeakReference;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystems;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The host files of one machine: opens them, and saves and closes each of them after its last open has ended ({@code
 * inode_hashtable}, {@code iput_final}). All opens of a file share one {@link HostInode}, and so one page cache. {@link
 * PathOpen} finds the key of a path's file. The file system does not reuse the key of a file while a channel of the
 * file is open.
 *
 * <p>A last close saves the file outside of the monitor, and then removes it from the table, unless the file was opened
 * in the meantime. A file that cannot be saved is reported and stays in the table, so that a later open gets its pages.
 * A removed file is in the list of {@link #ending} files until its pages are freed and its channels are closed. So if
 * memory or stack is exhausted anywhere in between, the file is found again: its last close tries a second time, and
 * the next close of that open, the periodic writes, or the close of the machine continue. Nothing is allocated between
 * the table and the list. The time of an open or a close does not depend on the number of files. No thread waits for
 * the host while it holds the monitor. {@link CacheLimit} frees pages of all files near the limit, and {@link
 * BackgroundWrites} writes dirty pages of all files without a call that saves them. Thread-safe.
 *
 * <p><b>Kept files.</b> If a number of closed files may be kept, the last close of a file opened by path leaves it in
 * the table, without opens, and the next open of the file uses its pages. No page is served of a file whose change the
 * host shows:
 *
 * <ol>
 *   <li>A file that is opened without pages records the identity, the size and the times of its path ({@code
 *       HostInode.openedAs}). All its pages are read after that.
 *   <li>It records them only if the times are older than the coarsest clock of a file system. So if another program
 *       changes the file later, whether it is open, being closed or kept, the time of the last status change (ctime)
 *       differs from the recorded one. A program can set the time of the last modification, but not this one.
 *   <li>The next open compares what its path names with the record, after it has opened a channel of its own, and under
 *       the monitor. If they are equal, then at the instant of that check, which is during the open, the pages contain
 *       the bytes of the host's file. Meanwhile the key belongs to no other file, because the channel of the kept file
 *       is open. An open that finds a difference, or has another memory or other rules, drops the kept file.
 *   <li>No file is kept that was open for writing, or whose writes failed, because its clean pages may differ from the
 *       host's file, and because an open that only reads must not be able to write.
 * </ol>
 *
 * <p>A locked file is closed, because its lock must end. An open that will lock a file first closes the kept one. A
 * dropped file becomes an ending one. The open closes its channels, but after its section of {@link PathOpen}, because
 * a close is a section of its own. Evictions find its pages like all others. Once the close of the machine has begun,
 * no file is kept any more.
 *
 * <p>A kept file must not cost an open its descriptor. So an open that finds none left (EMFILE) drops all kept files,
 * outside of its section, and is tried once more. It drops all, because the rest of the process needs descriptors, too.
 * Two such opens may meet: the first one takes the kept files away, and the second one finds none, or finds them being
 * closed. So it waits for the closes under way, and is tried once more even if it has dropped nothing.
 */
public final class HostFiles {
    private static final Set<OpenOption> KNOWN = Set.of(
            StandardOpenOption.READ,
            StandardOpenOption.WRITE,
            StandardOpenOption.CREATE,
            StandardOpenOption.CREATE_NEW);

    /** The minimum number of blocks for which a machine must have room. */
    private static final int FEWEST_BLOCKS = 8;

    /** The stack that the removal of a file from the table needs, in frames. */
    private static final int REMOVAL_DEPTH = 24;

    /** The pause between two checks whether other threads have closed their files, in nanoseconds. */
    private static final long CLOSE_NANOS = 100_000;

    /** Receives reports of failures that are not returned to a caller. */
    final Consumer<Report> reporter;

    /** Runs tasks that may block. */
    final Executor tasks;

    final HostInode.TransferBuffers buffers = new HostInode.TransferBuffers(HostInode.TransferBuffers.SIZE);

    final CacheLimit limit = new CacheLimit();
    final BackgroundWrites background = new BackgroundWrites();

    /* The settings. They are set before the first file is opened. */

    /** Opens channels of paths. */
    HostChannel.ChannelOpener opener = HostChannel.PathChannel::open;

    /** Returns the host's time in milliseconds, with which the times of files are compared. */
    LongSupplier clock = System::currentTimeMillis;

    /**
     * The minimum number of consecutive bytes in pages that are not in memory for which a read bypasses the cache. So
     * small reads, and reads at random offsets, fill the cache.
     */
    int leastUncached = 64 << 10;

    /** Whether a page becomes clean although its write failed. */
    boolean dropsFailedWrites;

    /** Whether the save at the close of a file forces the file. */
    boolean forcesOnClose = true;

    /** Held by the thread that closes all files. */
    private final ReentrantLock closing = new CheckedLock();

    /** The files by key. */
    @GuardedBy("this")
    private final Map<Object, HostInode> inodes = new HashMap<>();

    /** The files of the map, in no particular order, for threads that visit them one after another. */
    @GuardedBy("this")
    private final List<HostInode> ring = new ArrayList<>();

    /**
     * The number of files that are open for writing.
     *
     * <p>Words: {@code writable}, {@code ending}, and the words of {@code HostInode} that show how a file is used.
     * Written: a thread that opens, closes or ends a file (monitor of {@code HostFiles}).
     * Read: such a thread, and a thread that visits all files (monitor of {@code HostFiles}).
     * Invariant: how each file is used, and how many are open for writing.
     */
    @GuardedBy("this")
    private int writable;

    /** The removed files whose channels are not closed yet, linked by {@code nextEnding}. */
    @GuardedBy("this")
    private @Nullable HostInode ending;

    /**
     * The maximum number of kept files.
     *
     * <p>Words: {@code mostKept}, {@code kept}, {@code oldestKept}, {@code newestKept}, and {@code isKept}, {@code
     *     older} and {@code newer} of {@code HostInode}.
     * Written: a thread that opens, closes or ends a file; the close of the machine (monitor).
     * Read: these threads (monitor).
     * Invariant: the kept files by their last close; each is in the table and has no opens. At most {@code mostKept},
     *     which the close of the machine sets to 0.
     */
    @GuardedBy("this")
    private int mostKept;

    @GuardedBy("this")
    private int kept;

    @GuardedBy("this")
    private @Nullable HostInode oldestKept;

    @GuardedBy("this")
    private @Nullable HostInode newestKept;

    /** The arrays that reads of pages reuse, by memory, i.e. one pool per page size. */
    @GuardedBy("this")
    private final Map<MachineMemory, HostInode.ReadArraysPool> readArrays = new HashMap<>();

    /** The idle batches that evictions reuse, by memory, i.e. for each page size. */
    @GuardedBy("this")
    private final Map<MachineMemory, Eviction.SpareBatches> batches = new HashMap<>();

    /**
     * Creates an object without open files.
     *
     * @param reporter receives a report of each file that could not be saved
     * @param tasks runs reads and writes in the background, which may block
     */
    public HostFiles(Consumer<Report> reporter, Executor tasks) {
        this.reporter = reporter;
        this.tasks = tasks;
    }

    /** Installs a different opener. Called before the first file is opened. */
    public void openBy(HostChannel.ChannelOpener other) {
        opener = other;
    }

    /**
     * Makes smaller reads also bypass the cache, for tests. Called before the first file is opened.
     *
     * @param bytes the minimum number of bytes in pages that are not in memory for which a read bypasses the cache
     */
    public void readUncachedFrom(int bytes) {
        leastUncached = bytes;
    }

    /**
     * Limits the pages in memory of all files. Set before the first file is opened.
     *
     * @param bytes the limit, positive; {@link CacheLimit} says by how much the pages may exceed it
     */
    public void limit(long bytes) {
        limit.mostBytes = bytes;
        limit.early = Math.min(CacheLimit.MOST_EARLY, bytes >> 6);
    }

    /** From now on, pages whose write fails become clean. Called before the first file is opened. */
    public void dropFailedWrites() {
        dropsFailedWrites = true;
    }

    /** From now on, closes do not force files. Called before the first file is opened. */
    public void forceNothingOnClose() {
        forcesOnClose = false;
    }

    /**
     * From now on, keeps the pages of closed files. Called before the first file is opened.
     *
     * @param most the maximum number of files, not negative
     */
    public synchronized void keepClosed(int most) {
        mostKept = most;
    }

    synchronized boolean keepsClosed() {
        return mostKept > 0;
    }

    /**
     * Limits the dirty pages in memory of all files. Set before the first file is opened.
     *
     * @param background the number of dirty bytes from which on they are written in the background, positive
     * @param most the number of dirty bytes from which on a thread must write them before it makes pages dirty
     */
    public void limitDirty(long background, long most) {
        this.background.least = background;
        this.background.most = most;
    }

    /** Returns the object that is notified of pages that become dirty; null if they are not limited. */
    public @Nullable DirtyPages dirtyPages() {
        return background.least == Long.MAX_VALUE ? null : background;
    }

    /**
     * From now on, writes dirty pages periodically. Called before the first file is opened.
     *
     * @param nanos the time between two writes, positive
     */
    public void writeEvery(long nanos) {
        background.nanos = nanos;
    }

    /**
     * Opens a host file.
     *
     * @param memory the memory of the spaces that will map it
     * @param options {@code READ}, {@code WRITE}, {@code CREATE} and {@code CREATE_NEW}, and the options of {@link
     *     HostInode.FileRules}
     * @throws MmException if the host rejects the open, or if the file is not a regular file
     * @throws IllegalArgumentException for any other option
     */
    public OpenHostFile open(Path path, MachineMemory memory, Set<OpenOption> options) {
        HostInode.FileRules rules = rulesOf(options);
        Set<OpenOption> standard = options.stream()
                .filter(option -> !(option instanceof HostFileOption) && !(option instanceof PageHooks))
                .collect(Collectors.toSet());
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
        if (rules.lock == HostFileOption.EXLOCK && !writes) {
            throw new IllegalArgumentException("a file that is locked by EXLOCK must be opened with WRITE");
        }
        // Before the host's file is opened, and perhaps created.
        checkBlocks(rules.blockBytes, memory, path.toString());
        try {
            PathOpen entry = new PathOpen(this, path, memory, standard, rules);
            boolean isDirect = options.contains(HostFileOption.DIRECT);
            String name = path.toString();
            // Nothing may fail between the count of the open and the try of opened.
            HostInode inode = entry.enter();
            return opened(inode, name, entry.found, writes, isDirect, creates ? path : null);
        } catch (IOException failed) {
            throw PathOpen.refusal(path.toString(), Errno.of(failed), failed);
        } catch (UnsupportedOperationException foreign) {
            // The file system of another provider may not support channels of this kind.
            throw PathOpen.refusal(path.toString(), Errno.EOPNOTSUPP, foreign);
        } finally {
            endDropped();
        }
    }

    /**
     * Returns the rules that the options of an open set.
     *
     * @throws IllegalArgumentException if the options contain two locks, two sizes of blocks, or two objects with hooks
     */
    private static HostInode.FileRules rulesOf(Set<OpenOption> options) {
        PageHooks hooks = null;
        for (OpenOption option : options) {
            if (option instanceof PageHooks named) {
                if (hooks != null) {
                    throw new IllegalArgumentException("options " + options + " name two objects with hooks");
                }
                hooks = named;
            }
        }
        boolean isExclusive = options.contains(HostFileOption.EXLOCK);
        boolean isShared = options.contains(HostFileOption.SHLOCK);
        if (isExclusive && isShared) {
            throw new IllegalArgumentException("options " + options + " name two locks");
        }
        HostFileOption lock = isExclusive ? HostFileOption.EXLOCK : isShared ? HostFileOption.SHLOCK : null;
        boolean isNoSteal = options.contains(HostFileOption.NO_STEAL);
        boolean isOf16k = options.contains(HostFileOption.BLOCKS_16K);
        boolean isOf64k = options.contains(HostFileOption.BLOCKS_64K);
        if (isOf16k && isOf64k) {
            throw new IllegalArgumentException("options " + options + " name two sizes of blocks");
        }
        int blockBytes = isOf16k ? 16 << 10 : isOf64k ? 64 << 10 : 0;
        return hooks == null && lock == null && !isNoSteal && blockBytes == 0
                ? HostInode.FileRules.NONE
                : new HostInode.FileRules(hooks, isNoSteal, lock, blockBytes);
    }

    /**
     * Completes an open that is counted. If that fails, ends the open.
     *
     * @param mayBeNew the path of a file that the open may have created; null if there is none
     */
    private OpenHostFile opened(
            HostInode inode,
            String name,
            PathOpen.PathLook found,
            boolean writes,
            boolean isDirect,
            @Nullable Path mayBeNew) {
        boolean isOpen = false;
        try {
            if (writes) {
                background.begin();
            }
            inode.writes.noteOpen(mayBeNew == null ? null : folderOf(mayBeNew));
            // Another program may have changed the size since an earlier open.
            long failed = inode.look();
            if (failed != 0) {
                throw PathOpen.refusal(name, Errno.of(failed), null);
            }
            OpenHostFile made = new OpenHostFile(inode, name, found, writes, isDirect);
            isOpen = true;
            return made;
        } catch (IOException failed) {
            throw PathOpen.refusal(name, Errno.of(failed), failed);
        } finally {
            if (!isOpen) {
                leave(inode, writes);
            }
        }
    }

    /**
     * Returns the folder of a file that was just opened; null if the file has already been deleted, or if its file
     * system is not the host's, which may not open folders.
     */
    private static @Nullable Path folderOf(Path file) throws IOException {
        if (file.getFileSystem() != FileSystems.getDefault()) {
            return null;
        }
        try {
            // The file of a symbolic link is in another folder.
            return file.toRealPath().getParent();
        } catch (NoSuchFileException deleted) {
            return null;
        }
    }

    /**
     * Opens the bytes of a buffer as a file.
     *
     * @param bytes the bytes, from the buffer's position to its limit
     */
    public OpenHostFile open(String name, MachineMemory memory, ByteBuffer bytes) {
        HostChannel channel = new HostChannel.BufferChannel(bytes);
        boolean writes = !bytes.isReadOnly();
        HostInode inode = enter(channel, name, memory, channel, bytes.remaining(), writes, null);
        return opened(inode, name, PathOpen.PathLook.NONE, writes, false, null);
    }

    /**
     * Opens the file of a channel that belongs to the embedder, who closes it.
     *
     * @param writes whether the channel is open for writing
     * @throws MmException if the channel lacks a right, or if the size of the file cannot be read
     */
    public OpenHostFile open(String name, MachineMemory memory, FileChannel lent, boolean writes) {
        HostChannel.EmbedderChannel channel = new HostChannel.EmbedderChannel(lent, name);
        long size;
        try {
            channel.checkRights(writes);
            size = channel.size();
        } catch (IOException failed) {
            PathOpen.close(channel);
            throw PathOpen.refusal(name, Errno.of(failed), failed);
        }
        HostInode inode = enter(lent, name, memory, channel, size, writes, null);
        return opened(inode, name, PathOpen.PathLook.NONE, writes, false, null);
    }

    /**
     * Finds or creates a file, and counts an open of it. Afterwards the channel belongs to the file, or is closed.
     *
     * @param ofPath the open by path; null for a file without a path
     * @throws MmException EBUSY if the file is open with a different memory or different rules, EINVAL if it is open
     *     with blocks of another size, ETXTBSY if an open for writing is denied
     */
    HostInode enter(
            Object key,
            String name,
            MachineMemory memory,
            HostChannel channel,
            long size,
            boolean writes,
            @Nullable PathOpen ofPath) {
        HostInode.FileRules ofFile = ofPath == null ? null : ofPath.rules;
        HostInode.FileRules rules = ofFile == null ? HostInode.FileRules.NONE : ofFile;
        boolean isTaken = false;
        try {
            synchronized (this) {
                HostInode known = inodes.get(key);
                if (known != null && known.isKept && !isServed(known, memory, ofPath)) {
                    drop(known);
                    known = null;
                }
                if (known == null) {
                    Eviction.SpareBatches spare = batches.computeIfAbsent(memory, Eviction.SpareBatches::new);
                    long most = limit.mostBytes / memory.frames.pageSize;
                    int blockPages = Math.max(1, rules.blockBytes / memory.frames.pageSize);
                    FilePages pages = FilePages.ofSaved(memory, size, limit.bytes, most, spare, blockPages);
                    HostInode.ReadArraysPool pool =
                            readArrays.computeIfAbsent(memory, of -> new HostInode.ReadArraysPool(of.frames.direct()));
                    known = new HostInode(this, key, name, pages, pool, channel, writes, ofFile);
                    if (mostKept > 0 && ofPath != null && ofPath.isSettled) {
                        known.openedAs = ofPath.found;
                    }
                    add(key, known);
                    isTaken = true;
                } else {
                    checkShared(known, memory, writes, rules);
                    if (writes && !known.isWritable) {
                        known.channels.add(channel);
                        known.channel = channel;
                        known.isWritable = true;
                        writable++;
                        isTaken = true;
                    }
                }
                addOpen(known, writes, rules);
                return known;
            }
        } finally {
            if (!isTaken) {
                PathOpen.close(channel);
            }
        }
    }

    /**
     * Checks whether the machine can keep the promise of blocks, whatever the file is.
     *
     * @param bytes the size of a block; 0 if there are none
     * @param name the file, for the message
     * @throws MmException EINVAL if it cannot
     */
    private void checkBlocks(int bytes, MachineMemory memory, String name) {
        int pageSize = memory.frames.pageSize;
        if (bytes == 0) {
            return;
        }
        long room = Math.min(limit.mostBytes, (long) memory.frames.most() * pageSize);
        int pages = Math.max(1, bytes / pageSize);
        boolean isPossible = (pages == 1 || pages == 4 || pages == 16) && memory.frames.areRunsTogether(pages);
        // If less than a block may be dirty before a thread must write pages, stores could never make all pages of a
        // block dirty.
        if (!isPossible || room < (long) FEWEST_BLOCKS * bytes || background.most < bytes) {
            throw PathOpen.refusal(name, Errno.EINVAL, null);
        }
    }

    /**
     * Counts an open of a file that is already open, and uses its existing channels.
     *
     * @return the file; null if this machine has not opened it, or only keeps it
     * @throws MmException as {@link #enter}; also EBUSY if another channel would be needed
     */
    synchronized @Nullable HostInode share(
            Object key, MachineMemory memory, boolean writes, HostInode.FileRules rules) {
        HostInode known = inodes.get(key);
        if (known == null || known.isKept) {
            return null;
        }
        checkShared(known, memory, writes, rules);
        if (writes && !known.isWritable) {
            throw PathOpen.refusal(key.toString(), Errno.EBUSY, null);
        }
        addOpen(known, writes, rules);
        return known;
    }

    /** Checks that another open may use a file. The caller holds the monitor of this. */
    private static void checkShared(HostInode known, MachineMemory memory, boolean writes, HostInode.FileRules rules) {
        // A file without opens, which its last close could not save, may get new hooks from the next open. Its blocks
        // stay, because its pages do.
        HostInode.FileRules of = known.rules;
        boolean isPermitted = rules == HostInode.FileRules.NONE
                || (of.lock == rules.lock
                        && (known.opens == 0 || (of.hooks == rules.hooks && of.isNoSteal == rules.isNoSteal)));
        if (known.pages.memory != memory || !isPermitted) {
            throw PathOpen.refusal(known.key.toString(), Errno.EBUSY, null);
        } else if (rules.blockBytes != 0 && rules.blockBytes != known.blockBytes) {
            throw PathOpen.refusal(known.key.toString(), Errno.EINVAL, null);
        } else if (writes && known.denials > 0) {
            throw PathOpen.refusal(known.key.toString(), Errno.ETXTBSY, null);
        }
    }

    /** Returns whether an open uses the pages of a kept file. The caller holds the monitor of this. */
    private static boolean isServed(HostInode known, MachineMemory memory, @Nullable PathOpen by) {
        PathOpen.PathLook since = known.openedAs;
        return by != null
                && since != null
                && since.isUnchanged(by.found)
                && known.pages.memory == memory
                && known.rules.hooks == by.rules.hooks
                && known.rules.isNoSteal == by.rules.isNoSteal
                && known.blockBytes == by.rules.blockBytes
                && by.rules.lock == null;
    }

    /**
     * Keeps a closed file for the next open. Allocates nothing.
     *
     * @return false if the file must be closed instead
     */
    @GuardedBy("this")
    private boolean keepPages(HostInode inode) {
        if (mostKept == 0 || !has(inode)) {
            return false;
        }
        inode.isEnding = false;
        inode.isKept = true;
        inode.older = newestKept;
        if (newestKept == null) {
            oldestKept = inode;
        } else {
            newestKept.newer = inode;
        }
        newestKept = inode;
        kept++;
        return true;
    }

    /** Takes a kept file from the list of these. It stays in the table. */
    @GuardedBy("this")
    private void takeKept(HostInode inode) {
        HostInode older = inode.older;
        HostInode newer = inode.newer;
        if (older == null) {
            oldestKept = newer;
        } else {
            older.newer = newer;
        }
        if (newer == null) {
            newestKept = older;
        } else {
            newer.older = older;
        }
        inode.older = null;
        inode.newer = null;
        inode.isKept = false;
        kept--;
    }

    /** Removes a kept file from the table. A later call of {@link #endLeft} closes its channels. */
    @GuardedBy("this")
    private void drop(HostInode inode) {
        boolean isRemoved = remove(inode);
        inode.isEnding = !isRemoved;
    }

    /** Drops a file if it is only kept, and closes its channels. The caller is in no section of {@link PathOpen}. */
    void endKept(Object key) {
        synchronized (this) {
            HostInode known = inodes.get(key);
            if (known != null && known.isKept) {
                drop(known);
            }
        }
        endLeft();
    }

    /**
     * Drops all kept files, and waits until no channel is being closed, for an open that found no descriptor. The
     * caller is in no section of {@link PathOpen}.
     */
    void endAllKept() {
        synchronized (this) {
            for (HostInode each = oldestKept; each != null; each = oldestKept) {
                drop(each);
            }
        }
        awaitCloses();
    }

    /** Closes the channels of the files that opens have dropped. */
    private void endDropped() {
        if (!keepsClosed() || !isClosing()) {
            return;
        }
        try {
            endLeft();
        } catch (OutOfMemoryError | StackOverflowError exhausted) {
            // A later open, the periodic writes or the close of the machine continues.
            return;
        }
    }

    /** Counts an open. The caller holds the monitor of this. */
    @GuardedBy("this")
    private void addOpen(HostInode known, boolean writes, HostInode.FileRules rules) {
        if (known.isKept) {
            takeKept(known);
        }
        if (rules != HostInode.FileRules.NONE) {
            known.rules = rules;
        }
        known.opens++;
        known.writers += writes ? 1 : 0;
        known.opened++;
        known.isReported = false;
    }

    /** Adds a file. If memory runs out, changes nothing. The caller holds the monitor of this. */
    @GuardedBy("this")
    private void add(Object key, HostInode inode) {
        ring.add(inode);
        boolean isComplete = false;
        try {
            inodes.put(key, inode);
            isComplete = true;
        } finally {
            if (!isComplete) {
                // A map that failed to grow may already contain the entry.
                inodes.remove(key, inode);
                ring.remove(ring.size() - 1);
            }
        }
        inode.place = ring.size() - 1;
        writable += inode.isWritable ? 1 : 0;
    }

    /**
     * Ends an open. If it was the last one, saves the file, and closes the file unless the save failed. If memory or
     * stack is exhausted meanwhile, the open is ended nevertheless, and {@link #endUnused} continues.
     */
    void leave(HostInode inode, boolean writes) {
        synchronized (this) {
            inode.opens--;
            inode.writers -= writes ? 1 : 0;
        }
        try {
            endUnused(inode);
        } catch (OutOfMemoryError | StackOverflowError exhausted) {
            // Tried a second time, where the first attempt ended: another thread may have freed memory.
            endUnused(inode);
        }
    }

    /** Saves and closes a file if it has no opens, or continues the close of a removed one, unless a thread does. */
    void endUnused(HostInode inode) {
        boolean isRemoved;
        synchronized (this) {
            isRemoved = !has(inode);
            if (inode.isEnding || inode.isClosed || inode.isKept || (inode.opens > 0 && !isRemoved)) {
                return;
            }
            inode.isEnding = true;
        }
        if (isRemoved) {
            closeChannels(inode);
            return;
        }
        boolean isOver = false;
        while (!isOver) {
            isOver = saveAndEnd(inode);
        }
    }

    /** Tries to end a file without opens. Returns false if the file was opened and closed again in the meantime. */
    private boolean saveAndEnd(HostInode inode) {
        long opened = opened(inode);
        long failed;
        boolean mayBeKept;
        boolean isTried = false;
        try {
            failed = save(inode);
            mayBeKept = failed == 0 && inode.mayBeKept();
            if (failed != 0 && setReported(inode)) {
                reportUnsaved(inode, failed);
            }
            StackReserve.check(REMOVAL_DEPTH);
            isTried = true;
        } finally {
            if (!isTried) {
                keep(inode);
            }
        }
        if (failed != 0 && keepsUnsaved(failed)) {
            keep(inode);
            return true;
        }
        HostInode ended = inode;
        synchronized (this) {
            if (inode.opens == 0 && inode.opened != opened) {
                // Saved again, with what was written since.
                return false;
            }
            if (inode.opens == 0 && mayBeKept && keepPages(inode)) {
                ended = kept > mostKept ? oldestKept : null;
                if (ended != null) {
                    remove(ended);
                }
            } else if (inode.opens > 0 || !remove(inode)) {
                keep(inode);
                return true;
            }
        }
        if (ended != null) {
            closeChannels(ended);
        }
        return true;
    }

    /**
     * Writes all dirty pages of a file before it is closed. Also forces the file, unless the policy is not to force at
     * a close.
     */
    private long save(HostInode inode) {
        ThreadCpus.checkMayWait("a write-back");
        inode.checkNoHook("a write-back");
        return forcesOnClose ? inode.writes.flush(0, Long.MAX_VALUE, true) : inode.writes.write(0, Long.MAX_VALUE);
    }

    /** Returns whether a file is still in the table, i.e. no thread has ended it. */
    private synchronized boolean has(HostInode inode) {
        return inodes.get(inode.key) == inode;
    }

    /** Cancels the end that {@link #endUnused} started, and keeps the file, unless another thread has removed it. */
    private synchronized void keep(HostInode inode) {
        if (has(inode)) {
            inode.isEnding = false;
        }
    }

    /** Returns the number of opens of a file so far. */
    private synchronized long opened(HostInode inode) {
        return inode.opened;
    }

    /**
     * Returns whether a failed save should be reported. Until the next open this is true only once, although the save
     * is retried.
     */
    private synchronized boolean setReported(HostInode inode) {
        boolean isFirst = !inode.isReported;
        inode.isReported = true;
        return isFirst;
    }

    /**
     * Moves a file from the table to the list of files that are ending, for the calling thread, which closes its
     * channels. Allocates nothing.
     *
     * @return false if another thread has removed the file
     */
    private synchronized boolean remove(HostInode inode) {
        if (!inodes.remove(inode.key, inode)) {
            return false;
        }
        if (inode.isKept) {
            takeKept(inode);
        }
        inode.isEnding = true;
        inode.nextEnding = ending;
        ending = inode;
        int place = inode.place;
        HostInode last = ring.remove(ring.size() - 1);
        if (last != inode) {
            ring.set(place, last);
            last.place = place;
        }
        writable -= inode.isWritable ? 1 : 0;
        if (inode.isOfPath) {
            // Under the monitor, so that a later open finds this use counted as one that has ended.
            PathOpen.ending(inode.key);
        }
        return true;
    }

    /**
     * Closes the channels of a removed file, and takes it from the list of files that are ending. If that fails for
     * lack of memory or stack, the file stays in the list, and the next call continues. A failure of the host is
     * reported here, because no open is left that could return it.
     */
    private void closeChannels(HostInode inode) {
        IOException thrown;
        boolean isClosed = false;
        try {
            inode.pages.close();
            thrown = inode.isOfPath ? PathOpen.close(inode.key, inode.channels) : endLent(inode);
            isClosed = true;
        } finally {
            endClose(inode, isClosed);
        }
        // If the file was only read, no byte is lost.
        if (thrown != null && inode.isWritable) {
            long failed = Errno.of(thrown).result();
            report(inode + " could not be closed: " + Errno.of(failed), failure(inode, "close", failed));
        }
    }

    private synchronized void endClose(HostInode inode, boolean isClosed) {
        inode.isEnding = false;
        inode.isClosed = isClosed;
        if (!isClosed) {
            return;
        }
        HostInode before = null;
        for (HostInode each = ending; each != inode && each != null; each = each.nextEnding) {
            before = each;
        }
        if (before == null) {
            ending = inode.nextEnding;
        } else {
            before.nextEnding = inode.nextEnding;
        }
        inode.nextEnding = null;
    }

    /** Ends the file of a channel that stays open, and whose locks would therefore stay, too. */
    private static @Nullable IOException endLent(HostInode inode) {
        IOException failed = null;
        try {
            HostFileChannel.ChannelLock.releaseAll(inode, null);
        } catch (IOException kept) {
            failed = kept;
        }
        IOException notClosed = PathOpen.closeAll(inode.channels);
        return notClosed == null ? failed : notClosed;
    }

    /** Returns a removed file whose close failed, and that no thread is closing; null if there is none. */
    private synchronized @Nullable HostInode left() {
        for (HostInode each = ending; each != null; each = each.nextEnding) {
            if (!each.isEnding) {
                return each;
            }
        }
        return null;
    }

    /** Continues the closes that failed. */
    void endLeft() {
        for (HostInode each = left(); each != null; each = left()) {
            endUnused(each);
        }
    }

    /** Returns whether a file that could not be saved keeps its pages. A page that was held back is never dropped. */
    private boolean keepsUnsaved(long failed) {
        return !dropsFailedWrites || failed == Errno.EAGAIN.result();
    }

    private void reportUnsaved(HostInode inode, long failed) {
        report(inode + " could not be saved: " + Errno.of(failed) + unsaved(inode), failure(inode, "save", failed));
    }

    private static HostFileException failure(HostInode inode, String call, long failed) {
        return new HostFileException(inode.name, call, Errno.of(failed));
    }

    private void report(String message, Throwable cause) {
        reporter.accept(new Report(Report.Kind.FILE_NOT_SAVED, message, cause));
    }

    /** Returns a text that describes the dirty pages of a file; empty if there is no memory for it. */
    private static String unsaved(HostInode inode) {
        try {
            List<DirtyRange> dirty = inode.writes.dirtyRanges(0, Long.MAX_VALUE);
            int pageSize = inode.pages.memory.frames.pageSize;
            long count = 0;
            for (DirtyRange range : dirty) {
                count += (range.end() - range.start() + pageSize - 1) / pageSize;
            }
            return count == 0
                    ? ""
                    : "; dirty pages: " + count + ", the first at byte "
                            + dirty.get(0).start();
        } catch (OutOfMemoryError | StackOverflowError exhausted) {
            // The report is sent without this text, because a missing report would be worse.
            return "";
        }
    }

    /**
     * Checks, before a call for all files changes anything, that no hook of one of them makes it.
     *
     * @param what the call, for messages
     */
    public void checkNoHook(String what) {
        all().forEach(inode -> inode.checkNoHook(what));
    }

    /**
     * Saves all files, several at a time, and keeps them open. Each file that cannot be saved is reported.
     *
     * @return 0, or the negated errno of a file that could not be saved
     */
    public long sync() {
        checkNoHook("a save of all files");
        return new Visits(all(), this::sync).run(tasks);
    }

    private long sync(HostInode inode) {
        try {
            long failed = inode.writes.flush(0, Long.MAX_VALUE, true);
            if (failed == 0 || !has(inode)) {
                // The last close of the file saved it concurrently, and closed the channel of this save.
                return 0;
            }
            reportUnsaved(inode, failed);
            return failed;
        } catch (Throwable thrown) {
            // Reported and not thrown, so that the other files are still saved.
            report(inode + " could not be saved: " + thrown, thrown);
            return (thrown instanceof VirtualMachineError ? Errno.ENOMEM : Errno.EIO).result();
        }
    }

    /**
     * Saves and closes all files, also kept ones, at the end of the machine. From then on none is kept. A file that
     * cannot be saved is reported and keeps its pages, and the next call retries.
     *
     * @return whether no file is left; also false if another thread is closing the files
     */
    public boolean close() {
        if (!closing.tryLock()) {
            return false;
        }
        boolean areAll = true;
        try {
            keepClosed(0);
            for (HostInode inode : all()) {
                areAll &= endUsed(inode);
            }
            areAll &= areLeftEnded();
        } finally {
            closing.unlock();
        }
        if (areAll) {
            background.cancel();
        }
        return areAll;
    }

    private boolean areLeftEnded() {
        try {
            endLeft();
            return true;
        } catch (Throwable thrown) {
            report("a file could not be closed: " + thrown, thrown);
            return false;
        }
    }

    private boolean endUsed(HostInode inode) {
        try {
            long failed = save(inode);
            if (failed != 0 && !has(inode)) {
                // The thread that ended the last use concurrently saved the file, and closed the channel of this save.
                return true;
            }
            if (failed != 0) {
                reportUnsaved(inode, failed);
            }
            if (failed != 0 && keepsUnsaved(failed)) {
                return false;
            }
            StackReserve.check(REMOVAL_DEPTH);
            if (remove(inode)) {
                closeChannels(inode);
            }
            return true;
        } catch (Throwable thrown) {
            // Thrown by the host or an embedder's channel, or because memory ran out. The other files are still saved.
            report(inode + " could not be saved: " + thrown, thrown);
            return false;
        }
    }

    /**
     * Waits until the channels of all removed files are closed, e.g. after {@link #close} returned true. Other threads
     * may still close files whose last use they ended. They may wait for CPUs and for a grace period.
     */
    public void awaitCloses() {
        while (isClosing()) {
            endLeft();
            Pause.parkNanos(this, CLOSE_NANOS);
        }
    }

    /** Returns whether channels of removed files are still open. */
    private synchronized boolean isClosing() {
        return ending != null;
    }

    /**
     * Writes the dirty pages of a file, without forcing it. Waits for other changes and write-backs of the file.
     *
     * @param alsoFailed whether to write also pages whose last write failed. The number of dirty bytes does not contain
     *     them, so they would make each of the frequent passes of a balance longer. The periodic writes, evictions and
     *     saves retry them
     */
    private void writeDirty(HostInode inode, boolean alsoFailed) {
        try {
            inode.writes.writeAll(alsoFailed);
        } catch (OutOfMemoryError | StackOverflowError exhausted) {
            // The pages stay dirty. The failure is not thrown, because the caller may be making pages of a different
            // file dirty.
            report(inode + " could not be written: " + exhausted, exhausted);
        }
    }

    /**
     * Writes the dirty pages of all files, without forcing the files. Called by a task that may wait. Also retries to
     * save and close files that could not be saved by their last close, because a deleted file would never be opened
     * again.
     *
     * @return whether a file is open for writing
     */
    boolean writeAll() {
        Visits round = new Visits(all(), inode -> {
            writeDirty(inode, true);
            endUnused(inode);
            return 0;
        });
        try {
            round.run(tasks);
        } finally {
            endLeft();
        }
        return areSomeWritable();
    }

    private synchronized boolean areSomeWritable() {
        return writable > 0;
    }

    /** Returns a snapshot of the files. */
    private synchronized List<HostInode> all() {
        return List.copyOf(ring);
    }

    /** Returns whether a file is open, or its channels are not closed yet. Visible for tests. */
    public synchronized boolean isInUse() {
        return !ring.isEmpty() || ending != null;
    }

    private synchronized int count() {
        return ring.size();
    }

    /** Returns the file at an index, or null if there are not that many files. */
    private synchronized @Nullable HostInode at(int place) {
        return place < ring.size() ? ring.get(place) : null;
    }

    /**
     * One call for each of several files, made by the thread of the round and by up to {@value #MOST_TASKS} tasks,
     * because most of the time such a call waits for the host. Each thread takes the next file and visits it, until
     * none is left. So each file is visited by exactly one thread. Only the thread of the round visits files with
     * hooks, because hooks may wait for each other, or for a lock that the caller has.
     *
     * <p>The thread of the round depends on no task that has not started: it takes files as long as there are any, and
     * then waits only for the files that tasks have taken. A task that starts later finds no file. Like the thread of
     * the round, a task waits in a visit for the locks of that file and for what their holders wait for, and never for
     * the thread of the round.
     *
     * <p>A visit that throws ends neither the round nor the visits of its thread. After all visits, the thread of the
     * round throws the first exception; the others are suppressed in it. The end of a visit needs no memory, and a
     * thread takes files only if it has stack for that end. So the round never waits in vain. Thread-safe.
     */
    private static final class Visits implements Gate.WaitReporter {
        private static final int MOST_TASKS = 3;

        /** The stack that the end of a visit needs, in frames. */
        private static final int DEPTH = 24;

        /** First those with hooks. */
        private final List<HostInode> files;

        /** The number of files with hooks when the round began. */
        private final int hooked;

        /** Returns 0 or a negated errno. */
        private final ToLongFunction<HostInode> visit;

        /**
         * The results by file.
         *
         * <p>Written: the thread that visits the file, before it decrements {@code left} (plain).
         * Read: the thread of the round, after {@code over} is open (plain).
         * Pairs: by {@code left} and {@code over}: the thread of the round sees the results of all visits.
         * Invariant: 0 before the visit.
         */
        private final long[] results;

        /**
         * The index of the next file.
         *
         * <p>Written: a thread that takes a file (get-and-increment).
         * Read: by the exchange.
         * Invariant: each file without hooks before this one was taken by exactly one thread.
         */
        private final AtomicInteger next;

        /**
         * The number of files whose visit has not ended.
         *
         * <p>Written: a thread that has visited a file (decrement-and-get).
         * Read: by the exchange.
         * Invariant: positive until all visits have ended; the thread that makes it 0 opens {@code over}.
         */
        private final AtomicInteger left;

        /** Open once all visits have ended. */
        private final Gate over = new Gate();

        /**
         * The first exception of a visit; null if there is none.
         *
         * <p>Written: the thread of a visit that threw, before it decrements {@code left} (compare-and-set).
         * Read: the thread of the round, after {@code over} is open (volatile).
         * Invariant: never replaced.
         */
        private final AtomicReference<@Nullable Throwable> thrown = new AtomicReference<>();

        Visits(List<HostInode> files, ToLongFunction<HostInode> visit) {
            List<HostInode> ordered = new ArrayList<>(files.size());
            List<HostInode> others = new ArrayList<>(files.size());
            for (HostInode file : files) {
                (file.rules.hooks != null ? ordered : others).add(file);
            }
            hooked = ordered.size();
            ordered.addAll(others);
            this.files = ordered;
            this.visit = visit;
            next = new AtomicInteger(hooked);
            results = new long[files.size()];
            left = new AtomicInteger(files.size());
        }

        /**
         * Visits all files, and waits until each visit has ended.
         *
         * @return 0, or the result of the first file of the list whose result is not 0
         */
        long run(Executor tasks) {
            if (files.isEmpty()) {
                return 0;
            }
            try {
                beginTasks(tasks);
            } finally {
                visitHooked();
                visitAll();
                over.awaitUninterruptibly(this);
            }
            Throwable first = thrown.get();
            if (first instanceof RuntimeException unchecked) {
                throw unchecked;
            } else if (first instanceof Error error) {
                throw error;
            }
            for (long result : results) {
                if (result != 0) {
                    return result;
                }
            }
            return 0;
        }

        private void beginTasks(Executor tasks) {
            // A file that is only read is seldom worth a task.
            int writable = 0;
            for (int i = hooked; i < files.size(); i++) {
                writable += files.get(i).isWritable ? 1 : 0;
            }
            try {
                for (int i = 1; i < Math.min(MOST_TASKS + 1, writable); i++) {
                    tasks.execute(this::visitAll);
                }
            } catch (RejectedExecutionException | OutOfMemoryError | StackOverflowError without) {
                // The earlier tasks and the thread of the round visit all files.
                return;
            }
        }

        private void visitHooked() {
            StackReserve.check(DEPTH);
            for (int i = 0; i < hooked; i++) {
                visit(i);
            }
        }

        private void visitAll() {
            StackReserve.check(DEPTH);
            for (int i = next.getAndIncrement(); i < results.length; i = next.getAndIncrement()) {
                visit(i);
            }
        }

        private void visit(int at) {
            try {
                results[at] = visit.applyAsLong(files.get(at));
            } catch (Throwable any) {
                note(any);
            } finally {
                if (left.decrementAndGet() == 0) {
                    Gate.wake(over.open());
                }
            }
        }

        private void note(Throwable any) {
            if (thrown.compareAndSet(null, any)) {
                return;
            }
            Throwable first = thrown.get();
            try {
                if (first != null && first != any) {
                    first.addSuppressed(any);
                }
            } catch (OutOfMemoryError exhausted) {
                // Only the first one is thrown.
                return;
            }
        }

        /** The wait is as long as the slowest visit, whose waits are not reported either. */
        @Override
        public long reportAfterNanos() {
            return Long.MAX_VALUE;
        }

        @Override
        public void waitsLong(Object blocker, Thread waiter, long waitedNanos) {}
    }

    /**
     * Limits the memory for pages of all host files of a machine. Near the limit, a thread that is about to read a page
     * or to write bytes first evicts other pages. Thread-safe.
     *
     * <p><b>Marks.</b> A thread that finds as many bytes in memory as the <em>high mark</em>, a little below the limit,
     * evicts pages: first the oldest recent reads of its own file, then pages of all files by their cursors. What the
     * cursors choose, it evicts down to the <em>low mark</em>, because a batch costs one shootdown and one grace period
     * whether it has 64 pages or 512. Recent reads are evicted to the high mark only: the queue of a file frees half of
     * its pages at once, and the pages of other files should not have to leave for a scan.
     *
     * <p><b>Nobody waits for another thread's eviction</b> below the <em>hard limit</em>. The argument:
     *
     * <ol>
     *   <li>Threads evict side by side, each a batch of its own, with its own shootdown, grace period and write-back of
     *       dirty pages ({@link Eviction}). No lock is held meanwhile; {@link #next} is a hint.
     *   <li>A thread begins no eviction if those under way free enough, i.e. if the pages in memory without the
     *       {@linkplain Eviction.CachedBytes#leaving leaving} ones are below the high mark. Up to the hard limit it
     *       goes on at once.
     *   <li>Below the hard limit it waits for no change of a file either. If each file that has pages to free is being
     *       changed, it goes on.
     * </ol>
     *
     * <p><b>The hard limit</b> is the limit and one {@link #WINDOW} for each thread that is evicting for the limit, for
     * at most four threads per processor. At the hard limit, a thread evicts pages itself, and waits for changes of
     * files. If it finds no page to evict although a batch of another thread is under way, which may contain the pages
     * that can be freed, it waits until one has ended, and tries again. It exceeds the hard limit only if it finds no
     * page while no batch is under way, i.e. if all pages must stay, or if {@link #MOST_TRIES} batches of others have
     * ended in vain for it, i.e. if the pages are in use all the time. So a read starts only while the pages in memory
     * exceed the limit by at most min(threads, 4 x processors) windows, not counting pages that must stay, and then
     * adds its own window. Frames of pages that were subtracted are free as soon as their thread runs.
     *
     * <p><b>No deadlock.</b> A thread waits for a batch ({@link Eviction.CachedBytes#awaitBatch}) only while one is
     * under way. The thread of a batch waits for CPUs, for a grace period, or for locks that are held briefly, and
     * never for the end of another batch. The number of tries is bounded, because two threads that find nothing might
     * otherwise wait for each other's batches in turn.
     */
    final class CacheLimit {
        /** The maximum value of {@link #early}. */
        private static final long MOST_EARLY = 1 << 20;

        /** The number of pages that an eviction scans in vain before dirty pages are written. */
        private static final int PATIENCE = 4 * Eviction.MOST;

        /** The number of bytes that one read of pages, or one part of a write, usually adds at most. */
        private static final long WINDOW = 128 << 10;

        /** The maximum number of threads for which the hard limit is above the limit. */
        private static final int MOST_THREADS = 4 * Runtime.getRuntime().availableProcessors();

        /** The maximum number of times that a thread at the hard limit looks again after it has found no page. */
        private static final int MOST_TRIES = 64;

        /** The bytes of the pages in memory of all files, and those of them that are about to be freed. */
        final Eviction.CachedBytes bytes = new Eviction.CachedBytes();

        /** The maximum number of bytes of the pages in memory of all files. Set before the first file is opened. */
        long mostBytes = Long.MAX_VALUE;

        /** How many bytes below the limit the high mark is. Set together with the limit. */
        private long early;

        /**
         * The next file to evict pages of.
         *
         * <p>Written: a thread that evicts pages by the cursors (volatile).
         * Read: such a thread (volatile).
         * Invariant: a hint: racy, benign because it only decides where a search through all files begins.
         */
        private volatile int next;

        /**
         * How often no page could be evicted since all pages were last retried.
         *
         * <p>Written: a thread that could not evict a page (increment-and-get, set).
         * Read: by the increment.
         * Invariant: a hint: racy, benign because it only decides how often pages that must stay are tried again.
         */
        private final AtomicLong futile = new AtomicLong();

        /**
         * The number of threads that evict pages for the limit.
         *
         * <p>Written: such a thread, before its first batch and after its last one (get-and-add).
         * Read: a thread that is about to read a page or to write bytes (volatile).
         * Invariant: the number of threads in {@link #evict(FilePages)}.
         */
        private final AtomicInteger evicting = new AtomicInteger();

        /**
         * Evicts pages if the bytes in memory have reached the high mark, unless other threads evict enough, or no page
         * can be evicted. If no clean page can be evicted, dirty pages are written. Waits for the host, and at the hard
         * limit for other threads that change files or evict pages. The caller holds no locks except those of changes
         * and of a write-back, and is not in a read of a page.
         *
         * @param reader the cache of the file that is about to be read or written; the oldest pages of its recent reads
         *     are evicted first
         */
        void makeRoom(FilePages reader) {
            if (bytes.resident() < mostBytes - early || areOthersEnough()) {
                return;
            }
            BegunEvent recorded = Tracepoints.begin(Tracepoints.RECLAIM);
            long freed;
            evicting.getAndIncrement();
            try {
                freed = evict(reader);
            } finally {
                evicting.getAndDecrement();
            }
            int most = (int) Math.min(freed, Integer.MAX_VALUE);
            Tracepoints.endReclaim(recorded, "pages above the cache limit", most, false);
        }

        private long staying() {
            return bytes.resident() - bytes.leaving();
        }

        /** Returns whether the caller may go on because other threads evict enough pages. */
        private boolean areOthersEnough() {
            return staying() < mostBytes - early && !isAtHardLimit();
        }

        private boolean isAtHardLimit() {
            long windows = Math.min(evicting.get(), MOST_THREADS);
            long over = bytes.resident() - mostBytes;
            return over >= windows * WINDOW;
        }

        /** Evicts pages, and returns their number. */
        private long evict(FilePages reader) {
            reader.memory.views.releaseUnreachable();
            int pageSize = reader.memory.frames.pageSize;
            long high = mostBytes - early;
            long low = high - Math.min(mostBytes >> 5, (long) Eviction.MOST * pageSize);
            long freed = 0;
            long mark = high;
            boolean isRetried = false;
            boolean isFound = true;
            boolean mayWait = false;
            int tries = 0;
            while (isFound && staying() >= mark) {
                mayWait |= isAtHardLimit();
                int found = Math.max(0, reader.eviction().evictRecent(mayWait));
                if (found == 0) {
                    mark = low;
                    long wanted = (staying() - low) / pageSize + 1;
                    int most = Eviction.sizeFor(wanted);
                    found = evictNext(most, PATIENCE, mayWait);
                    found = found > 0 ? found : evictNext(most, 0, mayWait);
                }
                freed += found;
                isFound = found > 0;
                if (!isFound && !isRetried) {
                    // Only once per call: if hardly any page is in memory, each vain attempt is due for a retry, and a
                    // page that must stay would be retried forever.
                    isRetried = retry(reader);
                    isFound = isRetried;
                }
                if (!isFound && tries < MOST_TRIES && isAtHardLimit()) {
                    // Perhaps its file was being changed, or each page was in a batch of another thread. Tries once
                    // more even if none is under way now: one may have ended since its pages were left out.
                    isFound = tries == 0 || bytes.awaitBatch();
                    tries++;
                    mayWait = true;
                }
            }
            return freed;
        }

        /**
         * Evicts some pages, in at most two rounds over all files, because the first round may find only pages that get
         * a second chance. After {@code patience} pages that were not freed, writes dirty pages of all files once.
         *
         * @param most the maximum number of pages of a batch
         * @param patience the number of pages that were not freed before the write
         * @param mayWait whether to wait for other changes of a file
         * @return the number of freed pages
         */
        private int evictNext(int most, int patience, boolean mayWait) {
            int scanned = 0;
            boolean isWritten = false;
            int place = next;
            for (int left = 2 * count(); left > 0; left--) {
                HostInode inode = at(place);
                if (inode == null) {
                    place = 0;
                    continue;
                }
                int freed;
                do {
                    if (scanned >= patience && !isWritten) {
                        // Writes the dirty pages that evictions found in all files.
                        all().forEach(each -> each.writes.writeSome(mayWait));
                        isWritten = true;
                    }
                    scanned += most;
                    freed = inode.pages.eviction().evictNext(most, mayWait);
                } while (freed == 0);
                if (freed > 0) {
                    next = place;
                    return freed;
                }
                place++;
            }
            next = place;
            return 0;
        }

        /**
         * Makes the evictions retry pages that could not be evicted or written before. Does this only once per as many
         * vain attempts as there are pages in memory, so that an attempt costs on average the scan and the write of one
         * page. Retries are needed because some changes that make a page evictable cannot be observed, e.g. new free
         * space on the host's device.
         *
         * @return whether the evictions will retry the pages
         */
        private boolean retry(FilePages reader) {
            if (futile.incrementAndGet() < bytes.resident() / reader.memory.frames.pageSize) {
                return false;
            }
            futile.set(0);
            all().forEach(inode -> inode.pages.eviction().retry());
            return true;
        }
    }

    /**
     * Decides when the dirty pages of all files of a machine are written without a call that saves them.
     *
     * <p><b>Periodically</b> ({@code wb_workfn}), while at least one file is open for writing. A {@link
     * Background.Timer} waits between two rounds. It holds only a weak reference, so it does not keep an unreachable
     * machine alive.
     *
     * <p><b>If too many pages are dirty</b> ({@code balance_dirty_pages}). A thread checks their number before it
     * writes by a call, and before a store makes a clean page dirty. If a balance is due, the walk after a TLB miss
     * makes no page dirty; the fault does it after the balance. Above a first bound, a thread submits a task that
     * writes the dirty pages in the background. Above a second bound, it writes them itself, or waits for another
     * thread that is writing them.
     *
     * <p>The number of dirty bytes is an estimate: the bytes that became dirty since the start of the last pass over
     * all files. Pinned pages, pages whose write failed, and pages that a failed force made dirty again are not
     * counted. A page that becomes dirty again is counted again. So a store to a dirty page costs nothing.
     *
     * <p>A thread that waits here may hold the changes lock of one file. The writing thread waits for write-back locks
     * and inode locks, whose holders never wait here. Thread-safe.
     */
    final class BackgroundWrites implements DirtyPages {
        /**
         * The bytes of the pages that became dirty so far.
         *
         * <p>Written: a thread that marks a clean frame or entry as dirty (get-and-add).
         * Read: a thread that is about to make pages dirty, also in GUEST, after {@code passed}; the holder of {@code
         *     pass} (volatile).
         * Invariant: the bytes of the pages of host files that became dirty so far. A page is marked before it is
         *     counted, so a page that becomes dirty after the start of a pass is counted after that start.
         */
        private final AtomicLong dirtied = new AtomicLong();

        /**
         * The value of {@link #dirtied} when the last pass started. Written under the lock.
         *
         * <p>Written: the holder of {@code pass}, after it has written the pages (volatile).
         * Read: a thread that is about to make pages dirty (volatile).
         * Invariant: the value of {@code dirtied} before the last pass over all files. {@code dirtied - passed} is at
         *     least the number of dirty bytes, not counting pages that could not be written, are pinned, or are dirty
         *     again after a failed force, nor pages of files with hooks or {@code NO_STEAL}.
         */
        private volatile long passed;

        /** Held by the thread that makes a pass. */
        private final ReentrantLock pass = new CheckedLock();

        /**
         * Whether a submitted task has not started yet.
         *
         * <p>Written: a thread that is about to make pages dirty (compare-and-set, true); the task, or that thread if
         *     it could not submit the task (volatile, false).
         * Read: by the exchange; a thread that is about to make pages dirty, also in GUEST (volatile).
         * Invariant: whether a submitted task has not started yet; there is at most one.
         */
        private final AtomicBoolean isGiven = new AtomicBoolean();

        /* The bounds in bytes. Set before the first file is opened. */

        private long least = Long.MAX_VALUE;
        private long most = Long.MAX_VALUE;

        /**
         * The time between two rounds of the periodic writes in nanoseconds, or -1. Set before the first file is
         * opened.
         */
        private long nanos = -1;

        /**
         * Whether a wait or a task is in progress.
         *
         * <p>Words: {@code isBegun}, {@code next}.
         * Written: a thread that opens a file for writing; the task; the close of the machine (monitor).
         * Read: these threads (monitor).
         * Invariant: whether a wait or a task is in progress, and the last wait that started.
         */
        @GuardedBy("this")
        private boolean isBegun;

        @GuardedBy("this")
        private Background.@Nullable Timer next;

        @Override
        public void add(int bytes) {
            dirtied.getAndAdd(bytes);
        }

        private long dirty() {
            // Read in this order, so that a pass in between makes the result too large, but never too small.
            long before = passed;
            return dirtied.get() - before;
        }

        @Override
        public boolean isBalanceDue() {
            long dirty = dirty();
            return dirty >= most || (dirty >= least && isTaskNeeded());
        }

        /**
         * Returns whether no thread is making a pass, and no task is submitted. This race is benign, because the task
         * checks again.
         */
        private boolean isTaskNeeded() {
            return !isGiven.get() && !pass.isLocked();
        }

        /** The caller holds no lock except one changes lock. A thread that makes a pass does not wait for itself. */
        @Override
        public void balance() {
            long dirty = dirty();
            if (dirty >= most && !pass.isHeldByCurrentThread()) {
                pass.lock();
                try {
                    write(most);
                } finally {
                    pass.unlock();
                }
            } else if (dirty >= least && isTaskNeeded() && isGiven.compareAndSet(false, true)) {
                give();
            }
        }

        private void give() {
            boolean isTaken = false;
            try {
                tasks.execute(this::writeInBackground);
                isTaken = true;
            } finally {
                if (!isTaken) {
                    isGiven.set(false);
                }
            }
        }

        private void writeInBackground() {
            isGiven.set(false);
            // No pass is needed if another thread is making one.
            if (pass.tryLock()) {
                try {
                    write(least);
                } finally {
                    pass.unlock();
                }
            }
        }

        /**
         * Writes the dirty pages of all files, if there are at least {@code bound} dirty bytes. The caller holds the
         * lock.
         */
        private void write(long bound) {
            if (dirty() >= bound) {
                long before = dirtied.get();
                try {
                    all().forEach(inode -> writeDirty(inode, false));
                } finally {
                    // Set even after a failure, because pages that could not be written are not counted.
                    passed = before;
                }
            }
        }

        /**
         * Starts the periodic writes, unless there are none, or they are already started. Called when a file is opened
         * for writing.
         *
         * @throws OutOfMemoryError if no thread can be started for the wait; a later call retries
         */
        private synchronized void begin() {
            if (nanos >= 0 && !isBegun) {
                schedule();
            }
        }

        /** Ends the wait for the next round, after the last file was closed. */
        private synchronized void cancel() {
            if (next != null) {
                next.cancel();
                isBegun = false;
            }
        }

        /** Waits for the next round. If there is no thread for the wait, the writes are not started any more. */
        private synchronized void schedule() {
            WeakReference<BackgroundWrites> self = new WeakReference<>(this);
            isBegun = false;
            next = Background.Timer.start(nanos, () -> {
                BackgroundWrites writes = self.get();
                if (writes != null) {
                    writes.giveRound(self);
                }
            });
            isBegun = true;
        }

        private void giveRound(WeakReference<BackgroundWrites> self) {
            boolean isTaken = false;
            try {
                tasks.execute(() -> {
                    BackgroundWrites reachable = self.get();
                    if (reachable != null) {
                        reachable.round();
                    }
                });
                isTaken = true;
            } finally {
                if (!isTaken) {
                    schedule();
                }
            }
        }

        /** Makes one round, and schedules the next one if a file is open for writing. */
        void round() {
            boolean goesOn = true;
            try {
                goesOn = writeAll();
            } finally {
                if (goesOn) {
                    schedule();
                } else {
                    end();
                }
            }
        }

        /**
         * Ends the periodic writes. If a file was opened for writing in the meantime, starts them again, because that
         * open found them still started and so did not start them.
         */
        private void end() {
            synchronized (this) {
                isBegun = false;
            }
            if (areSomeWritable()) {
                begin();
            }
        }
    }
}
