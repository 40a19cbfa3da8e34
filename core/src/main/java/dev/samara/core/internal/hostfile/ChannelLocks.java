// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.backing.HostFileException;
import dev.samara.core.backing.HostFileOption;
import dev.samara.core.mman.Errno;
import java.io.IOException;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.Channel;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The locks that the channels of one host file hold ({@code FileChannel.lock}). They are locks of the host's channel.
 * If the whole file is locked by an option, other processes are excluded already, and the locks are only checked
 * against each other. Thread-safe.
 */
final class ChannelLocks {
    private final InodeState inode;

    /** The key of a file that was opened by path; otherwise null. */
    private final @Nullable Object key;

    /**
     * Words: {@code held} and its contents, {@code ofHost}.
     * Written: a thread that locks, unlocks or closes a channel (monitor).
     * Read: as written, and a thread that asks whether a lock is valid (monitor).
     * Invariant: the locks that were acquired and not released, and those that a thread is acquiring.
     */
    @GuardedBy("this")
    private final List<ChannelLock> held = new ArrayList<>(0);

    ChannelLocks(InodeState inode, @Nullable Object key) {
        this.inode = inode;
        this.key = key;
    }

    final class ChannelLock extends FileLock {
        /**
         * The lock of the host's channel; null if there is none yet, or if the whole file is locked. Used under the
         * monitor of the {@link ChannelLocks}.
         */
        private @Nullable FileLock ofHost;

        ChannelLock(FileChannel channel, long offset, long length, boolean isShared) {
            super(channel, offset, length, isShared);
        }

        @Override
        public boolean isValid() {
            return acquiredBy().isOpen() && isHeld(this);
        }

        @Override
        public void release() throws IOException {
            if (!acquiredBy().isOpen()) {
                throw new ClosedChannelException();
            }
            ChannelLocks.this.release(this);
        }
    }

    /**
     * Creates a lock that is not acquired yet. The caller acquires or abandons it. Like the JDK, compares it with all
     * other locks, also with those for which other threads wait.
     *
     * @throws OverlappingFileLockException if the JVM has a lock of the range, or a thread waits for one
     */
    ChannelLock create(FileChannel channel, long offset, long length, boolean isShared) {
        // As in later JDKs, a length of 0 stands for all bytes from the offset on.
        long bytes = length == 0 ? Long.MAX_VALUE - Math.max(0, offset) : length;
        ChannelLock lock = new ChannelLock(channel, offset, bytes, isShared);
        synchronized (this) {
            boolean isExcluded = inode.rules().lock() == HostFileOption.SHLOCK && !isShared;
            for (int i = 0; i < held.size() && !isExcluded; i++) {
                isExcluded = held.get(i).overlaps(offset, bytes);
            }
            if (isExcluded) {
                throw new OverlappingFileLockException();
            }
            held.add(lock);
        }
        return lock;
    }

    /**
     * Acquires a lock, without waiting for other processes.
     *
     * @return false if another process has a lock that excludes this one
     * @throws HostFileException EBUSY if another machine of the process has the file open: when it closes its
     *     descriptor, the lock would end
     */
    boolean acquire(ChannelLock lock) throws IOException {
        if (inode.rules().lock() == null && !lockHost(lock)) {
            return false;
        }
        if (!lock.acquiredBy().isOpen()) {
            // The close may have removed the lock before it was acquired from the host.
            abandon(lock);
            releaseHost(lock);
            throw new AsynchronousCloseException();
        }
        return true;
    }

    /** Forgets a lock that is not acquired from the host. */
    synchronized boolean abandon(ChannelLock lock) {
        return held.remove(lock);
    }

    @SuppressWarnings("NullAway") // the call may return null
    private boolean lockHost(ChannelLock lock) throws IOException {
        FileLock made = key == null ? host(lock) : ProcessFiles.lock(key, inode.name(), () -> host(lock));
        synchronized (this) {
            lock.ofHost = made;
        }
        return made != null;
    }

    private @Nullable FileLock host(FileLock lock) throws IOException {
        return inode.channel().tryLock(lock.position(), lock.size(), lock.isShared());
    }

    private void releaseHost(ChannelLock lock) throws IOException {
        FileLock ofHost;
        synchronized (this) {
            ofHost = lock.ofHost;
        }
        if (ofHost != null) {
            ofHost.release();
        }
    }

    private boolean isHeld(ChannelLock lock) {
        synchronized (this) {
            FileLock ofHost = lock.ofHost;
            return held.contains(lock) && !inode.pages().isClosed() && (ofHost == null || ofHost.isValid());
        }
    }

    private void release(ChannelLock lock) throws IOException {
        if (abandon(lock)) {
            releaseHost(lock);
        }
    }

    /**
     * Releases all locks of a channel that is being closed.
     *
     * @param channel the channel; null for the locks of all channels, at the end of a file whose channel stays open
     */
    void releaseAll(@Nullable Channel channel) throws IOException {
        List<ChannelLock> ended = new ArrayList<>();
        synchronized (this) {
            for (ChannelLock lock : held) {
                if (channel == null || lock.acquiredBy() == channel) {
                    ended.add(lock);
                }
            }
        }
        for (ChannelLock lock : ended) {
            try {
                release(lock);
            } catch (ClosedChannelException over) {
                // The file's last use has ended, and with it the lock.
            }
        }
    }

    /** Returns the exception for a lock of a file that another machine of the process has open. */
    static HostFileException busy(String name) {
        return new HostFileException(name, "lock", Errno.EBUSY);
    }
}
