// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.backing.HostFile;
import dev.samara.core.backing.HostFileException;
import dev.samara.core.backing.HostFileOption;
import dev.samara.core.internal.sync.CheckedLock;
import dev.samara.core.mman.Errno;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.Channel;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.FileLockInterruptionException;
import java.nio.channels.NonWritableChannelException;
import java.nio.channels.OverlappingFileLockException;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * See {@link HostFile#channel}. It throws exceptions where an {@link OpenHostFile} returns a negated errno. Its locks
 * are kept by the {@link HostInode}.
 */
final class HostFileChannel extends FileChannel {
    /** The number of bytes that a transfer copies at once. It is large enough for reads that bypass the page cache. */
    private static final int TRANSFER = 128 << 10;

    /** The pause, in nanoseconds, between attempts to acquire a lock that another process has. */
    private static final long LOCK_PAUSE = 10_000_000;

    /**
     * A lock that a channel holds ({@code FileChannel.lock}). It is a lock of the host's channel. If the whole file is
     * locked by an option, other processes are excluded already, and the locks are only checked against each other.
     */
    static final class ChannelLock extends FileLock {
        private final HostInode inode;

        /** The lock of the host's channel; null if there is none yet, or if the whole file is locked. */
        @GuardedBy("inode.locks")
        private @Nullable FileLock ofHost;

        private ChannelLock(HostFileChannel channel, long offset, long length, boolean isShared) {
            super(channel, offset, length, isShared);
            inode = channel.file.inode;
        }

        @Override
        public boolean isValid() {
            synchronized (inode.locks) {
                return acquiredBy().isOpen()
                        && inode.locks.contains(this)
                        && !inode.pages.isClosed()
                        && (ofHost == null || ofHost.isValid());
            }
        }

        @Override
        public void release() throws IOException {
            if (!acquiredBy().isOpen()) {
                throw new ClosedChannelException();
            }
            end();
        }

        /**
         * Acquires the lock, without waiting for other processes.
         *
         * @return false if another process has a lock that excludes this one
         * @throws HostFileException EBUSY if another machine of the process has the file open: when it closes its
         *     descriptor, the lock would end
         */
        private boolean acquire() throws IOException {
            if (inode.rules.lock == null && !lockHost()) {
                return false;
            }
            if (!acquiredBy().isOpen()) {
                // The close may have removed the lock before it was acquired from the host.
                abandon();
                releaseHost();
                throw new AsynchronousCloseException();
            }
            return true;
        }

        @SuppressWarnings("NullAway") // the call may return null
        private boolean lockHost() throws IOException {
            FileLock made = inode.isOfPath ? PathOpen.lock(inode.key, inode.name, this::tryLockHost) : tryLockHost();
            synchronized (inode.locks) {
                ofHost = made;
            }
            return made != null;
        }

        private @Nullable FileLock tryLockHost() throws IOException {
            return inode.channel.tryLock(position(), size(), isShared());
        }

        /** Forgets the lock, which is not acquired from the host. */
        private boolean abandon() {
            synchronized (inode.locks) {
                return inode.locks.remove(this);
            }
        }

        private void releaseHost() throws IOException {
            FileLock made;
            synchronized (inode.locks) {
                made = ofHost;
            }
            if (made != null) {
                made.release();
            }
        }

        private void end() throws IOException {
            if (abandon()) {
                releaseHost();
            }
        }

        /**
         * Releases all locks of a channel that is being closed.
         *
         * @param channel the channel; null for the locks of all channels, at the end of a file whose channel stays open
         */
        static void releaseAll(HostInode inode, @Nullable Channel channel) throws IOException {
            List<ChannelLock> ended = new ArrayList<>();
            synchronized (inode.locks) {
                for (ChannelLock lock : inode.locks) {
                    if (channel == null || lock.acquiredBy() == channel) {
                        ended.add(lock);
                    }
                }
            }
            for (ChannelLock lock : ended) {
                try {
                    lock.end();
                } catch (ClosedChannelException over) {
                    // The file's last use has ended, and with it the lock.
                }
            }
        }
    }

    private final OpenHostFile file;

    /** Held by each call that uses or changes the position ({@code f_pos_lock}). */
    private final ReentrantLock moving = new CheckedLock();

    /**
     * Written: a read or a write at the position, a new position, a truncation (holding {@code moving}).
     * Read: the same calls, and calls that return the position (holding {@code moving}).
     * Invariant: the offset of the next read or write at the position; such reads and writes of one channel do not
     *     overlap.
     */
    @GuardedBy("moving")
    private long position;

    HostFileChannel(OpenHostFile file) {
        this.file = file;
    }

    /**
     * Transfers the bytes of one buffer after another at the position, and advances the position by their number. A
     * failure after the first bytes ends the transfer early.
     */
    private long move(ByteBuffer[] buffers, int from, int count, boolean isWrite) throws IOException {
        moving.lock();
        try {
            long done = 0;
            for (int i = from; i < from + count; i++) {
                int length = buffers[i].remaining();
                int part;
                try {
                    part = isWrite ? write(buffers[i], position + done) : read(buffers[i], position + done);
                } catch (IOException failed) {
                    transferred(done, failed);
                    break;
                }
                if (part < 0 && done == 0) {
                    return part;
                }
                done += Math.max(part, 0);
                if (part < length) {
                    break;
                }
            }
            position += done;
            return done;
        } finally {
            moving.unlock();
        }
    }

    private void checkOpen() throws ClosedChannelException {
        if (!isOpen()) {
            throw new ClosedChannelException();
        }
    }

    private void checkWritable() throws ClosedChannelException {
        checkOpen();
        if (!file.writable()) {
            throw new NonWritableChannelException();
        }
    }

    private static void checkNotNegative(String name, long value) {
        if (value < 0) {
            throw new IllegalArgumentException(name + " " + value + " must not be negative");
        }
    }

    private IOException failure(String call, long result) {
        Errno errno = Errno.of(result);
        return errno == Errno.EBADF ? new ClosedChannelException() : new HostFileException(file.name(), call, errno);
    }

    private IOException failure(String call, int length, long offset, long result) {
        return failure(call + " of " + length + " bytes at " + offset, result);
    }

    @Override
    public int read(ByteBuffer target) throws IOException {
        return (int) read(new ByteBuffer[] {target}, 0, 1);
    }

    @Override
    public int read(ByteBuffer target, long offset) throws IOException {
        Objects.requireNonNull(target);
        checkNotNegative("position", offset);
        checkOpen();
        checkNotReadOnly(target);
        int length = target.remaining();
        long done = file.pread(target, offset);
        if (done < 0) {
            throw failure("read", length, offset, done);
        }
        return done == 0 && length > 0 ? -1 : (int) done;
    }

    @Override
    public long read(ByteBuffer[] targets, int from, int count) throws IOException {
        Objects.checkFromIndexSize(from, count, targets.length);
        checkOpen();
        for (int i = from; i < from + count; i++) {
            checkNotReadOnly(targets[i]);
        }
        return move(targets, from, count, false);
    }

    private static void checkNotReadOnly(ByteBuffer target) {
        if (target.isReadOnly()) {
            throw new IllegalArgumentException("the target " + target + " is read-only");
        }
    }

    @Override
    public int write(ByteBuffer source) throws IOException {
        return (int) write(new ByteBuffer[] {source}, 0, 1);
    }

    @Override
    public int write(ByteBuffer source, long offset) throws IOException {
        Objects.requireNonNull(source);
        checkNotNegative("position", offset);
        checkWritable();
        int length = source.remaining();
        long done = file.pwrite(source, offset);
        if (done < 0) {
            throw failure("write", length, offset, done);
        }
        return (int) done;
    }

    @Override
    public long write(ByteBuffer[] sources, int from, int count) throws IOException {
        Objects.checkFromIndexSize(from, count, sources.length);
        checkWritable();
        for (int i = from; i < from + count; i++) {
            Objects.requireNonNull(sources[i]);
        }
        return move(sources, from, count, true);
    }

    @Override
    public long position() throws IOException {
        checkOpen();
        moving.lock();
        try {
            return position;
        } finally {
            moving.unlock();
        }
    }

    @Override
    public FileChannel position(long to) throws IOException {
        checkOpen();
        checkNotNegative("position", to);
        moving.lock();
        try {
            position = to;
            return this;
        } finally {
            moving.unlock();
        }
    }

    @Override
    public long size() throws IOException {
        checkOpen();
        long failed = file.revalidate();
        if (failed < 0) {
            throw failure("size", failed);
        }
        return file.size();
    }

    @Override
    public FileChannel truncate(long bytes) throws IOException {
        checkOpen();
        checkNotNegative("size", bytes);
        checkWritable();
        moving.lock();
        try {
            long failed = bytes < size() ? file.truncate(bytes) : 0;
            if (failed < 0) {
                throw failure("truncate to " + bytes + " bytes", failed);
            }
            position = Math.min(position, bytes);
            return this;
        } finally {
            moving.unlock();
        }
    }

    @Override
    public void force(boolean metaData) throws IOException {
        checkOpen();
        long failed = file.fsync();
        if (failed < 0) {
            throw failure("fsync", failed);
        }
    }

    @Override
    public long transferTo(long offset, long count, WritableByteChannel target) throws IOException {
        checkTransfer(target);
        if (target instanceof FileChannel) {
            // Throws if the target is not open for writing.
            target.write(ByteBuffer.allocate(0));
        }
        checkRange(offset, count);
        long end = Math.min(size() - offset, count);
        ByteBuffer bytes = ByteBuffer.allocate((int) Math.max(0, Math.min(end, TRANSFER)));
        long done = 0;
        try {
            while (done < end) {
                bytes.clear().limit((int) Math.min(end - done, TRANSFER));
                if (read(bytes, offset + done) <= 0) {
                    break;
                }
                int length = bytes.flip().remaining();
                int written = target.write(bytes);
                done += written;
                if (written < length) {
                    break;
                }
            }
            return done;
        } catch (IOException failed) {
            return transferred(done, failed);
        }
    }

    private void checkTransfer(Channel other) throws IOException {
        checkOpen();
        if (!other.isOpen()) {
            throw new ClosedChannelException();
        }
    }

    private static void checkRange(long offset, long count) {
        checkNotNegative("position", offset);
        checkNotNegative("count", count);
    }

    /**
     * Returns the number of bytes that were transferred before a failure; if the failure persists, the next call throws
     * it. Throws the failure if no byte was transferred.
     */
    private static long transferred(long done, IOException failed) throws IOException {
        if (done == 0) {
            throw failed;
        }
        return done;
    }

    @Override
    public long transferFrom(ReadableByteChannel source, long offset, long count) throws IOException {
        checkTransfer(source);
        if (source instanceof FileChannel) {
            // Throws if the source is not open for reading.
            source.read(ByteBuffer.allocate(0));
        }
        checkWritable();
        checkRange(offset, count);
        ByteBuffer bytes = ByteBuffer.allocate((int) Math.min(count, TRANSFER));
        long done = 0;
        try {
            while (done < count) {
                bytes.clear().limit((int) Math.min(count - done, TRANSFER));
                if (source.read(bytes) <= 0) {
                    break;
                }
                bytes.flip();
                while (bytes.hasRemaining()) {
                    done += write(bytes, offset + done);
                }
            }
            return done;
        } catch (IOException failed) {
            return transferred(done, failed);
        }
    }

    @Override
    public MappedByteBuffer map(MapMode mode, long offset, long length) throws IOException {
        checkOpen();
        throw new UnsupportedOperationException("a file of a machine is mapped into address spaces: AddressSpace.mmap");
    }

    @Override
    @SuppressWarnings("NullAway") // a call that waits does not return null
    public FileLock lock(long offset, long length, boolean isShared) throws IOException {
        checkLock(isShared);
        if (Thread.currentThread().isInterrupted()) {
            throw new FileLockInterruptionException();
        }
        return lock(offset, length, isShared, true);
    }

    @Override
    public @Nullable FileLock tryLock(long offset, long length, boolean isShared) throws IOException {
        checkLock(isShared);
        return lock(offset, length, isShared, false);
    }

    private void checkLock(boolean isShared) throws IOException {
        if (isShared) {
            checkOpen();
        } else {
            checkWritable();
        }
    }

    /**
     * Locks a range; see {@link ChannelLock}.
     *
     * @param waits whether to wait for other processes, by retrying: the host would wait uninterruptibly, and a close
     *     of the channel would wait for it
     * @return null if another process has a lock that excludes this one, and the call does not wait
     */
    private @Nullable FileLock lock(long offset, long length, boolean isShared, boolean waits) throws IOException {
        file.check("a lock of a file");
        ChannelLock lock = create(offset, length, isShared);
        boolean isLocked = false;
        try {
            isLocked = acquire(lock);
            while (!isLocked && waits) {
                LockSupport.parkNanos(this, LOCK_PAUSE);
                if (!isOpen()) {
                    throw new AsynchronousCloseException();
                }
                if (Thread.currentThread().isInterrupted()) {
                    throw new FileLockInterruptionException();
                }
                isLocked = acquire(lock);
            }
            return isLocked ? lock : null;
        } finally {
            if (!isLocked) {
                lock.abandon();
            }
        }
    }

    /**
     * Creates a lock that is not acquired yet. The caller acquires or abandons it. Like the JDK, compares it with all
     * other locks, also with those for which other threads wait.
     *
     * @throws OverlappingFileLockException if the JVM has a lock of the range, or a thread waits for one
     */
    private ChannelLock create(long offset, long length, boolean isShared) throws ClosedChannelException {
        if (!file.beginCall()) {
            throw new ClosedChannelException();
        }
        try {
            // As in later JDKs, a length of 0 stands for all bytes from the offset on.
            long bytes = length == 0 ? Long.MAX_VALUE - Math.max(0, offset) : length;
            ChannelLock lock = new ChannelLock(this, offset, bytes, isShared);
            List<ChannelLock> held = file.inode.locks;
            synchronized (held) {
                boolean isExcluded = file.inode.rules.lock == HostFileOption.SHLOCK && !isShared;
                for (int i = 0; i < held.size() && !isExcluded; i++) {
                    isExcluded = held.get(i).overlaps(offset, bytes);
                }
                if (isExcluded) {
                    throw new OverlappingFileLockException();
                }
                held.add(lock);
            }
            return lock;
        } finally {
            file.unuse();
        }
    }

    private boolean acquire(ChannelLock lock) throws IOException {
        if (!file.beginCall()) {
            throw new ClosedChannelException();
        }
        try {
            return lock.acquire();
        } finally {
            file.unuse();
        }
    }

    @Override
    protected void implCloseChannel() throws IOException {
        try {
            ChannelLock.releaseAll(file.inode, this);
        } finally {
            file.close();
        }
    }

    @Override
    public String toString() {
        return "channel of " + file;
    }
}
