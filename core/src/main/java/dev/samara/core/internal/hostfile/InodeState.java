// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.file.SavedPages;
import dev.samara.core.internal.sync.CheckedLock;
import dev.samara.core.internal.sync.CheckedReadWriteLock;
import java.util.concurrent.locks.ReentrantLock;

/**
 * What the parts of one file of the host share: its pages, its channel, its errors and its locks. {@link HostInode} has
 * the parts. Thread-safe.
 */
final class InodeState {
    /** The name of the first open. */
    private final String name;

    private final SavedPages saved;
    private final ErrorSequence errors = new ErrorSequence();

    /** Serializes writes by calls, holes and changes of the size ({@code i_rwsem}). */
    private final ReentrantLock changes = new CheckedLock();

    /**
     * Serializes write-backs, and excludes them from truncations and holes. Not held during a force ({@link
     * HostForces}). Taken after {@link #changes}.
     */
    private final ReentrantLock writeBack = new CheckedLock();

    /**
     * Shared by reads of pages into memory, and exclusive in truncations and holes ({@code invalidate_lock}). Otherwise
     * a page that was read before a truncation could come into memory after it. Taken after {@link #writeBack}.
     */
    private final CheckedReadWriteLock invalidate = new CheckedReadWriteLock();

    /**
     * The channel of the first open, or of the first one for writing.
     *
     * @written the first open of a file for writing, under the monitor of {@code InodeTable} (volatile)
     * @read any thread that uses the file (volatile)
     * @pairs the store precedes that of {@code isWritable}: a thread that reads true writes through a channel for
     *     writing
     * @invariant a channel of the file; the first one stays open to the end
     */
    private volatile HostChannel channel;

    /**
     * Whether the channel is open for writing. Stored after the channel, and never set back to false.
     *
     * @written the first open for writing, after {@code channel} (volatile)
     * @read a write-back; an open under the monitor of {@code InodeTable} (volatile)
     * @pairs with {@code channel}, see there
     * @invariant whether there is a channel for writing; never set back to false
     */
    private volatile boolean isWritable;

    /**
     * Changed where an open finds a file without opens, under the monitor of {@link InodeTable}.
     *
     * @written the opening thread; an open that finds the file without opens, under the monitor of {@code InodeTable}
     *     (volatile)
     * @read any thread that uses the file (volatile)
     * @invariant what the options of the opens have set for the file
     */
    private volatile FileRules rules;

    InodeState(String name, SavedPages saved, HostChannel channel, boolean isWritable, FileRules rules) {
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

    /** Takes the rules of an open. The caller holds the monitor of {@link InodeTable}. */
    void setRules(FileRules opened) {
        rules = opened;
    }

    FilePages pages() {
        return saved.pages();
    }

    SavedPages saved() {
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

    /** Takes a channel that is open for writing. The caller holds the monitor of {@link InodeTable}. */
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

    /** Takes the locks of the changes, of the write-back and of the reads, in this order. */
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
