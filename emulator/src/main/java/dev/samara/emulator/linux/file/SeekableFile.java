// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.backing.HostFile;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.vma.Backing;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.DescriptorTable.OpenFlags;
import dev.samara.emulator.linux.file.GuestFile.FileThread;
import dev.samara.emulator.linux.file.GuestNames.OpenedName;
import dev.samara.emulator.linux.memory.UnnamedMemory;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicInteger;

/** An open file with a position. The monitor makes a transfer and the change of the position one step. */
public abstract class SeekableFile extends GuestFile {
    private static final int SET = 0;
    private static final int CURRENT = 1;
    private static final int END = 2;
    private static final int DATA = 3;
    private static final int HOLE = 4;

    @GuardedBy("this")
    private long position;

    SeekableFile(String path, int flags) {
        super(path, flags);
    }

    abstract long size();

    /** Returns the offset of SEEK_END; negative if the file has no end. */
    long end() {
        return size();
    }

    abstract long pread(ByteBuffer target, long offset);

    abstract long pwrite(ByteBuffer source, long offset);

    /** Writes at the end of the file; returns the offset of the bytes. */
    abstract long append(ByteBuffer source);

    @Override
    public final long read(FileThread thread, long offset, int length, ReadTarget target) {
        if (offset != POSITION) {
            return read(offset, length, target);
        }
        synchronized (this) {
            long done = read(position, length, target);
            position += Math.max(done, 0);
            return done;
        }
    }

    private long read(long offset, int length, ReadTarget target) {
        byte[] bytes = new byte[length];
        long read = pread(ByteBuffer.wrap(bytes), offset);
        return read <= 0 ? read : taken(target.put(bytes, (int) read));
    }

    @Override
    public final long write(FileThread thread, long offset, long length, WriteSource source) {
        byte[] bytes = new byte[(int) length];
        int got = source.get(0, bytes, bytes.length);
        if (got == 0) {
            return length == 0 ? 0 : LinuxErrno.EFAULT;
        }
        ByteBuffer given = ByteBuffer.wrap(bytes, 0, got);
        boolean appends = (flags() & OpenFlags.APPEND) != 0;
        if (offset != POSITION && !appends) {
            return pwrite(given, offset);
        }
        synchronized (this) {
            // An append ignores the offset, as on Linux, but contrary to POSIX.
            long at = appends ? append(given) : position;
            long done = at < 0 ? at : appends ? given.position() : pwrite(given, at);
            if (offset == POSITION && done > 0) {
                position = at + done;
            }
            return done;
        }
    }

    @Override
    public final synchronized long available() {
        return Math.max(size() - position, 0);
    }

    @Override
    public final synchronized long seek(long offset, int from) {
        if (from == DATA || from == HOLE) {
            // The file is treated as one piece of data.
            if (offset < 0 || offset >= size()) {
                return LinuxErrno.ENXIO;
            }
            position = from == DATA ? offset : size();
            return position;
        }
        long start = from == CURRENT ? position : from == END ? end() : 0;
        if (from < SET || from > END || start < 0 || start + offset < 0) {
            return LinuxErrno.EINVAL;
        }
        position = start + offset;
        return position;
    }

    /** An open file of the host, whose pages the library caches. */
    public static final class DiskFile extends SeekableFile {
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

    /** A file in memory ({@code memfd_create}), whose memory lives as long as a descriptor or a mapping uses it. */
    public static final class MemoryDescriptor extends SeekableFile {
        private final MemoryFile file;
        private final Backing open;
        private final long inode;
        private final UnnamedMemory unnamed;

        /**
         * The open files of this file, which share its end.
         *
         * <p>Written: each open and each last close (read-modify-write).
         * Read: as it is written.
         * Invariant: the one that finds 0 ends the file; an open starts from an open file, so the count cannot be 0
         *     before.
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
}
