// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.backing.HostFileException;
import dev.samara.core.backing.HostFileOption;
import dev.samara.core.backing.PageHooks;
import dev.samara.core.event.Report;
import dev.samara.core.internal.file.Eviction;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames.DirtyPages;
import dev.samara.core.internal.sync.CheckedLock;
import dev.samara.core.internal.sync.Pause;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
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
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
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
 * The time of an open or a close does not depend on the number of files. No thread waits for the host while it holds
 * the monitor. Thread-safe.
 */
public final class HostFiles {
    private static final Set<OpenOption> KNOWN = Set.of(
            StandardOpenOption.READ,
            StandardOpenOption.WRITE,
            StandardOpenOption.CREATE,
            StandardOpenOption.CREATE_NEW);

    /** The pause between two checks whether other threads have closed their files, in nanoseconds. */
    private static final long CLOSE_NANOS = 100_000;

    /** Receives reports of failures that are not returned to a caller. */
    final Consumer<Report> reporter;

    /** Runs tasks that may block. */
    final Executor tasks;

    final HostInode.TransferBuffers buffers = new HostInode.TransferBuffers(HostInode.TransferBuffers.SIZE);

    /** Limits the pages in memory of all files. */
    final CacheLimit limit = new CacheLimit(this);

    /** Writes dirty pages without a call that saves them. */
    final BackgroundWrites background;

    /* The settings. They are set before the first file is opened. */

    /** Opens channels of paths. */
    HostChannel.ChannelOpener opener = HostChannel.PathChannel::open;

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
     * <p>Words: {@code writable}, {@code closes}, and the words of {@code HostInode} that show how a file is used.
     * Written: a thread that opens, closes or ends a file (monitor of {@code HostFiles}).
     * Read: such a thread, and a thread that visits all files (monitor of {@code HostFiles}).
     * Invariant: how each file is used, and how many are open for writing.
     */
    @GuardedBy("this")
    private int writable;

    /** The number of removed files whose channels are being closed. */
    @GuardedBy("this")
    private int closes;

    /** The arrays that reads of pages reuse, by memory, i.e. one pool per page size. */
    @GuardedBy("this")
    private final Map<MachineMemory, HostInode.ReadArraysPool> readArrays = new HashMap<>();

    /** The idle walks that evictions reuse, by memory, i.e. one per page size. */
    @GuardedBy("this")
    private final Map<MachineMemory, Eviction.SpareWalk> walks = new HashMap<>();

    /**
     * Creates an object without open files.
     *
     * @param reporter receives a report of each file that could not be saved
     * @param tasks runs reads and writes in the background, which may block
     */
    public HostFiles(Consumer<Report> reporter, Executor tasks) {
        this.reporter = reporter;
        this.tasks = tasks;
        background = new BackgroundWrites(
                tasks, () -> all().forEach(inode -> writeDirty(inode, false)), this::writeAll, this::areSomeWritable);
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
     * @param bytes the limit, positive; reads that are under way may exceed it by their windows
     */
    public void limit(long bytes) {
        limit.bound(bytes);
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
     * Limits the dirty pages in memory of all files. Set before the first file is opened.
     *
     * @param background the number of dirty bytes from which on they are written in the background, positive
     * @param most the number of dirty bytes from which on a thread must write them before it makes pages dirty
     */
    public void limitDirty(long background, long most) {
        this.background.bound(background, most);
    }

    /** Returns the object that is notified of pages that become dirty; null if they are not limited. */
    public @Nullable DirtyPages dirtyPages() {
        return background.isBounded() ? background : null;
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
        HostInode.FileRules rules = HostInode.FileRules.of(options);
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
        if (rules.lock() == HostFileOption.EXLOCK && !writes) {
            throw new IllegalArgumentException("a file that is locked by EXLOCK must be opened with WRITE");
        }
        try {
            PathOpen entry = new PathOpen(this, path, memory, standard, rules);
            HostInode inode = entry.enter();
            boolean isDirect = options.contains(HostFileOption.DIRECT);
            return opened(inode, path.toString(), entry.found, writes, isDirect, creates ? path : null);
        } catch (IOException failed) {
            throw PathOpen.refusal(path.toString(), Errno.of(failed), failed);
        } catch (UnsupportedOperationException foreign) {
            // The file system of another provider may not support channels of this kind.
            throw PathOpen.refusal(path.toString(), Errno.EOPNOTSUPP, foreign);
        }
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
            inode.writes.noteOpen(mayBeNew == null ? null : PathOpen.folderOf(mayBeNew));
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
            HostChannel.closeUnwritten(channel);
            throw PathOpen.refusal(name, Errno.of(failed), failed);
        }
        HostInode inode = enter(lent, name, memory, channel, size, writes, null);
        return opened(inode, name, PathOpen.PathLook.NONE, writes, false, null);
    }

    /**
     * Finds or creates a file, and counts an open of it. Afterwards the channel belongs to the file, or is closed.
     *
     * @param ofPath the rules of an open by path; null for a file without a path
     * @throws MmException EBUSY if the file is open with a different memory or different rules, ETXTBSY if an open for
     *     writing is denied
     */
    HostInode enter(
            Object key,
            String name,
            MachineMemory memory,
            HostChannel channel,
            long size,
            boolean writes,
            HostInode.@Nullable FileRules ofPath) {
        HostInode.FileRules rules = ofPath == null ? HostInode.FileRules.NONE : ofPath;
        boolean isTaken = false;
        try {
            synchronized (this) {
                HostInode known = inodes.get(key);
                if (known == null) {
                    Eviction.SpareWalk spare = walks.computeIfAbsent(memory, Eviction.SpareWalk::new);
                    FilePages pages = limit.newPages(memory, size, spare);
                    known = new HostInode(this, key, name, pages, channel, writes, ofPath);
                    add(key, known);
                    isTaken = true;
                } else {
                    checkShared(known, memory, writes, rules);
                    if (writes && !known.isWritable) {
                        known.takeWritable(channel);
                        writable++;
                        isTaken = true;
                    }
                }
                addOpen(known, writes, rules);
                return known;
            }
        } finally {
            if (!isTaken) {
                HostChannel.closeUnwritten(channel);
            }
        }
    }

    /** Returns the arrays that reads of the pages of a memory reuse. */
    synchronized HostInode.ReadArraysPool readArrays(MachineMemory memory) {
        return readArrays.computeIfAbsent(memory, of -> new HostInode.ReadArraysPool(of.frames.direct()));
    }

    /**
     * Counts an open of a file that is already open, and uses its existing channels.
     *
     * @return the file; null if this machine has not opened it
     * @throws MmException as {@link #enter}; also EBUSY if another channel would be needed
     */
    synchronized @Nullable HostInode share(
            Object key, MachineMemory memory, boolean writes, HostInode.FileRules rules) {
        HostInode known = inodes.get(key);
        if (known == null) {
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
        // A file without opens, which its last close could not save, may get new hooks from the next open.
        boolean isPermitted = known.rules.permits(rules) || (known.opens == 0 && known.rules.lock() == rules.lock());
        if (known.pages.memory != memory || !isPermitted) {
            throw PathOpen.refusal(known.key.toString(), Errno.EBUSY, null);
        } else if (writes && known.denials > 0) {
            throw PathOpen.refusal(known.key.toString(), Errno.ETXTBSY, null);
        }
    }

    /** Counts an open. The caller holds the monitor of this. */
    private static void addOpen(HostInode known, boolean writes, HostInode.FileRules rules) {
        if (!rules.isNone()) {
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

    /** Denies opens for writing ({@code deny_write_access}). Returns false if the file is open for writing. */
    synchronized boolean denyWrites(HostInode inode) {
        if (inode.writers > 0) {
            return false;
        }
        inode.denials++;
        return true;
    }

    /** Ends a denial ({@code allow_write_access}). */
    synchronized void allowWrites(HostInode inode) {
        inode.denials--;
    }

    /** Ends an open. If it was the last one, saves the file, and closes the file unless the save failed. */
    void leave(HostInode inode, boolean writes) {
        synchronized (this) {
            inode.opens--;
            inode.writers -= writes ? 1 : 0;
        }
        endUnused(inode);
    }

    /** Saves and closes a file if it has no opens, and no other thread is saving it. */
    private void endUnused(HostInode inode) {
        synchronized (this) {
            if (inode.opens > 0 || inode.isEnding || !has(inode)) {
                return;
            }
            inode.isEnding = true;
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
        boolean isTried = false;
        try {
            failed = inode.writes.save();
            isTried = true;
        } finally {
            if (!isTried) {
                keep(inode);
            }
        }
        if (failed != 0) {
            if (setReported(inode)) {
                reportUnsaved(inode, failed);
            }
            if (keepsUnsaved(failed)) {
                keep(inode);
                return true;
            }
        }
        List<HostChannel> ending = removeUnlessOpened(inode, opened);
        if (ending == null) {
            return false;
        }
        closeChannels(inode, ending);
        return true;
    }

    /** Returns whether a file is still in the table, i.e. no thread has ended it. */
    private synchronized boolean has(HostInode inode) {
        return inodes.get(inode.key) == inode;
    }

    /** Cancels the end that {@link #endUnused} started, and keeps the file. */
    private synchronized void keep(HostInode inode) {
        inode.isEnding = false;
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
     * Completes the end that {@link #endUnused} started, after the file was saved. Removes the file if it has no opens.
     *
     * @param opened the result of {@link #opened} before the save
     * @return the channels of a removed file, which the caller ends; an empty list if the file stays; null if the file
     *     was opened and closed since, and so must be saved again
     */
    private synchronized @Nullable List<HostChannel> removeUnlessOpened(HostInode inode, long opened) {
        if (inode.opens == 0 && inode.opened != opened) {
            return null;
        }
        inode.isEnding = false;
        return inode.opens > 0 ? List.of() : remove(inode);
    }

    /**
     * Removes a file. Returns its channels, or an empty list if the file is not in the table. Once the caller has
     * closed the channels, it decrements {@code closes}.
     */
    private synchronized List<HostChannel> remove(HostInode inode) {
        if (!inodes.remove(inode.key, inode)) {
            return List.of();
        }
        int place = inode.place;
        HostInode last = ring.remove(ring.size() - 1);
        if (last != inode) {
            ring.set(place, last);
            last.place = place;
        }
        writable -= inode.isWritable ? 1 : 0;
        List<HostChannel> taken = inode.takeChannels();
        closes++;
        return taken;
    }

    /**
     * Closes the channels of a removed file. A failure is reported here, because no open is left that could return it.
     */
    private void closeChannels(HostInode inode, List<HostChannel> ending) {
        if (ending.isEmpty()) {
            return;
        }
        long failed;
        try {
            failed = inode.end(ending);
        } finally {
            synchronized (this) {
                closes--;
            }
        }
        if (failed != 0) {
            report(inode + " could not be closed: " + Errno.of(failed), failure(inode, "close", failed));
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
            HostInode.PageWrites.PageRuns runs = inode.writes.dirtyRuns(0, Long.MAX_VALUE);
            return runs.pages() == 0
                    ? ""
                    : "; dirty pages: " + runs.pages() + ", the first at byte "
                            + runs.first() * inode.pages.memory.frames.pageSize;
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
     * Saves all files, and keeps them open. Each file that cannot be saved is reported.
     *
     * @return 0, or the negated errno of the first failure
     */
    public long sync() {
        checkNoHook("a save of all files");
        long failure = 0;
        for (HostInode inode : all()) {
            long failed = sync(inode);
            failure = failure == 0 ? failed : failure;
        }
        return failure;
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
     * Saves and closes all files, at the end of the machine. A file that cannot be saved is reported and keeps its
     * pages, and the next call retries.
     *
     * @return whether no file is left; also false if another thread is closing the files
     */
    public boolean close() {
        if (!closing.tryLock()) {
            return false;
        }
        boolean areAll = true;
        try {
            for (HostInode inode : all()) {
                areAll &= endUsed(inode);
            }
        } finally {
            closing.unlock();
        }
        if (areAll) {
            background.cancel();
        }
        return areAll;
    }

    private boolean endUsed(HostInode inode) {
        try {
            long failed = inode.writes.save();
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
            closeChannels(inode, remove(inode));
            return true;
        } catch (Throwable thrown) {
            // Thrown by the host or an embedder's channel, or because memory ran out. The other files are still saved.
            report(inode + " could not be saved: " + thrown, thrown);
            return false;
        }
    }

    /**
     * Waits until the channels of all files are closed, after {@link #close} returned true. Other threads may still
     * close files whose last use they ended. They may wait for CPUs and for a grace period.
     */
    public void awaitCloses() {
        while (isClosing()) {
            Pause.parkNanos(this, CLOSE_NANOS);
        }
    }

    /** Returns whether channels of removed files are still open. */
    private synchronized boolean isClosing() {
        return closes > 0;
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
        for (HostInode inode : all()) {
            writeDirty(inode, true);
            endUnused(inode);
        }
        return areSomeWritable();
    }

    private synchronized boolean areSomeWritable() {
        return writable > 0;
    }

    /** Returns a snapshot of the files. */
    synchronized List<HostInode> all() {
        return List.copyOf(ring);
    }

    synchronized int count() {
        return ring.size();
    }

    /** Returns the file at an index, or null if there are not that many files. */
    synchronized @Nullable HostInode at(int place) {
        return place < ring.size() ? ring.get(place) : null;
    }
}
