// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.wait.WaitList;
import dev.samara.emulator.linux.wait.WaitingThread;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** One end of a pipe, or both ends if it was opened again with {@code O_RDWR}. */
public final class PipeEnd extends GuestFile {
    private final Pipe pipe;
    private final boolean isTerminal;

    /** Creates an end that already joined the pipe. The flags determine whether it is for reads or writes. */
    public PipeEnd(String path, Pipe pipe, int flags, boolean isTerminal) {
        super(path, flags);
        this.pipe = pipe;
        this.isTerminal = isTerminal;
    }

    @Override
    public @Nullable GuestFile reopened(int changed) {
        if ((changed & OpenFlags.PATH) != 0) {
            // The new file is neither a reader nor a writer of the pipe.
            return new OpenedPlace(this, changed & OpenFlags.KEPT);
        }
        GuestFile joined = joined(changed);
        return joined == null ? super.reopened(changed) : joined;
    }

    /** Opens another end of the pipe; returns null if the pipe has ended, or is a terminal. */
    private @Nullable GuestFile joined(int changed) {
        int access = changed & OpenFlags.ACCESS;
        return !isTerminal && pipe.join(access != OpenFlags.WRONLY, access != OpenFlags.RDONLY)
                ? newEnd(changed)
                : null;
    }

    /**
     * Opens an end of the pipe through its {@link OpenedPlace}. Returns null if the maximum number of pipes is reached,
     * or if the pipe is a terminal.
     */
    @Nullable
    GuestFile joinedAgain(int changed) {
        int access = changed & OpenFlags.ACCESS;
        return !isTerminal && pipe.joinAgain(access != OpenFlags.WRONLY, access != OpenFlags.RDONLY)
                ? newEnd(changed)
                : null;
    }

    private GuestFile newEnd(int changed) {
        return new PipeEnd(path(), pipe, changed & OpenFlags.KEPT, false);
    }

    @Override
    void close() {
        if (mayRead()) {
            pipe.endReader();
        }
        if (mayWrite()) {
            pipe.endWriter();
        }
    }

    @Override
    public long read(FileThread thread, ByteBuffer target) {
        return readTo(thread, target.remaining(), (bytes, length) -> {
            target.put(bytes, 0, length);
            return length;
        });
    }

    @Override
    public long readTo(FileThread thread, int length, ReadTarget target) {
        if (!mayRead()) {
            return LinuxErrno.EBADF;
        }
        for (; ; ) {
            // Read before the bytes are taken, so that the bytes which a writer adds before it closes are not missed.
            boolean hasWriter = pipe.hasWriter();
            long taken = pipe.take(length, target);
            if (taken != 0 || length == 0 || !hasWriter) {
                return taken;
            }
            if (isNonBlocking()) {
                return LinuxErrno.EAGAIN;
            }
            long waited = thread.await(pipe.waiters(), pipe::isReadable, WaitingThread.NEVER);
            if (waited != 0) {
                return waited;
            }
        }
    }

    @Override
    public long write(FileThread thread, ByteBuffer source) {
        byte[] bytes = new byte[source.remaining()];
        source.get(bytes);
        return writeFrom(thread, bytes.length, Pipe.ofArray(bytes));
    }

    @Override
    public long writeFrom(FileThread thread, long length, WriteSource source) {
        if (!mayWrite()) {
            return LinuxErrno.EBADF;
        }
        long done = 0;
        while (done < length) {
            if (!pipe.hasReader()) {
                thread.sendPipeSignal();
                return done > 0 ? done : LinuxErrno.EPIPE;
            }
            long given = pipe.give(done, length, source);
            if (given < 0) {
                return done > 0 ? done : given;
            }
            done += given;
            if (given == 0) {
                if (isNonBlocking()) {
                    return done > 0 ? done : LinuxErrno.EAGAIN;
                }
                long waited = thread.await(pipe.waiters(), pipe::isWritable, WaitingThread.NEVER);
                if (waited != 0) {
                    return done > 0 ? done : waited;
                }
            }
        }
        return done;
    }

    /**
     * Writes bytes of a file. Waits while the pipe is full, then adds as many bytes as fit ({@code
     * splice_file_to_pipe}).
     *
     * @return the number of bytes, or an error
     */
    public long writeFrom(FileThread thread, GuestFile file, long offset, long count) {
        for (; ; ) {
            if (!pipe.hasReader()) {
                thread.sendPipeSignal();
                return LinuxErrno.EPIPE;
            }
            if (!pipe.isFull()) {
                return count > 0 && !file.isSendable() ? LinuxErrno.EINVAL : pipe.addPagesOf(file, offset, count);
            }
            if (isNonBlocking()) {
                return LinuxErrno.EAGAIN;
            }
            long waited = thread.await(pipe.waiters(), pipe::isWritable, WaitingThread.NEVER);
            if (waited != 0) {
                return waited;
            }
        }
    }

    /** Returns the capacity of the pipe in bytes ({@code F_GETPIPE_SZ}). */
    public int capacity() {
        return pipe.capacity();
    }

    /** Sets the capacity in bytes ({@code F_SETPIPE_SZ}); returns the new capacity, or an error. */
    public long resize(int bytes) {
        return pipe.resize(bytes);
    }

    /** Sets the bits of {@code chmod}. */
    public void changeMode(int mode) {
        pipe.rights(mode & FileStatus.BITS_OF_RIGHTS);
    }

    @Override
    public boolean hasPath() {
        return false;
    }

    @Override
    public FileStatus status() {
        return isTerminal
                ? FileStatus.of(FileStatus.CHARACTERS | 0620, 3, 0)
                : FileStatus.of(FileStatus.FIFO | pipe.rights(), System.identityHashCode(pipe), 0);
    }

    @Override
    public long available() {
        return pipe.length();
    }

    @Override
    public int ready() {
        int ofReader = (pipe.length() > 0 ? READABLE : 0) | (pipe.hasWriter() ? 0 : HUNG_UP);
        int ofWriter = (pipe.isFull() ? 0 : WRITABLE) | (pipe.hasReader() ? 0 : FAILED);
        return (mayRead() ? ofReader : 0) | (mayWrite() ? ofWriter : 0);
    }

    @Override
    public WaitList waiters() {
        return pipe.waiters();
    }

    @Override
    public boolean isTerminal() {
        return isTerminal;
    }

    @Override
    public boolean hasOffsets() {
        return false;
    }

    @Override
    public boolean isPipe() {
        return true;
    }
}
