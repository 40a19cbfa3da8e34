// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.emulator.linux.abi.LinuxErrno;
import java.nio.ByteBuffer;

/** Stands for the file of a descriptor that is not open. All its calls return EBADF. */
public final class NoOpenFile extends GuestFile {
    public static final NoOpenFile NONE = new NoOpenFile();

    private NoOpenFile() {
        super("", 0);
    }

    @Override
    public long readAt(ByteBuffer target, long offset) {
        return LinuxErrno.EBADF;
    }

    @Override
    public long writeAt(ByteBuffer source, long offset) {
        return LinuxErrno.EBADF;
    }

    @Override
    public long seek(long offset, int from) {
        return LinuxErrno.EBADF;
    }

    @Override
    public long truncate(long length) {
        return LinuxErrno.EBADF;
    }

    @Override
    public long grow(long length) {
        return LinuxErrno.EBADF;
    }

    @Override
    public long sync() {
        return LinuxErrno.EBADF;
    }

    @Override
    public FileStatus status() {
        return FileStatus.of(0, 0, 0);
    }
}
