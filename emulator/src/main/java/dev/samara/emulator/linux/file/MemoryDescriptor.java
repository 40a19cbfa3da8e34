// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.core.backing.MemoryFile;
import dev.samara.core.vma.Backing;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.memory.UnnamedMemory;
import java.nio.ByteBuffer;

/** A file in memory ({@code memfd_create}), whose memory lives as long as a descriptor or a mapping uses it. */
public final class MemoryDescriptor extends SeekableFile {
    private static final int SEAL_GROW = 4;
    private static final int SEAL_WRITE = 8;
    private static final int SEAL_FUTURE_WRITE = 16;

    private final MemoryFile file;
    private final Backing open;
    private final long inode;
    private final SharedUse use;

    /** Whether the file was opened again by its link in {@code /proc}, so that {@code shmem_file_open} ran. */
    private final boolean wasReopened;

    public MemoryDescriptor(String path, MemoryFile file, long inode, UnnamedMemory unnamed) {
        this(path, OpenFlags.RDWR | OpenFlags.LARGEFILE, file, inode, new SharedUse(() -> unnamed.add(file)), false);
    }

    private MemoryDescriptor(String path, int flags, MemoryFile file, long inode, SharedUse use, boolean wasReopened) {
        super(path, flags);
        this.wasReopened = wasReopened;
        this.file = file;
        this.inode = inode;
        this.use = use;
        open = !mayWrite() ? file.openReadOnly() : mayRead() ? file.open() : file.openWriteOnly();
    }

    @Override
    public GuestFile reopened(int changed) {
        return new MemoryDescriptor(path(), changed & OpenFlags.KEPT, file, inode, use.add(), true);
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
    long append(ByteBuffer source) {
        // Only one descriptor of the file appends at a time.
        synchronized (file) {
            long end = file.size();
            if (end == Long.MAX_VALUE) {
                // The position was checked before it was set to the end of the file, so the limit is checked again
                // here: generic_write_check_limits.
                return LinuxErrno.EFBIG;
            }
            source.limit((int) Math.min(source.limit(), source.position() + (Long.MAX_VALUE - end)));
            long done = file.pwrite(source, end);
            return done < 0 ? done : end;
        }
    }

    /** Checks the seals before the bytes are read ({@code shmem_write_begin}). */
    @Override
    long refusal(long offset, long length) {
        int seals = file.seals();
        boolean isSealed = (seals & (SEAL_WRITE | SEAL_FUTURE_WRITE)) != 0
                || ((seals & SEAL_GROW) != 0 && offset + length > file.size());
        return isSealed ? LinuxErrno.EPERM : 0;
    }

    @Override
    public long truncate(long length) {
        return file.truncate(length);
    }

    @Override
    public long cut() {
        return file.truncate(0);
    }

    @Override
    public void written(FileThread thread) {
        if (thread.keepsPrivileges()) {
            return;
        }
        int mode = file.mode();
        int kept = HostRights.withoutPrivileges(mode);
        if (kept != mode) {
            file.changeMode(kept);
        }
    }

    @Override
    public long sync() {
        return 0;
    }

    @Override
    void close() {
        use.drop();
    }

    public MemoryFile file() {
        return file;
    }

    @Override
    public boolean mayBeDirect() {
        return wasReopened;
    }

    @Override
    public boolean hasPath() {
        return false;
    }

    @Override
    public FileStatus status() {
        return FileStatus.of(FileStatus.REGULAR | file.mode(), inode, file.size())
                .withoutNames();
    }

    @Override
    public long punch(long offset, long length) {
        return file.punch(offset, length);
    }

    @Override
    Backing backing() {
        return open;
    }
}
