// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.mman.Errno;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * The size of one file of the host, which the page cache and the host both know ({@code ext4_setattr}). What makes the
 * file larger makes that of the host larger first, and what makes it smaller makes that of the host smaller first.
 * Another program may change the size of the host's file at any time, so each change looks at that before. No call of
 * the JDK changes a size only if it is still some size: a change by another program between the look and the change is
 * taken for one before the look.
 */
final class HostSize {
    private static final long NONE = -1;

    private final InodeState inode;
    private final HostForces forces;
    private final FilePages pages;

    /**
     * The size to which this has made the file of the host larger in vain, as long as it is not cut; or {@link #NONE}.
     * Stored under the lock of the changes.
     *
     * @written the holder of {@code changes}, after it has tried to make the file of the host smaller (volatile)
     * @read the holder of {@code changes}; a thread that is about to save the file (volatile)
     * @invariant a size only while the file of the host may be longer than the page cache says, by a growth to that
     *     size that has failed
     */
    private volatile long overgrown = NONE;

    HostSize(InodeState inode, HostForces forces) {
        this.inode = inode;
        this.forces = forces;
        pages = inode.pages();
    }

    /** Returns whether the file of the host may be longer than needed, by a growth that has failed. */
    boolean isTooLong() {
        return overgrown != NONE;
    }

    /** Returns whether the file of the host has another size than the page cache says. Takes no lock. */
    boolean isOther() {
        try {
            return inode.channel().size() != pages.size();
        } catch (IOException failed) {
            // A revalidation returns the error.
            return true;
        }
    }

    /**
     * Makes the file of the host at least as large as that, with zeros. The caller holds the lock of the changes.
     *
     * @return 0, or a negated errno
     */
    private long growHost(long bytes) {
        try {
            if (inode.channel().size() >= bytes) {
                return 0;
            }
        } catch (IOException failed) {
            return HostErrors.of(failed).result();
        }
        try {
            // No channel of the JDK makes a file larger in another way. The rest becomes a hole where the file system
            // has holes.
            return write(ByteBuffer.allocate(1), bytes - 1) == 1 ? 0 : Errno.EIO.result();
        } catch (IOException failed) {
            // A write that fails may have been made all the same.
            undo(bytes);
            return HostErrors.of(failed).result();
        }
    }

    private int write(ByteBuffer bytes, long offset) throws IOException {
        try {
            return inode.channel().write(bytes, offset);
        } finally {
            // After the write: a force that has begun before may not have it.
            forces.noteChange();
        }
    }

    /**
     * Writes bytes beyond the end to the host before they are written to pages, so that the call that writes reports a
     * full device. Writes zeros if the bytes may reach the host by write-backs only. The caller holds the lock of the
     * changes, and then writes the pages, or calls {@link #undo}.
     *
     * @param source has the bytes; its position stays
     * @param offset not before the end of the file
     * @return the number of bytes written, at least 1; a negated errno if none was
     */
    int extend(ByteBuffer source, long offset) {
        if (inode.rules().holdsWrites()) {
            long refused = growHost(offset + source.remaining());
            return refused == 0 ? source.remaining() : (int) refused;
        }
        ByteBuffer rest = source.duplicate();
        long failed = Errno.EIO.result();
        try {
            int written = 1;
            while (written > 0 && rest.hasRemaining()) {
                written = write(rest, offset + rest.position() - source.position());
            }
        } catch (IOException refused) {
            failed = HostErrors.of(refused).result();
        }
        int done = rest.position() - source.position();
        return done > 0 ? done : (int) failed;
    }

    /**
     * Makes the file of the host as small as the page cache says, after a growth that was not needed. Another program
     * may have made it larger still, and then it stays. The caller holds the lock of the changes.
     *
     * @param grown the size after the growth
     */
    void undo(long grown) {
        try {
            HostChannel host = inode.channel();
            if (host.size() == grown && grown > pages.size()) {
                host.truncate(pages.size());
            }
            overgrown = NONE;
        } catch (IOException failed) {
            // The file is longer than needed until the next try.
            overgrown = grown;
        } finally {
            forces.noteChange();
        }
    }

    /** Makes the file at least as large as that; see {@link dev.samara.core.backing.HostFile#grow}. */
    long grow(long bytes) {
        inode.changesLock().lock();
        try {
            long failed = revalidate();
            if (failed != 0 || bytes <= pages.size()) {
                return failed;
            }
            failed = growHost(bytes);
            if (failed == 0) {
                pages.truncate(bytes);
            }
            return failed;
        } finally {
            inode.changesLock().unlock();
        }
    }

    /** Changes the size; see {@link dev.samara.core.backing.HostFile#truncate}. */
    long truncate(long bytes) {
        Cpus.checkMayWait("a truncation");
        inode.changesLock().lock();
        try {
            // Before all locks are taken: this takes them too.
            long failed = revalidate();
            return failed != 0 ? failed : changeSize(bytes);
        } finally {
            inode.changesLock().unlock();
        }
    }

    /** The caller holds the lock of the changes, and knows the size of the file of the host. */
    private long changeSize(long bytes) {
        inode.lockAll();
        try {
            long failed = bytes > pages.size() ? growHost(bytes) : 0;
            if (failed != 0) {
                return failed;
            }
            if (bytes < pages.size()) {
                cutHost(bytes);
            }
            if (bytes != pages.size()) {
                pages.truncate(bytes);
            }
            return 0;
        } catch (IOException failed) {
            return HostErrors.of(failed).result();
        } finally {
            inode.unlockAll();
        }
    }

    private void cutHost(long bytes) throws IOException {
        HostChannel host = inode.channel();
        try {
            host.truncate(bytes);
        } catch (IOException failed) {
            // A truncation that fails may have been made all the same, and the pages must follow it.
            if (host.size() != bytes) {
                throw failed;
            }
        } finally {
            forces.noteChange();
        }
    }

    /** Takes the size of the file of the host; see {@link dev.samara.core.backing.HostFile#revalidate}. */
    long revalidate() {
        try {
            return look();
        } catch (IOException failed) {
            return HostErrors.of(failed).result();
        }
    }

    /** Takes the size as {@link #revalidate} does. Throws what the host has thrown. */
    long look() throws IOException {
        Cpus.checkMayWait("a check of a file");
        inode.changesLock().lock();
        try {
            if (isTooLong()) {
                undo(overgrown);
            }
            if (isKnown(inode.channel().size())) {
                return 0;
            }
            inode.lockAll();
            try {
                long found = inode.channel().size();
                if (isKnown(found)) {
                    return 0;
                }
                if (found > pages.size()) {
                    return follow(found);
                }
                pages.truncate(found);
                return 0;
            } finally {
                inode.unlockAll();
            }
        } finally {
            inode.changesLock().unlock();
        }
    }

    /** Returns whether no other program has made the file of the host as large as that. */
    private boolean isKnown(long found) {
        return found == pages.size() || (found > pages.size() && isTooLong());
    }

    /**
     * Makes the page cache as large as the file of the host, to which another program has added. The rest of the last
     * page is read again. If the page may be dirty, the new bytes are written to it, so that no store is lost. The
     * caller holds all locks.
     */
    private long follow(long found) throws IOException {
        int pageSize = pages.memory().frames().pageSize();
        long size = pages.size();
        long last = size / pageSize;
        if (size % pageSize != 0 && inode.isWritable()) {
            ByteBuffer rest = ByteBuffer.allocate((int) (Math.min((last + 1) * pageSize, found) - size));
            while (rest.hasRemaining()) {
                if (inode.channel().read(rest, size + rest.position()) < 0) {
                    // Made shorter again. The next look finds the size that it has then.
                    return 0;
                }
            }
            // No eviction has the page, or comes between the look and the write.
            pages.lock();
            try {
                int length = rest.flip().remaining();
                if (pages.frameAt(last) >= 0 && pages.pwrite(rest, size) != length) {
                    return Errno.EIO.result();
                }
            } finally {
                pages.unlock();
            }
        } else if (size % pageSize != 0) {
            pages.remove(last, 1);
        }
        pages.truncate(found);
        return 0;
    }
}
