// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.internal.sync.Pause;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousFileChannel;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.NonReadableChannelException;
import java.nio.channels.NonWritableChannelException;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.AccessDeniedException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The bytes of an open file outside the machine, which are read and written by position. Thread-safe. The interrupt of
 * a thread neither closes the channel nor ends a call.
 */
public interface HostChannel {
    /**
     * Reads bytes into the remaining bytes of a buffer; may read fewer.
     *
     * @return the number of bytes read, at least 1; -1 at the end of the file
     */
    int read(ByteBuffer target, long offset) throws IOException;

    /**
     * Writes the remaining bytes of a buffer; may write fewer. Extends the file if the bytes end beyond its end.
     *
     * @return the number of bytes written
     */
    int write(ByteBuffer source, long offset) throws IOException;

    /** Returns once all bytes that were written before are on the device. */
    void force() throws IOException;

    /** Returns the size of the file in bytes. */
    long size() throws IOException;

    /**
     * Returns whether reading a byte confirms the size. The kernel generates the content of some files at each read;
     * their size is not the number of their bytes, and their pages cannot be cached.
     */
    default boolean isSizeRight() throws IOException {
        return true;
    }

    /**
     * Returns whether the kernel of the host caches the bytes that are read. In that case, a second read of the same
     * bytes does not access the device, so a large read may bypass the page cache of the machine.
     */
    default boolean isCachedByHost() {
        return false;
    }

    /**
     * Locks the file against other processes until the channel is closed, without waiting.
     *
     * @param isShared whether other processes may also hold shared locks
     * @return false if another process holds a lock that excludes this one
     * @throws java.nio.channels.OverlappingFileLockException if other code in the JVM holds a lock of the file
     */
    default boolean tryLock(boolean isShared) throws IOException {
        throw new UnsupportedOperationException("locks of " + this);
    }

    /**
     * Locks a part of the file against other processes, without waiting.
     *
     * @return the lock, which ends with its release or with the channel; null if another process holds a lock that
     *     excludes this one
     * @throws java.nio.channels.OverlappingFileLockException if the JVM holds a lock of a part of the range
     */
    default @Nullable FileLock tryLock(long offset, long length, boolean isShared) throws IOException {
        throw new UnsupportedOperationException("locks of " + this);
    }

    /** Truncates the file; does nothing if it is not larger than {@code bytes}. */
    void truncate(long bytes) throws IOException;

    /** Ends the use of the file. Other calls fail after that. */
    void close() throws IOException;

    /**
     * Waits for the result of a call. An interrupt does not end the wait; the interrupt flag is set afterwards.
     *
     * @throws IOException if the call failed; the exception of the call, or an exception with it as the cause
     */
    static <T extends @Nullable Object> T result(Future<T> call) throws IOException {
        boolean isInterrupted = false;
        try {
            for (; ; ) {
                try {
                    return call.get();
                } catch (InterruptedException later) {
                    isInterrupted = true;
                } catch (ExecutionException failed) {
                    Throwable cause = failed.getCause() == null ? failed : failed.getCause();
                    if (cause instanceof Error error) {
                        throw error;
                    }
                    throw cause instanceof IOException known ? known : new IOException(cause.toString(), cause);
                } catch (OutOfMemoryError exhausted) {
                    // The wait needs memory. It must be retried, because the call continues and is still using its
                    // buffer.
                    Pause.parkNanos(call, 100_000);
                }
            }
        } finally {
            if (isInterrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Opens channels of paths. Tests install a different opener. */
    @FunctionalInterface
    interface ChannelOpener {
        /** Opens a file for reading, and for writing if the options contain {@code WRITE}. */
        HostChannel open(Path path, Set<OpenOption> options) throws IOException;
    }

    /**
     * A channel to a host file, which keeps one descriptor open. {@link AsynchronousFileChannel} is the only channel of
     * the JDK that reads and writes by position and is not closed by an interrupt. The calls run on the calling thread
     * if the platform allows it. Each read and each write allocates about a hundred bytes in the JDK. A {@code
     * FileChannel} would allocate nothing, but an interrupt closes it, and by then its path may name a different file.
     * A {@code CompletionHandler} instead of the future would save some of the garbage, but the JDK clears the
     * interrupt flag after calling it.
     *
     * <p>On Linux, the close of any descriptor of a file ends all {@code fcntl} locks that the process holds on the
     * file, and so does the close of this channel. {@link PathOpen} describes how the library keeps its own locks.
     */
    final class PathChannel implements HostChannel {
        /** Runs each call on the calling thread. Never terminates, and starts no thread. */
        private static final ExecutorService ON_CALLING_THREAD =
                new ThreadPoolExecutor(0, 1, 0, TimeUnit.NANOSECONDS, new LinkedBlockingQueue<>()) {
                    @Override
                    public void execute(Runnable task) {
                        task.run();
                    }
                };

        /**
         * The maximum page size of a host. The size of a larger file is not checked, because its last page may have to
         * be read from a network.
         */
        private static final long MOST_CHECKED = 1 << 16;

        /**
         * How often the size must be wrong, because another program may change the file between the check of the size
         * and the read.
         */
        private static final int ATTEMPTS = 3;

        private final AsynchronousFileChannel channel;

        /**
         * Keeps the lock reachable, because the JDK forgets a lock whose object is garbage-collected. Written by the
         * opening thread.
         */
        private @Nullable FileLock lock;

        private PathChannel(AsynchronousFileChannel channel) {
            this.channel = channel;
        }

        static PathChannel open(Path path, Set<? extends OpenOption> options) throws IOException {
            return new PathChannel(AsynchronousFileChannel.open(path, options, ON_CALLING_THREAD));
        }

        @Override
        public int read(ByteBuffer target, long offset) throws IOException {
            return HostChannel.result(channel.read(target, offset));
        }

        @Override
        public int write(ByteBuffer source, long offset) throws IOException {
            return HostChannel.result(channel.write(source, offset));
        }

        @Override
        public void force() throws IOException {
            channel.force(true);
        }

        @Override
        public long size() throws IOException {
            return channel.size();
        }

        @Override
        public boolean isSizeRight() throws IOException {
            return isSizeRight(this);
        }

        @Override
        public boolean isCachedByHost() {
            return true;
        }

        @Override
        public boolean tryLock(boolean isShared) throws IOException {
            lock = channel.tryLock(0, Long.MAX_VALUE, isShared);
            return lock != null;
        }

        @Override
        public @Nullable FileLock tryLock(long offset, long length, boolean isShared) throws IOException {
            return channel.tryLock(offset, length, isShared);
        }

        @Override
        public void truncate(long bytes) throws IOException {
            channel.truncate(bytes);
        }

        @Override
        public void close() throws IOException {
            channel.close();
        }

        /**
         * Returns whether reading a byte confirms that the size of a file is the number of its bytes. The kernel
         * generates the bytes of a file of {@code proc} or {@code sysfs} at each read. The size of a file of {@code
         * proc} is 0 and the size of a file of {@code sysfs} is one page, whatever a read returns. The pages of such a
         * file cannot be cached, and Linux does not map such a file either (ENODEV; EIO for some files of {@code
         * proc}). May wait as long as any read of the file.
         */
        static boolean isSizeRight(HostChannel channel) throws IOException {
            for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
                long size = channel.size();
                if (size > MOST_CHECKED || hasByte(channel, Math.max(size - 1, 0)) == (size > 0)) {
                    return true;
                }
            }
            return false;
        }

        /**
         * Returns whether a file has a byte at an offset. If the read fails, returns true, so that later accesses
         * report the error.
         */
        private static boolean hasByte(HostChannel channel, long offset) {
            try {
                return channel.read(ByteBuffer.allocate(1), offset) > 0;
            } catch (IOException unreadable) {
                return true;
            }
        }
    }

    /**
     * A channel of the embedder. An interrupt of a thread closes a {@link FileChannel} that the thread is using. So all
     * calls are made on a separate thread that no other code can interrupt. This thread ends when it is idle.
     */
    final class EmbedderChannel implements HostChannel {
        private static final long IDLE_SECONDS = 5;

        private final FileChannel channel;

        private final ThreadPoolExecutor thread;

        EmbedderChannel(FileChannel channel, String name) {
            this.channel = channel;
            thread = new ThreadPoolExecutor(1, 1, IDLE_SECONDS, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), work -> {
                Thread made = new Thread(work, "channel of " + name);
                made.setDaemon(true);
                return made;
            });
            thread.allowCoreThreadTimeOut(true);
        }

        /**
         * Checks the rights of the channel, which cannot be determined from its type. Transfers no bytes.
         *
         * @param writes whether the file will be written
         * @throws AccessDeniedException if the channel is not open for reading, or not for writing although the file
         *     will be written
         */
        void checkRights(boolean writes) throws IOException {
            ByteBuffer none = ByteBuffer.allocate(0);
            call(() -> {
                try {
                    return channel.read(none, 0) + (writes ? channel.write(none, 0) : 0);
                } catch (NonReadableChannelException | NonWritableChannelException refused) {
                    throw (IOException) new AccessDeniedException("the channel").initCause(refused);
                }
            });
        }

        private <T extends @Nullable Object> T call(Callable<T> call) throws IOException {
            return HostChannel.result(thread.submit(call));
        }

        @Override
        public int read(ByteBuffer target, long offset) throws IOException {
            return call(() -> channel.read(target, offset));
        }

        @Override
        public int write(ByteBuffer source, long offset) throws IOException {
            return call(() -> channel.write(source, offset));
        }

        @Override
        public void force() throws IOException {
            call(() -> {
                channel.force(true);
                return 0;
            });
        }

        @Override
        public long size() throws IOException {
            return call(channel::size);
        }

        @Override
        public @Nullable FileLock tryLock(long offset, long length, boolean isShared) throws IOException {
            try {
                return call(() -> channel.tryLock(offset, length, isShared));
            } catch (IOException failed) {
                if (failed.getCause() instanceof OverlappingFileLockException overlapping) {
                    throw overlapping;
                }
                throw failed;
            }
        }

        @Override
        public void truncate(long bytes) throws IOException {
            call(() -> channel.truncate(bytes));
        }

        /** Does not close the channel, which belongs to the embedder. */
        @Override
        public void close() {
            thread.shutdown();
        }
    }

    /** Presents the bytes of a buffer as a file of fixed size. */
    final class BufferChannel implements HostChannel {
        private final ByteBuffer bytes;

        /** Uses the bytes from the buffer's position to its limit. Does not change the position or the limit. */
        BufferChannel(ByteBuffer buffer) {
            bytes = buffer.slice();
        }

        @Override
        public int read(ByteBuffer target, long offset) {
            if (offset >= bytes.limit()) {
                return -1;
            }
            int length = (int) Math.min(target.remaining(), bytes.limit() - offset);
            target.put(target.position(), bytes, (int) offset, length);
            target.position(target.position() + length);
            return length;
        }

        @Override
        public int write(ByteBuffer source, long offset) throws IOException {
            int length = source.remaining();
            if (offset + length > bytes.limit()) {
                throw new IOException("File too large");
            }
            bytes.put((int) offset, source, source.position(), length);
            source.position(source.limit());
            return length;
        }

        @Override
        public void force() {
            // There is nothing to force, because a write already stored its bytes in the buffer.
        }

        @Override
        public long size() {
            return bytes.limit();
        }

        @Override
        public void truncate(long size) throws IOException {
            if (size < bytes.limit()) {
                throw new IOException("the size of a buffer is fixed");
            }
        }

        @Override
        public void close() {
            // The buffer belongs to the embedder, so nothing is closed.
        }
    }
}
