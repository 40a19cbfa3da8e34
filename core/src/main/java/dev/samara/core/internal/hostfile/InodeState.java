// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.sync.CheckedLock;
import dev.samara.core.internal.sync.CheckedReadWriteLock;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The state that the parts of one host file share: its pages, its channel, its errors and its locks. {@link HostInode}
 * contains the parts. Thread-safe.
 */
final class InodeState {
    /** The name of the first open. */
    private final String name;

    private final FilePages saved;
    private final ErrorSequence errors = new ErrorSequence();

    /** Serializes writes by calls, holes and changes of the size ({@code i_rwsem}). */
    private final ReentrantLock changes = new CheckedLock();

    /**
     * Serializes write-backs, and excludes them from truncations and holes. Not held during a force ({@link
     * HostForces}). Acquired after {@link #changes}.
     */
    private final ReentrantLock writeBack = new CheckedLock();

    /**
     * Held shared by reads of pages into memory, and exclusively by truncations and holes ({@code invalidate_lock}).
     * Otherwise a page that was read before a truncation could be inserted after it. Acquired after {@link #writeBack}.
     */
    private final CheckedReadWriteLock invalidate = new CheckedReadWriteLock();

    /**
     * The channel of the first open for writing, or of the first open while there is none.
     *
     * <p>Written: the first open of a file for writing, under the monitor of {@code InodeTable} (volatile).
     * Read: any thread that uses the file (volatile).
     * Pairs: stored before {@code isWritable}: a thread that reads {@code isWritable} as true writes through a channel
     *     for writing.
     * Invariant: a channel of the file, which stays open until the end of the file, even if it is the first one and was
     *     replaced.
     */
    private volatile HostChannel channel;

    /**
     * Whether the channel is open for writing. Written after the channel, and never reset.
     *
     * <p>Written: the first open for writing, after {@code channel} (volatile).
     * Read: a write-back; an open under the monitor of {@code InodeTable} (volatile).
     * Pairs: with {@code channel}, see there.
     * Invariant: whether there is a channel for writing; never reset.
     */
    private volatile boolean isWritable;

    /**
     * The rules of the file. Changed under the monitor of {@link InodeTable} by an open that finds the file without
     * opens.
     *
     * <p>Written: the opening thread; an open that finds the file without opens, under the monitor of {@code
     *     InodeTable} (volatile).
     * Read: any thread that uses the file (volatile).
     * Invariant: the rules that the options of the opens set for the file.
     */
    private volatile FileRules rules;

    InodeState(String name, FilePages saved, HostChannel channel, boolean isWritable, FileRules rules) {
        this.name = name;
        this.saved = saved;
        this.channel = channel;
        this.isWritable = isWritable;
        this.rules = rules;
    }

    String name() {
        return name;
    }

    FileRules rules() {
        return rules;
    }

    /** Sets the rules of an open. The caller holds the monitor of {@link InodeTable}. */
    void setRules(FileRules opened) {
        rules = opened;
    }

    FilePages pages() {
        return saved;
    }

    FilePages saved() {
        return saved;
    }

    ErrorSequence errors() {
        return errors;
    }

    HostChannel channel() {
        return channel;
    }

    boolean isWritable() {
        return isWritable;
    }

    /** Sets a channel that is open for writing. The caller holds the monitor of {@link InodeTable}. */
    void takeWritable(HostChannel writable) {
        channel = writable;
        isWritable = true;
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

    /** Acquires the locks of the changes, of the write-back and of the reads, in this order. */
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

    @Override
    public String toString() {
        return "file " + name;
    }
}
