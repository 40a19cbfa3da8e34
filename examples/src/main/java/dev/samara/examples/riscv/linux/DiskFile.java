// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux;

import dev.samara.core.backing.HostFile;
import dev.samara.core.vma.Backing;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/**
 * A regular file of the host. Reads and writes go through the page cache that its mappings share, so they agree with
 * the stores of the guest.
 */
final class DiskFile extends GuestFile {
    private static final int SET = 0;
    private static final int CURRENT = 1;
    private static final int END = 2;

    private final HostFile file;
    private final Path host;

    /** Guarded by this. */
    private long position;

    DiskFile(String path, int flags, Path host, HostFile file) {
        super(path, flags);
        this.host = host;
        this.file = file;
    }

    @Override
    void close() {
        file.close();
    }

    @Override
    synchronized long read(GuestThread thread, ByteBuffer target) {
        long done = file.pread(target, position);
        position += Math.max(done, 0);
        return done;
    }

    @Override
    synchronized long write(GuestThread thread, ByteBuffer source) {
        if ((flags() & OpenFlags.APPEND) != 0) {
            position = file.size();
        }
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
        long start;
        switch (from) {
            case SET -> start = 0;
            case CURRENT -> start = position;
            case END -> start = file.size();
            default -> {
                return LinuxErrno.EINVAL;
            }
        }
        if (start + offset < 0) {
            return LinuxErrno.EINVAL;
        }
        position = start + offset;
        return position;
    }

    @Override
    long truncate(long length) {
        return mayWrite() ? file.truncate(length) : LinuxErrno.EINVAL;
    }

    @Override
    long sync() {
        return file.fsync();
    }

    @Override
    FileStatus status() {
        try {
            return FileStatus.of(host, true).withSize(file.size());
        } catch (IOException deleted) {
            return new FileStatus(file.major(), file.inode(), FileStatus.REGULAR | 0600, 0, file.size(), 0);
        }
    }

    @Override
    Backing backing() {
        return file;
    }
}
