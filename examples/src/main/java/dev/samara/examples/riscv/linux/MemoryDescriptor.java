// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux;

import dev.samara.core.backing.MemoryFile;
import dev.samara.core.vma.Backing;
import java.nio.ByteBuffer;

/** A file in memory ({@code memfd_create}), whose memory lives as long as a descriptor or a mapping uses it. */
final class MemoryDescriptor extends GuestFile {
    private static final int CURRENT = 1;
    private static final int END = 2;

    private final MemoryFile file;
    private final Backing open;
    private final long inode;
    private long position;

    MemoryDescriptor(String path, MemoryFile file, long inode) {
        super(path, OpenFlags.RDWR);
        this.file = file;
        this.inode = inode;
        open = file.open();
    }

    @Override
    synchronized long read(GuestThread thread, ByteBuffer target) {
        long done = file.pread(target, position);
        position += Math.max(done, 0);
        return done;
    }

    @Override
    synchronized long write(GuestThread thread, ByteBuffer source) {
        long done = file.pwrite(source, position);
        position += Math.max(done, 0);
        return done;
    }

    @Override
    long readAt(ByteBuffer target, long offset) {
        return offset < 0 ? LinuxErrno.EINVAL : file.pread(target, offset);
    }

    @Override
    long writeAt(ByteBuffer source, long offset) {
        return offset < 0 ? LinuxErrno.EINVAL : file.pwrite(source, offset);
    }

    @Override
    synchronized long seek(long offset, int from) {
        long start = from == CURRENT ? position : from == END ? file.size() : 0;
        if (from < 0 || from > END || start + offset < 0) {
            return LinuxErrno.EINVAL;
        }
        position = start + offset;
        return position;
    }

    @Override
    long truncate(long length) {
        return file.truncate(length);
    }

    @Override
    long sync() {
        return 0;
    }

    MemoryFile file() {
        return file;
    }

    @Override
    FileStatus status() {
        return FileStatus.of(FileStatus.REGULAR | 0777, inode, file.size());
    }

    @Override
    Backing backing() {
        return open;
    }
}
