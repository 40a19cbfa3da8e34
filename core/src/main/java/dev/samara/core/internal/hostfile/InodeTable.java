// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.mman.Errno;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The open host files of one machine, by key, and how each of them is used ({@code inode_hashtable}). The time of an
 * open or a close does not depend on the number of files. No thread waits for the host while it holds the monitor.
 * Thread-safe.
 */
final class InodeTable {
    /** The files by key. */
    @GuardedBy("this")
    private final Map<Object, HostInode> inodes = new HashMap<>();

    /** The files of the map, in no particular order, for threads that visit them one after another. */
    @GuardedBy("this")
    private final List<HostInode> ring = new ArrayList<>();

    /**
     * The number of files that are open for writing.
     *
     * <p>Words: {@code writable}, and the contents of a use of {@code InodeTable}, {@code HostUse}.
     * Written: a thread that opens, closes or ends a file (monitor of {@code InodeTable}).
     * Read: such a thread, and a thread that visits all files (monitor of {@code InodeTable}).
     * Invariant: how each file is used, and how many are open for writing.
     */
    @GuardedBy("this")
    private int writable;

    /** The number of removed files whose channels are being closed. */
    @GuardedBy("this")
    private int closing;

    /**
     * Finds or creates a file, and counts an open of it. Afterwards the channel belongs to the file, or is closed.
     *
     * @param rules the rules of the open
     * @param maker creates the file of the channel; called with the monitor held
     * @throws dev.samara.core.mman.MmException EBUSY if the file is open with a different memory or different rules,
     *     ETXTBSY if an open for writing is denied
     */
    HostInode enter(
            Object key,
            MachineMemory memory,
            HostChannel channel,
            boolean writes,
            FileRules rules,
            Supplier<HostInode> maker) {
        boolean isTaken = false;
        try {
            synchronized (this) {
                HostInode known = inodes.get(key);
                if (known == null) {
                    known = maker.get();
                    add(key, known);
                    isTaken = true;
                } else {
                    checkShared(known, memory, writes, rules);
                    if (writes && !known.isWritable()) {
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
                close(channel);
            }
        }
    }

    /**
     * Counts an open of a file that is already open, and uses its existing channels.
     *
     * @return the file; null if this machine has not opened it
     * @throws dev.samara.core.mman.MmException as {@link #enter}; also EBUSY if another channel would be needed
     */
    synchronized @Nullable HostInode share(Object key, MachineMemory memory, boolean writes, FileRules rules) {
        HostInode known = inodes.get(key);
        if (known == null) {
            return null;
        }
        checkShared(known, memory, writes, rules);
        if (writes && !known.isWritable()) {
            throw HostPath.refusal(key.toString(), Errno.EBUSY, null);
        }
        addOpen(known, writes, rules);
        return known;
    }

    /** Checks that another open may use a file. The caller holds the monitor of this. */
    private static void checkShared(HostInode known, MachineMemory memory, boolean writes, FileRules rules) {
        // A file without opens, which its last close could not save, may get new hooks from the next open.
        boolean isPermitted = known.rules().permits(rules)
                || (known.use().opens == 0 && known.rules().lock() == rules.lock());
        if (known.pages().memory() != memory || !isPermitted) {
            throw HostPath.refusal(known.key().toString(), Errno.EBUSY, null);
        } else if (writes && known.use().denials > 0) {
            throw HostPath.refusal(known.key().toString(), Errno.ETXTBSY, null);
        }
    }

    /** Counts an open. The caller holds the monitor of this. */
    private static void addOpen(HostInode known, boolean writes, FileRules rules) {
        if (!rules.isNone()) {
            known.setRules(rules);
        }
        known.use().opens++;
        known.use().writers += writes ? 1 : 0;
        known.use().opened++;
        known.use().isReported = false;
    }

    /** Closes a channel through which nothing was written. */
    static void close(HostChannel channel) {
        try {
            channel.close();
        } catch (IOException unused) {
            // Ignored, because nothing was written through the channel.
            return;
        }
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
        inode.use().place = ring.size() - 1;
        writable += inode.isWritable() ? 1 : 0;
    }

    /** Ends an open. */
    synchronized void leave(HostInode inode, boolean writes) {
        inode.use().opens--;
        inode.use().writers -= writes ? 1 : 0;
    }

    /** Denies opens for writing ({@code deny_write_access}). Returns false if the file is open for writing. */
    synchronized boolean denyWrites(HostInode inode) {
        if (inode.use().writers > 0) {
            return false;
        }
        inode.use().denials++;
        return true;
    }

    /** Ends a denial ({@code allow_write_access}). */
    synchronized void allowWrites(HostInode inode) {
        inode.use().denials--;
    }

    /**
     * Returns whether the caller must save and close a file, because the file has no opens and no other thread is
     * saving it.
     */
    synchronized boolean beginEnd(HostInode inode) {
        HostUse use = inode.use();
        if (use.opens > 0 || use.isEnding || inodes.get(inode.key()) != inode) {
            return false;
        }
        use.isEnding = true;
        return true;
    }

    /** Returns whether a file is still in the table, i.e. no thread has ended it. */
    synchronized boolean has(HostInode inode) {
        return inodes.get(inode.key()) == inode;
    }

    /** Cancels the end that {@link #beginEnd} started, and keeps the file. */
    synchronized void keep(HostInode inode) {
        inode.use().isEnding = false;
    }

    /** Returns the number of opens of a file so far. */
    synchronized long opened(HostInode inode) {
        return inode.use().opened;
    }

    /**
     * Returns whether a failed save should be reported. Until the next open this is true only once, although the save
     * is retried.
     */
    synchronized boolean setReported(HostInode inode) {
        boolean isFirst = !inode.use().isReported;
        inode.use().isReported = true;
        return isFirst;
    }

    /**
     * Completes the end that {@link #beginEnd} started, after the file was saved. Removes the file if it has no opens.
     *
     * @param opened the result of {@link #opened} before the save
     * @return the channels of a removed file, which the caller ends; an empty list if the file stays; null if the file
     *     was opened and closed since, and so must be saved again
     */
    synchronized @Nullable List<HostChannel> end(HostInode inode, long opened) {
        HostUse use = inode.use();
        if (use.opens == 0 && use.opened != opened) {
            return null;
        }
        use.isEnding = false;
        return use.opens > 0 ? List.of() : remove(inode);
    }

    /**
     * Removes a file. Returns its channels, or an empty list if the file is not in the table. Once the caller has
     * closed the channels, it calls {@link #closed}.
     */
    synchronized List<HostChannel> remove(HostInode inode) {
        if (!inodes.remove(inode.key(), inode)) {
            return List.of();
        }
        int place = inode.use().place;
        HostInode last = ring.remove(ring.size() - 1);
        if (last != inode) {
            ring.set(place, last);
            last.use().place = place;
        }
        writable -= inode.isWritable() ? 1 : 0;
        List<HostChannel> taken = inode.takeChannels();
        closing++;
        return taken;
    }

    /** Records that the channels of a removed file are closed. */
    synchronized void closed() {
        closing--;
    }

    /** Returns whether channels of removed files are still open. */
    synchronized boolean isClosing() {
        return closing > 0;
    }

    synchronized boolean areSomeWritable() {
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
