// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.core.backing.MemoryFile;
import dev.samara.core.vma.Backing;
import dev.samara.emulator.linux.memory.UnnamedMemory;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicInteger;

/** A file in memory ({@code memfd_create}), whose memory lives as long as a descriptor or a mapping uses it. */
public final class MemoryDescriptor extends SeekableFile {
    private final MemoryFile file;
    private final Backing open;
    private final long inode;
    private final UnnamedMemory unnamed;

    /**
     * The open files of this file, which share its end.
     *
     * <p>Written: each open and each last close (read-modify-write).
     * Read: as it is written.
     * Invariant: the one that finds 0 ends the file; an open starts from an open file, so the count cannot be 0 before.
     */
    private final AtomicInteger opens;

    public MemoryDescriptor(String path, MemoryFile file, long inode, UnnamedMemory unnamed) {
        this(path, OpenFlags.RDWR | OpenFlags.LARGEFILE, file, inode, unnamed, new AtomicInteger());
    }

    private MemoryDescriptor(
            String path, int flags, MemoryFile file, long inode, UnnamedMemory unnamed, AtomicInteger opens) {
        super(path, flags);
        this.file = file;
        this.inode = inode;
        this.unnamed = unnamed;
        this.opens = opens;
        opens.incrementAndGet();
        open = !mayWrite() ? file.openReadOnly() : mayRead() ? file.open() : file.openWriteOnly();
    }

    @Override
    public GuestFile reopened(int changed) {
        return new MemoryDescriptor(path(), changed & OpenFlags.KEPT, file, inode, unnamed, opens);
    }

    @Override
    void close() {
        if (opens.decrementAndGet() == 0) {
            unnamed.add(file);
        }
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
            long done = file.pwrite(source, end);
            return done < 0 ? done : end;
        }
    }

    @Override
    public long truncate(long length) {
        return file.truncate(length);
    }

    @Override
    public long sync() {
        return 0;
    }

    public MemoryFile file() {
        return file;
    }

    @Override
    public boolean hasPath() {
        return false;
    }

    @Override
    public FileStatus status() {
        return FileStatus.of(FileStatus.REGULAR | file.mode(), inode, file.size())
                .withNames(0);
    }

    @Override
    public long punch(long offset, long length) {
        return file.punch(offset, length);
    }

    @Override
    public Backing backing() {
        return open;
    }
}
