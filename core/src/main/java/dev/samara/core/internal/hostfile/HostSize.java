// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.mman.Errno;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * Keeps the size of one file consistent between the page cache and the host ({@code ext4_setattr}). An operation that
 * makes the file larger or smaller first changes the size of the host's file, and then the size in the page cache.
 * Another program may change the size of the host's file at any time, so each operation checks that size first. The JDK
 * cannot change a size conditionally. So if another program changes the size between the check and the change, the
 * result is the same as if it had done so before the check.
 */
final class HostSize {
    /** The result of {@link #cutAndExtend} if the host did not truncate its file. No errno has this value. */
    static final long NOT_CUT = 1;

    private static final long NONE = -1;

    private final InodeState inode;
    private final HostForces forces;
    private final FilePages pages;

    /**
     * The size to which a failed growth extended the host's file, until the file is truncated again; or {@link #NONE}.
     * Written under the lock of the changes.
     *
     * <p>Written: the holder of {@code changes}, after it tried to truncate the host's file (volatile).
     * Read: the holder of {@code changes}; a thread that is about to save the file (volatile).
     * Invariant: a size only while the host's file may be longer than the size in the page cache, because of a failed
     *     growth to that size.
     */
    private volatile long overgrown = NONE;

    HostSize(InodeState inode, HostForces forces) {
        this.inode = inode;
        this.forces = forces;
        pages = inode.pages();
    }

    /** Returns whether the host's file may be longer than needed because of a failed growth. */
    boolean isTooLong() {
        return overgrown != NONE;
    }

    /** Returns whether the size of the host's file differs from the size in the page cache. Acquires no lock. */
    boolean isOther() {
        try {
            return inode.channel().size() != pages.size();
        } catch (IOException failed) {
            // The caller then revalidates the size, and that call returns the error.
            return true;
        }
    }

    /**
     * Extends the host's file with zeros to at least {@code bytes} bytes. The caller holds the lock of the changes.
     *
     * @return 0, or a negated errno
     */
    private long growHost(long bytes) {
        try {
            if (inode.channel().size() >= bytes) {
                return 0;
            }
        } catch (IOException failed) {
            return Errno.of(failed).result();
        }
        try {
            // Writing a byte is the only way in which a channel of the JDK can extend a file. The bytes before it
            // become a hole if the file system supports holes.
            return write(ByteBuffer.allocate(1), bytes - 1) == 1 ? 0 : Errno.EIO.result();
        } catch (IOException failed) {
            // A failed write may nevertheless have extended the file.
            undo(bytes);
            return Errno.of(failed).result();
        }
    }

    private int write(ByteBuffer bytes, long offset) throws IOException {
        try {
            return inode.channel().write(bytes, offset);
        } finally {
            // Counted after the write, because a force that started before it may not cover it.
            forces.noteChange();
        }
    }

    /**
     * Writes bytes beyond the end to the host before they are written to pages, so that the writing call itself reports
     * a full device. If bytes may be written to the host only by write-backs, writes a zero for each instead, because a
     * hole would reserve no room. The caller holds the lock of the changes, and afterwards writes the pages, or calls
     * {@link #undo}.
     *
     * @param source the bytes; its position does not change
     * @param offset the offset of the first byte, at or beyond the end of the file
     * @return the number of bytes written, at least 1; a negated errno if no byte was written
     */
    int extend(ByteBuffer source, long offset) {
        ByteBuffer rest = inode.rules().holdsWrites() ? ByteBuffer.allocate(source.remaining()) : source.duplicate();
        int start = rest.position();
        long failed = Errno.EIO.result();
        try {
            int written = 1;
            while (written > 0 && rest.hasRemaining()) {
                written = write(rest, offset + rest.position() - start);
            }
        } catch (IOException refused) {
            failed = Errno.of(refused).result();
        }
        int done = rest.position() - start;
        return done > 0 ? done : (int) failed;
    }

    /**
     * Truncates the host's file to the size in the page cache, after a growth that was not needed. Does not truncate
     * the file if another program has extended it further. The caller holds the lock of the changes.
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
            // Until the next attempt, the file has more bytes than needed.
            overgrown = grown;
        } finally {
            forces.noteChange();
        }
    }

    /** Makes the file at least {@code bytes} bytes long; see {@link dev.samara.core.backing.HostFile#grow}. */
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
        ThreadCpus.checkMayWait("a truncation");
        inode.changesLock().lock();
        try {
            // Called before the other locks are acquired, because it may acquire them itself.
            long failed = revalidate();
            return failed != 0 ? failed : changeSize(bytes);
        } finally {
            inode.changesLock().unlock();
        }
    }

    /** The caller holds the lock of the changes, and has revalidated the size. */
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
            return Errno.of(failed).result();
        } finally {
            inode.unlockAll();
        }
    }

    private void cutHost(long bytes) throws IOException {
        HostChannel host = inode.channel();
        try {
            host.truncate(bytes);
        } catch (IOException failed) {
            // A failed truncation may nevertheless have taken effect, and then the pages must also be truncated.
            if (host.size() != bytes) {
                throw failed;
            }
        } finally {
            forces.noteChange();
        }
    }

    /**
     * Truncates the host's file, and extends it again to the size in the page cache, so that its end becomes a hole. If
     * the host cannot extend the file, adopts the smaller size. The caller holds all locks, has revalidated the size,
     * and afterwards removes the pages from {@code bytes} on.
     *
     * @return 0; {@link #NOT_CUT}, if nothing was changed; the negated errno of the extension
     */
    long cutAndExtend(long bytes) {
        try {
            cutHost(bytes);
        } catch (IOException refused) {
            return NOT_CUT;
        }
        long failed = growHost(pages.size());
        if (failed != 0) {
            pages.truncate(bytes);
        }
        return failed;
    }

    /** Adopts the size of the host's file; see {@link dev.samara.core.backing.HostFile#revalidate}. */
    long revalidate() {
        try {
            return look();
        } catch (IOException failed) {
            return Errno.of(failed).result();
        }
    }

    /** Adopts the size like {@link #revalidate}, but throws the exception of the host. */
    long look() throws IOException {
        ThreadCpus.checkMayWait("a check of a file");
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

    /** Returns whether a size of the host's file is explained without a change by another program. */
    private boolean isKnown(long found) {
        return found == pages.size() || (found > pages.size() && isTooLong());
    }

    /**
     * Extends the page cache to the size of the host's file, to which another program has appended bytes. The last page
     * is removed, so that it is read again with the new bytes. If the page may be dirty, the new bytes are written to
     * it instead, so that no store is lost. The caller holds all locks.
     */
    private long follow(long found) throws IOException {
        int pageSize = pages.memory().frames().pageSize();
        long size = pages.size();
        long last = size / pageSize;
        if (size % pageSize != 0 && inode.isWritable()) {
            ByteBuffer rest = ByteBuffer.allocate((int) (Math.min((last + 1) * pageSize, found) - size));
            while (rest.hasRemaining()) {
                if (inode.channel().read(rest, size + rest.position()) < 0) {
                    // The file was truncated again. The next check finds its new size.
                    return 0;
                }
            }
            // The lock excludes evictions of the page during the check and the write.
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
