// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.core.backing.HostFile;
import dev.samara.core.vma.Backing;
import dev.samara.emulator.linux.abi.LinuxErrno;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * A regular host file. Reads and writes use the same page cache as its mappings, so they are coherent with the guest's
 * loads and stores.
 */
public final class DiskFile extends SeekableFile {
    private final HostFile file;
    private final OpenedName name;
    private final SharedUse use;
    private final WriteTimes.Shown shown = new WriteTimes.Shown();
    private final WriteTimes.Shown seen = new WriteTimes.Shown();

    public DiskFile(String path, int flags, OpenedName name, HostFile file) {
        this(path, flags, name, file, new SharedUse(file::close));
        name.showFor(file);
    }

    private DiskFile(String path, int flags, OpenedName name, HostFile file, SharedUse use) {
        super(path, flags);
        this.name = name;
        this.file = file;
        this.use = use;
    }

    /**
     * Shares the host's open file instead of opening the file again, because the file may no longer have a name. So the
     * access mode of the first open limits this one.
     */
    @Override
    public @Nullable GuestFile reopened(int changed) {
        int access = changed & OpenFlags.ACCESS;
        boolean isAllowed =
                (access == OpenFlags.WRONLY || file.readable()) && (access == OpenFlags.RDONLY || file.writable());
        return isAllowed ? new DiskFile(path(), changed & OpenFlags.KEPT, name, file, use.add()) : null;
    }

    @Override
    void close() {
        use.drop();
    }

    /** Checks the size on the host first, because another program may have extended the file. */
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
    public void written(FileThread thread) {
        name.written(shown, thread.keepsPrivileges());
    }

    @Override
    public void accessed() {
        if ((flags() & OpenFlags.NOATIME) == 0) {
            name.accessed(seen);
        }
    }

    @Override
    public long largestSize() {
        return name.largestSize();
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
    public long cut() {
        return file.truncate(0);
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
    Backing backing() {
        return file;
    }
}
