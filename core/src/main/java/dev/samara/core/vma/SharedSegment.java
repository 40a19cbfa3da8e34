// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.vma;

import dev.samara.core.mman.Fault;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * A System V shared memory segment, described by data ({@code shmget(2)}).
 *
 * <p>Each attachment is a separate open, so two attachments never merge, as on Linux. Thread-safe.
 */
public final class SharedSegment {
    private final int id;
    private final int key;
    private final long size;
    private final @Nullable PageCache pages;

    /**
     * Whether a segment without memory was removed.
     *
     * <p>Written: a thread that removes a segment without memory (volatile).
     * Read: any thread (volatile).
     * Invariant: never reset.
     */
    private volatile boolean isRemovedWithout;

    /**
     * The charge while the segment is locked; null while it is not locked; GONE, the final value, after its removal.
     *
     * <p>Written: a thread that locks or unlocks the segment, in the monitor of {@code SegmentLocks} (compare-and-set);
     *     the removal of the segment, without a lock (get-and-set).
     * Read: any thread (volatile).
     * Pairs: with itself. A charge is made before it is stored in the word. Only one thread ends it: the thread that
     *     removes it from the word, or the thread whose compare-and-set could not store it.
     * Invariant: null (unlocked), the charge (locked), or GONE (removed; final). {@code ShmLockTest.beside}.
     */
    private final AtomicReference<@Nullable LockCharge> lock = new AtomicReference<>();

    /** Compared by identity. */
    private static final class LockCharge {
        static final LockCharge GONE = new LockCharge(null, 0);

        private final @Nullable SegmentLocks to;
        private final long bytes;

        LockCharge(@Nullable SegmentLocks to, long bytes) {
            this.to = to;
            this.bytes = bytes;
        }

        void end() {
            if (to != null) {
                to.uncharge(bytes);
            }
        }
    }

    /**
     * Creates a segment without memory. It can be attached, but each fault is a SIGBUS.
     *
     * @param id its identifier, shown as the inode; not negative
     * @param key its key, shown in the name; 0 for {@code IPC_PRIVATE}
     * @param size its size in bytes, positive
     */
    public SharedSegment(int id, int key, long size) {
        this(id, key, size, null);
    }

    /**
     * Creates a segment with memory, which it keeps until {@link #remove}.
     *
     * @param id its identifier, shown as the inode; not negative
     * @param key its key, shown in the name; 0 for {@code IPC_PRIVATE}
     * @param size its size in bytes, positive
     * @param pages its page cache, created with this size by the machine whose spaces will attach it; null if it has
     *     none
     * @throws IllegalStateException if the page cache belongs to another segment, or is already mapped
     */
    public SharedSegment(int id, int key, long size, @Nullable PageCache pages) {
        if (id < 0) {
            throw new IllegalArgumentException("id " + id + " is negative");
        }
        if (size <= 0) {
            throw new IllegalArgumentException("size " + size + " is not positive");
        }
        this.id = id;
        this.key = key;
        this.size = size;
        this.pages = pages;
        if (pages != null) {
            pages.becomeSegment(this::endForEver);
        }
    }

    /**
     * Returns the number of attachments ({@code shm_nattch}), which Linux counts by VMAs: an attachment that {@code
     * munmap} or {@code mprotect} cut counts once per piece, the attachments of a child count, and attachments in a
     * space that has ended do not count. A {@code shmat} or a fork in progress also counts. Exact if no operation on
     * such a VMA is in progress. Takes no lock and does not wait.
     *
     * @return the number at some instant of this call; 0 for a segment without memory, because its VMAs are not counted
     */
    public int attachments() {
        return pages == null ? 0 : pages.attachments();
    }

    /**
     * Removes the segment after its last detachment ({@code IPC_RMID}), or immediately if it is not attached. Until its
     * removal it is {@linkplain #isMarkedForRemoval marked}, can still be attached through this object, as on Linux by
     * its identifier, and can be locked and unlocked. Afterwards it is unlocked, {@code shmat} returns EINVAL, and one
     * of the machine's threads frees the memory. Does not wait. A second call does nothing. The attachments of a
     * segment without memory are not counted, so it is removed immediately, but existing attachments stay.
     */
    public void removeWhenDetached() {
        if (pages != null) {
            pages.removeWhenDetached();
        } else {
            isRemovedWithout = true;
            endForEver();
        }
    }

    /**
     * Returns whether the segment is to be removed after its last detachment ({@code SHM_DEST}), or already was. Takes
     * no lock and does not wait.
     *
     * @return whether {@link #removeWhenDetached} was called
     */
    public boolean isMarkedForRemoval() {
        return pages == null ? isRemovedWithout : pages.isMarkedForRemoval();
    }

    /**
     * Returns whether the segment was removed after its last detachment, so that its identifier no longer exists. Takes
     * no lock and does not wait.
     *
     * @return whether {@link #removeWhenDetached} has taken effect; never false again once true
     */
    public boolean isRemoved() {
        return pages == null ? isRemovedWithout : pages.isRemoved();
    }

    /**
     * Returns whether the segment is locked ({@code SHM_LOCKED}), by {@code AddressSpace.shmLock}. Takes no lock and
     * does not wait.
     *
     * @return whether it is locked at some instant of this call; always false once it is removed
     */
    public boolean isLocked() {
        LockCharge now = lock.get();
        return now != null && now != LockCharge.GONE;
    }

    /** Returns whether the segment can no longer be locked, because it is removed. */
    boolean isGone() {
        return lock.get() == LockCharge.GONE;
    }

    /** Locks the segment, with a charge that was already made. Returns false if it is already locked, or removed. */
    boolean beginLock(SegmentLocks to, long bytes) {
        return lock.compareAndSet(null, new LockCharge(to, bytes));
    }

    /** Unlocks the segment and ends its charge, if it is locked. */
    void endLock() {
        LockCharge now = lock.get();
        if (now != null && now != LockCharge.GONE && lock.compareAndSet(now, null)) {
            now.end();
        }
    }

    /**
     * Unlocks the segment permanently, because it is removed. Takes no lock, so that a thread that retires a VMA may
     * call this.
     */
    private void endForEver() {
        LockCharge last = lock.getAndSet(LockCharge.GONE);
        if (last != null) {
            last.end();
        }
    }

    /**
     * Frees the memory of the segment immediately, even if it is attached (unlike {@code IPC_RMID}). From now on each
     * fault in an attachment is a SIGBUS. A locked segment is unlocked, and can no longer be locked. Waits for CPUs, as
     * a truncation does.
     */
    public void remove() {
        endForEver();
        if (pages != null) {
            pages.truncate(0);
        }
    }

    /**
     * Returns the size that was passed to {@code shmget}.
     *
     * @return bytes
     */
    public long size() {
        return size;
    }

    /**
     * Opens the segment for one attachment.
     *
     * @param readOnly true for reading only
     * @return a new backing
     */
    public Attachment attach(boolean readOnly) {
        return new Attachment(this, readOnly);
    }

    @Override
    public String toString() {
        return String.format(Locale.ROOT, "/SYSV%08x (deleted)", key);
    }

    /** One open of a segment, created for one attachment. */
    public static final class Attachment implements Backing {
        private final SharedSegment segment;
        private final boolean readOnly;

        private Attachment(SharedSegment segment, boolean readOnly) {
            this.segment = segment;
            this.readOnly = readOnly;
        }

        /**
         * Returns the attached segment.
         *
         * @return the segment
         */
        public SharedSegment segment() {
            return segment;
        }

        @Override
        public int major() {
            return 0;
        }

        @Override
        public int minor() {
            return 1;
        }

        @Override
        public long inode() {
            return segment.id;
        }

        @Override
        public String name() {
            return segment.toString();
        }

        @Override
        public boolean writable() {
            return !readOnly;
        }

        @Override
        public @Nullable PageCache pageCache() {
            return segment.pages;
        }

        @Override
        public boolean punchesHoles() {
            return true;
        }

        @Override
        public int fault(Backing.PageRequest request) {
            PageCache pages = segment.pages;
            if (pages == null) {
                return -Fault.ADRERR;
            }
            int known = pages.frameAt(request.page());
            if (known >= 0) {
                return known;
            }
            int fresh = pages.allocateFor(request.page());
            if (fresh < 0) {
                return -Fault.OUT_OF_MEMORY;
            }
            int inserted = pages.insert(request.page(), fresh);
            return inserted >= 0 ? inserted : -Fault.ADRERR;
        }

        @Override
        public boolean countsMappings() {
            return true;
        }

        @Override
        public String toString() {
            return "attachment of " + segment;
        }
    }
}
