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
 * The open files of the host of one machine, by key, and how each of them is used ({@code inode_hashtable}). An open or
 * a close takes the same time however many files there are. No thread waits for the host in its monitor. Thread-safe.
 */
final class InodeTable {
    /** By key. */
    @GuardedBy("this")
    private final Map<Object, HostInode> inodes = new HashMap<>();

    /** The files of the map, in no order, for a thread that visits one after the other. */
    @GuardedBy("this")
    private final List<HostInode> ring = new ArrayList<>();

    /**
     * The number of these files that are open for writing.
     *
     * @words {@code writable}, and the contents of a use of {@code InodeTable}, {@code HostUse}
     * @written a thread that opens, closes or ends a file (monitor of {@code InodeTable})
     * @read such a thread, and one that visits all files (monitor of {@code InodeTable})
     * @invariant how each file is used, and how many are open for writing
     */
    @GuardedBy("this")
    private int writable;

    /**
     * Finds or makes a file, and counts an open of it. The channel is the file's then, or closed.
     *
     * @param rules the rules of the open
     * @param maker makes the file of the channel, in the monitor of this
     * @throws dev.samara.core.mman.MmException EBUSY if the file is open with another memory or other rules, ETXTBSY if
     *     an open for writing is denied
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
     * Counts an open of a file that is open, with the channels that it has.
     *
     * @return the file; null if it is not open here
     * @throws dev.samara.core.mman.MmException as {@link #enter}; EBUSY also if that would need a further channel
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

    /** Checks that a further open may use a file. The caller holds the monitor of this. */
    private static void checkShared(HostInode known, MachineMemory memory, boolean writes, FileRules rules) {
        // A file that could not be saved by its last close has no opens: the next open may bring new hooks.
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
            // Nothing was written through it.
            return;
        }
    }

    /** Adds a file, or changes nothing if memory is short. The caller holds the monitor of this. */
    @GuardedBy("this")
    private void add(Object key, HostInode inode) {
        ring.add(inode);
        boolean isComplete = false;
        try {
            inodes.put(key, inode);
            isComplete = true;
        } finally {
            if (!isComplete) {
                // A map that has failed to grow has the entry nevertheless.
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

    /** Denies opens for writing ({@code deny_write_access}); returns false if there is one. */
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

    /** Returns whether a file is to be saved and closed: it has no opens, and no other thread does that. */
    synchronized boolean beginEnd(HostInode inode) {
        HostUse use = inode.use();
        if (use.opens > 0 || use.isEnding || inodes.get(inode.key()) != inode) {
            return false;
        }
        use.isEnding = true;
        return true;
    }

    /** Returns whether a file is still here: no thread has ended it. */
    synchronized boolean has(HostInode inode) {
        return inodes.get(inode.key()) == inode;
    }

    /** Ends what {@link #beginEnd} has begun, and keeps the file. */
    synchronized void keep(HostInode inode) {
        inode.use().isEnding = false;
    }

    /** Returns the number of opens of a file so far. */
    synchronized long opened(HostInode inode) {
        return inode.use().opened;
    }

    /** Returns whether a failed save is to be reported: once until the next open, though it is tried again. */
    synchronized boolean setReported(HostInode inode) {
        boolean isFirst = !inode.use().isReported;
        inode.use().isReported = true;
        return isFirst;
    }

    /**
     * Ends what {@link #beginEnd} has begun, for a file that was saved. Removes it if it has no opens.
     *
     * @param opened the number of its opens before it was saved
     * @return the channels of a file that was removed, which the caller ends; none if the file stays; null if an open
     *     has come and gone since, so that the file is to be saved again
     */
    synchronized @Nullable List<HostChannel> end(HostInode inode, long opened) {
        HostUse use = inode.use();
        if (use.opens == 0 && use.opened != opened) {
            return null;
        }
        use.isEnding = false;
        return use.opens > 0 ? List.of() : remove(inode);
    }

    /** Removes a file. Returns its channels; none if it is not here. */
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
        return inode.takeChannels();
    }

    synchronized boolean areSomeWritable() {
        return writable > 0;
    }

    /** Returns the files of this instant. */
    synchronized List<HostInode> all() {
        return List.copyOf(ring);
    }

    synchronized int count() {
        return ring.size();
    }

    /** Returns the file at a place, or null if there are fewer by now. */
    synchronized @Nullable HostInode at(int place) {
        return place < ring.size() ? ring.get(place) : null;
    }
}
