// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux;

import java.nio.ByteBuffer;

/** Stands for the file of a descriptor that is not open: all calls are EBADF. */
final class ClosedFile extends GuestFile {
    static final ClosedFile NONE = new ClosedFile();

    private ClosedFile() {
        super("", 0);
    }

    @Override
    long read(GuestThread thread, ByteBuffer target) {
        return LinuxErrno.EBADF;
    }

    @Override
    long write(GuestThread thread, ByteBuffer source) {
        return LinuxErrno.EBADF;
    }

    @Override
    long readAt(ByteBuffer target, long offset) {
        return LinuxErrno.EBADF;
    }

    @Override
    long writeAt(ByteBuffer source, long offset) {
        return LinuxErrno.EBADF;
    }

    @Override
    long seek(long offset, int from) {
        return LinuxErrno.EBADF;
    }

    @Override
    long truncate(long length) {
        return LinuxErrno.EBADF;
    }

    @Override
    long sync() {
        return LinuxErrno.EBADF;
    }

    @Override
    FileStatus status() {
        return FileStatus.of(0, 0, 0);
    }
}
