// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.emulator.linux.abi.LinuxErrno;
import java.nio.ByteBuffer;

/** An open file with a position. The monitor makes a transfer and the change of the position one step. */
abstract class SeekableFile extends GuestFile {
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
}
