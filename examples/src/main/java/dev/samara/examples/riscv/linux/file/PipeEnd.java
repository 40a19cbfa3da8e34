// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.file;

import dev.samara.examples.riscv.linux.abi.LinuxErrno;
import dev.samara.examples.riscv.linux.wait.WaitList;
import dev.samara.examples.riscv.linux.wait.WaitingThread;
import java.nio.ByteBuffer;

/** One end of a pipe. */
public final class PipeEnd extends GuestFile {
    private final Pipe pipe;
    private final boolean isReader;
    private final boolean isTerminal;

    public PipeEnd(String path, Pipe pipe, boolean isReader, int flags, boolean isTerminal) {
        super(path, (isReader ? OpenFlags.RDONLY : OpenFlags.WRONLY) | flags);
        this.pipe = pipe;
        this.isReader = isReader;
        this.isTerminal = isTerminal;
    }

    @Override
    void close() {
        if (isReader) {
            pipe.endReader();
        } else {
            pipe.endWriter();
        }
    }

    @Override
    public long read(FileThread thread, ByteBuffer target) {
        if (!isReader) {
            return LinuxErrno.EBADF;
        }
        for (; ; ) {
            int taken = pipe.take(target);
            if (taken > 0 || !target.hasRemaining() || (!pipe.hasWriter() && pipe.length() == 0)) {
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
        if (isReader) {
            return LinuxErrno.EBADF;
        }
        long done = 0;
        while (source.hasRemaining()) {
            if (!pipe.hasReader()) {
                thread.sendPipeSignal();
                return done > 0 ? done : LinuxErrno.EPIPE;
            }
            int given = pipe.give(source);
            done += given;
            if (given == 0) {
                if (isNonBlocking()) {
                    return done > 0 ? done : LinuxErrno.EAGAIN;
                }
                int left = source.remaining();
                long waited = thread.await(pipe.waiters(), () -> pipe.isWritable(left), WaitingThread.NEVER);
                if (waited != 0) {
                    return done > 0 ? done : waited;
                }
            }
        }
        return done;
    }

    @Override
    public FileStatus status() {
        return isTerminal
                ? FileStatus.of(FileStatus.CHARACTERS | 0620, 3, 0)
                : FileStatus.of(FileStatus.FIFO | 0600, System.identityHashCode(pipe), 0);
    }

    @Override
    public int ready() {
        if (isReader) {
            return (pipe.length() > 0 ? READABLE : 0) | (pipe.hasWriter() ? 0 : HUNG_UP);
        }
        return (pipe.isFull() ? 0 : WRITABLE) | (pipe.hasReader() ? 0 : FAILED);
    }

    @Override
    public WaitList waiters() {
        return pipe.waiters();
    }

    @Override
    public boolean isTerminal() {
        return isTerminal;
    }
}
