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
final class DiskFile extends SeekableFile {
    private final HostFile file;
    private final Path host;

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
    long size() {
        return file.size();
    }

    @Override
    long pread(ByteBuffer target, long offset) {
        return file.pread(target, offset);
    }

    @Override
    long pwrite(ByteBuffer source, long offset) {
        return file.pwrite(source, offset);
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
