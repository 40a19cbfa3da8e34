// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.NonReadableChannelException;
import java.nio.channels.NonWritableChannelException;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.AccessDeniedException;
import java.util.concurrent.Callable;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

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
        thread = new ThreadPoolExecutor(
                1, 1, IDLE_SECONDS, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), work -> newThread(work, name));
        thread.allowCoreThreadTimeOut(true);
    }

    private static Thread newThread(Runnable work, String name) {
        Thread made = new Thread(work, "channel of " + name);
        made.setDaemon(true);
        return made;
    }

    /**
     * Checks the rights of the channel, which cannot be determined from its type. Transfers no bytes.
     *
     * @param writes whether the file will be written
     * @throws AccessDeniedException if the channel is not open for reading, or not for writing although the file will
     *     be written
     */
    void checkRights(boolean writes) throws IOException {
        ByteBuffer none = ByteBuffer.allocate(0);
        call(() -> {
            try {
                return channel.read(none, 0) + (writes ? channel.write(none, 0) : 0);
            } catch (NonReadableChannelException | NonWritableChannelException refused) {
                throw denied(refused);
            }
        });
    }

    private static AccessDeniedException denied(Exception refused) {
        AccessDeniedException denied = new AccessDeniedException("the channel");
        denied.initCause(refused);
        return denied;
    }

    private <T extends @Nullable Object> T call(Callable<T> call) throws IOException {
        return HostCalls.result(thread.submit(call));
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
