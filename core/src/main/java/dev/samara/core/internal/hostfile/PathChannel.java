// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousFileChannel;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.AbstractExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A file of the host. It has an {@link AsynchronousFileChannel}, since no interrupt closes that. The calls run on the
 * calling thread, where the platform allows that.
 *
 * <p>Reads and writes use a {@link FileChannel} of their own, which makes no garbage, until an interrupt of a thread in
 * a call closes it: a call that fails so, and all later ones, use the other channel. Both channels end with this. As
 * the close of any channel of a file does on Linux, that of each ends the locks ({@code fcntl}) which the process has
 * on the file.
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

    /** Null if there is none, or if an interrupt has closed it. Never set again. */
    private volatile @Nullable FileChannel quick;

    private PathChannel(AsynchronousFileChannel channel) {
        this.channel = channel;
    }

    static PathChannel open(Path path, Set<? extends OpenOption> options) throws IOException {
        // Before the first open, so that both are known to be of one file. A file that is created has no key yet.
        Object before = fileKey(path);
        AsynchronousFileChannel first = AsynchronousFileChannel.open(path, options, ON_CALLING_THREAD);
        boolean isDone = false;
        try {
            PathChannel opened = new PathChannel(first);
            if (before != null) {
                opened.quick = openAgain(path, before, options.contains(StandardOpenOption.WRITE));
            }
            isDone = true;
            return opened;
        } finally {
            if (!isDone) {
                first.close();
            }
        }
    }

    /** Returns the channel for reads and writes that an interrupt closes; null if they use the other one. */
    @Nullable
    FileChannel quick() {
        return quick;
    }

    /** Opens a file once more. Returns null if the path has another file by now, or if it cannot be opened. */
    static @Nullable FileChannel openAgain(Path path, Object key, boolean writes) throws IOException {
        boolean isInterrupted = Thread.interrupted();
        FileChannel again = null;
        boolean isSame = false;
        try {
            Set<StandardOpenOption> options = writes
                    ? EnumSet.of(StandardOpenOption.READ, StandardOpenOption.WRITE)
                    : EnumSet.of(StandardOpenOption.READ);
            again = FileChannel.open(path, options);
            isSame = key.equals(fileKey(path));
        } catch (IOException | UnsupportedOperationException unusable) {
            // Its rights may have changed, or it is gone. The first channel does.
            isSame = false;
        } finally {
            try {
                if (again != null && !isSame) {
                    again.close();
                }
            } finally {
                if (isInterrupted) {
                    Thread.currentThread().interrupt();
                }
            }
        }
        return isSame ? again : null;
    }

    /** Returns the key of a file; null if there is no such file, or no key. */
    private static @Nullable Object fileKey(Path path) {
        try {
            return Files.readAttributes(path, BasicFileAttributes.class).fileKey();
        } catch (IOException missing) {
            return null;
        }
    }

    @Override
    public int read(ByteBuffer target, long offset) throws IOException {
        FileChannel from = quick;
        if (from != null) {
            int start = target.position();
            boolean isInterrupted = Thread.interrupted();
            try {
                return from.read(target, offset);
            } catch (ClosedChannelException interrupted) {
                quick = null;
                target.position(start);
            } catch (RuntimeException failed) {
                throw new IOException(failed);
            } finally {
                if (isInterrupted) {
                    Thread.currentThread().interrupt();
                }
            }
        }
        return HostCalls.result(channel.read(target, offset));
    }

    @Override
    public int write(ByteBuffer source, long offset) throws IOException {
        FileChannel to = quick;
        if (to != null) {
            int start = source.position();
            boolean isInterrupted = Thread.interrupted();
            try {
                return to.write(source, offset);
            } catch (ClosedChannelException interrupted) {
                quick = null;
                // What was written is written once more.
                source.position(start);
            } catch (RuntimeException failed) {
                throw new IOException(failed);
            } finally {
                if (isInterrupted) {
                    Thread.currentThread().interrupt();
                }
            }
        }
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
    public void truncate(long bytes) throws IOException {
        channel.truncate(bytes);
    }

    @Override
    public void close() throws IOException {
        FileChannel other = quick;
        try {
            if (other != null) {
                other.close();
            }
        } finally {
            channel.close();
        }
    }
}
