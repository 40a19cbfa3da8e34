// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.core.backing.HostFile;
import dev.samara.core.vma.Backing;
import dev.samara.emulator.linux.abi.LinuxErrno;
import java.nio.ByteBuffer;

/** An open file of the host, whose pages the library caches. */
public final class DiskFile extends SeekableFile {
    private final HostFile file;
    private final OpenedName name;

    /** Opens a file, which {@link #close} closes. */
    public DiskFile(String path, int flags, OpenedName name, HostFile file) {
        super(path, flags);
        this.name = name;
        this.file = file;
        name.showFor(file);
    }

    @Override
    void close() {
        file.close();
    }

    @Override
    long size() {
        file.revalidate();
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
    long append(ByteBuffer source) {
        return file.append(source);
    }

    @Override
    public long grow(long length) {
        return file.grow(length);
    }

    @Override
    public long punch(long offset, long length) {
        return file.punch(offset, length);
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
    public OpenedName openedName() {
        return name;
    }

    @Override
    public FileStatus status() {
        return name.status().withSize(size());
    }

    @Override
    public Backing backing() {
        return file;
    }
}
