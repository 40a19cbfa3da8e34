// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousFileChannel;
import java.nio.channels.FileLock;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.AbstractExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A channel to a host file, which keeps one descriptor open. {@link AsynchronousFileChannel} is the only channel of the
 * JDK that reads and writes by position and is not closed by an interrupt. The calls run on the calling thread if the
 * platform allows it. Each read and each write allocates about a hundred bytes in the JDK. A {@code FileChannel} would
 * allocate nothing, but an interrupt closes it, and by then its path may name a different file. A {@code
 * CompletionHandler} instead of the future would save some of the garbage, but the JDK clears the interrupt flag after
 * calling it.
 *
 * <p>On Linux, the close of any descriptor of a file ends all {@code fcntl} locks that the process holds on the file,
 * and so does the close of this channel. {@link ProcessFiles} describes how the library keeps its own locks.
 */
final class PathChannel implements HostChannel {
    /** Runs each call on the calling thread. Never terminates, and has no threads. */
    private static final class OnCallingThread extends AbstractExecutorService {
        @Override
        public void execute(Runnable task) {
            task.run();
        }

        @Override
        public void shutdown() {
            // Nothing to shut down.
        }

        @Override
        public List<Runnable> shutdownNow() {
            return List.of();
        }

        @Override
        public boolean isShutdown() {
            return false;
        }

        @Override
        public boolean isTerminated() {
            return false;
        }

        @Override
        public boolean awaitTermination(long timeout, TimeUnit unit) {
            return false;
        }
    }

    private static final OnCallingThread ON_CALLING_THREAD = new OnCallingThread();

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
        return HostCalls.result(channel.read(target, offset));
    }

    @Override
    public int write(ByteBuffer source, long offset) throws IOException {
        return HostCalls.result(channel.write(source, offset));
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
        return StoredSize.isRight(this);
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
}
