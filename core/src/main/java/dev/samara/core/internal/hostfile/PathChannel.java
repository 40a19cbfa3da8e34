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
 * A channel to a file of the host, which keeps one descriptor open. An {@link AsynchronousFileChannel} is the only
 * channel of the JDK that reads and writes by position and that no interrupt closes. The calls run on the calling
 * thread, where the platform allows that. Each read and each write allocates about a hundred bytes in the JDK; a
 * {@code FileChannel} would need none, but an interrupt closes it, and its path may name another file by then. A
 * {@code CompletionHandler} instead of the future would save some of the garbage, but the JDK clears the interrupt flag
 * after calling it.
 *
 * <p>As the close of any descriptor of a file does on Linux, that of this channel ends the locks ({@code fcntl}) which
 * the process has on the file; {@link ProcessFiles} has the rules for locks of the library's own.
 */
final class PathChannel implements HostChannel {
    /** Runs each call in place. Never ends, and has no thread. */
    private static final class OnCallingThread extends AbstractExecutorService {
        @Override
        public void execute(Runnable task) {
            task.run();
        }

        @Override
        public void shutdown() {
            // It has nothing to end.
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

    /** The JDK forgets a lock whose object is collected. Written by the opening thread. */
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
    public void truncate(long bytes) throws IOException {
        channel.truncate(bytes);
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
