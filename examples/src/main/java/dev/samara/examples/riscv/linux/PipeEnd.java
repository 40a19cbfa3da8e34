// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux;

import java.nio.ByteBuffer;

/** One end of a pipe. */
final class PipeEnd extends GuestFile {
    private final Pipe pipe;
    private final boolean isReader;
    private final boolean isTerminal;

    PipeEnd(String path, Pipe pipe, boolean isReader, int flags, boolean isTerminal) {
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
    long read(GuestThread thread, ByteBuffer target) {
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
            long waited = thread.await(pipe.waiters(), pipe::isReadable, GuestThread.NEVER);
            if (waited != 0) {
                return waited;
            }
        }
    }

    @Override
    long write(GuestThread thread, ByteBuffer source) {
        if (isReader) {
            return LinuxErrno.EBADF;
        }
        long done = 0;
        while (source.hasRemaining()) {
            if (!pipe.hasReader()) {
                SignalDelivery.send(
                        thread,
                        SignalInfo.sent(
                                SignalInfo.PIPE,
                                SignalInfo.SI_USER,
                                thread.process().pid()));
                return done > 0 ? done : LinuxErrno.EPIPE;
            }
            int given = pipe.give(source);
            done += given;
            if (given == 0) {
                if (isNonBlocking()) {
                    return done > 0 ? done : LinuxErrno.EAGAIN;
                }
                int left = source.remaining();
                long waited = thread.await(pipe.waiters(), () -> pipe.isWritable(left), GuestThread.NEVER);
                if (waited != 0) {
                    return done > 0 ? done : waited;
                }
            }
        }
        return done;
    }

    @Override
    FileStatus status() {
        return isTerminal
                ? FileStatus.of(FileStatus.CHARACTERS | 0620, 3, 0)
                : FileStatus.of(FileStatus.FIFO | 0600, System.identityHashCode(pipe), 0);
    }

    @Override
    int ready() {
        if (isReader) {
            return (pipe.length() > 0 ? READABLE : 0) | (pipe.hasWriter() ? 0 : HUNG_UP);
        }
        return (pipe.isFull() ? 0 : WRITABLE) | (pipe.hasReader() ? 0 : FAILED);
    }

    @Override
    WaitList waiters() {
        return pipe.waiters();
    }

    @Override
    boolean isTerminal() {
        return isTerminal;
    }
}
