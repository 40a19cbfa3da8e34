// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.file;

import dev.samara.core.backing.HostFile;
import dev.samara.core.vma.Backing;
import dev.samara.examples.riscv.linux.abi.LinuxErrno;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/**
 * A regular file of the host. Reads and writes go through the page cache that its mappings share, so they agree with
 * the stores of the guest.
 */
public final class DiskFile extends SeekableFile {
    private final HostFile file;
    private final Path host;

    public DiskFile(String path, int flags, Path host, HostFile file) {
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
    public long truncate(long length) {
        return mayWrite() ? file.truncate(length) : LinuxErrno.EINVAL;
    }

    @Override
    public long sync() {
        return file.fsync();
    }

    @Override
    public FileStatus status() {
        try {
            return FileStatus.of(host, true).withSize(file.size());
        } catch (IOException deleted) {
            return new FileStatus(file.major(), file.inode(), FileStatus.REGULAR | 0600, 0, file.size(), 0);
        }
    }

    @Override
    public Backing backing() {
        return file;
    }
}
