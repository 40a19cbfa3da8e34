// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.FileSystemException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;

/** Channels of real files that record the calls and fail as a test says. */
public final class FaultyChannels implements ChannelOpener {
    /** A kind of call. */
    public enum ChannelCall {
        READ,
        WRITE,
        FORCE,
        TRUNCATE
    }

    /** Fails calls. */
    @FunctionalInterface
    public interface ChannelFailure {
        /** Called before each call. */
        void before(ChannelCall call, long offset, int length) throws IOException;
    }

    /** The calls so far, one word each; a read is not recorded. */
    public final List<String> calls = new CopyOnWriteArrayList<>();

    /** Whether calls are recorded. */
    public volatile boolean isRecording = true;

    /** The number of reads so far. */
    public final AtomicInteger reads = new AtomicInteger();

    /** The number of channels that are open. */
    public final AtomicInteger open = new AtomicInteger();

    /** Called before each call. */
    public volatile ChannelFailure failure = (call, offset, length) -> {};

    /** Called after each read, which has its bytes. */
    public volatile Runnable afterRead = () -> {};

    /** Whether no file can be opened for writing, as on a file system that is read-only. */
    public volatile boolean isReadOnly;

    /** The most bytes that one call transfers. */
    public volatile int mostBytes = Integer.MAX_VALUE;

    @Override
    public HostChannel open(Path path, Set<OpenOption> options) throws IOException {
        if (isReadOnly && options.contains(StandardOpenOption.WRITE)) {
            throw new FileSystemException(path.toString(), null, "Read-only file system");
        }
        HostChannel opened = PathChannel.open(path, options);
        open.incrementAndGet();
        return new Faulty(opened);
    }

    private void record(String call) {
        if (isRecording) {
            calls.add(call);
        }
    }

    private final class Faulty implements HostChannel {
        private final HostChannel channel;

        Faulty(HostChannel channel) {
            this.channel = channel;
        }

        private ByteBuffer part(ByteBuffer whole) {
            return whole.slice(whole.position(), Math.min(whole.remaining(), mostBytes));
        }

        @Override
        public int read(ByteBuffer target, long offset) throws IOException {
            reads.incrementAndGet();
            failure.before(ChannelCall.READ, offset, target.remaining());
            int read = channel.read(part(target), offset);
            target.position(target.position() + Math.max(0, read));
            afterRead.run();
            return read;
        }

        @Override
        public int write(ByteBuffer source, long offset) throws IOException {
            failure.before(ChannelCall.WRITE, offset, source.remaining());
            int written = channel.write(part(source), offset);
            record("write " + offset + "+" + written);
            source.position(source.position() + written);
            return written;
        }

        @Override
        public void force() throws IOException {
            failure.before(ChannelCall.FORCE, 0, 0);
            channel.force();
            record("force");
        }

        @Override
        public long size() throws IOException {
            return channel.size();
        }

        @Override
        public boolean isSizeRight() throws IOException {
            return channel.isSizeRight();
        }

        @Override
        public void truncate(long bytes) throws IOException {
            failure.before(ChannelCall.TRUNCATE, bytes, 0);
            channel.truncate(bytes);
            record("truncate " + bytes);
        }

        @Override
        public void close() throws IOException {
            channel.close();
            open.decrementAndGet();
        }
    }
}
