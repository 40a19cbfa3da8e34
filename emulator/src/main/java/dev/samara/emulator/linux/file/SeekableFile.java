// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.emulator.linux.abi.LinuxErrno;
import java.nio.ByteBuffer;

/** A file with a position, which descriptors of several processes may share. */
abstract class SeekableFile extends GuestFile {
    private static final int SET = 0;
    private static final int CURRENT = 1;
    private static final int END = 2;
    private static final int DATA = 3;
    private static final int HOLE = 4;

    /** Stands for a position that the file may not have. */
    private static final long FAR = Long.MIN_VALUE;

    /** Guarded by this. */
    private long position;

    SeekableFile(String path, int flags) {
        super(path, flags);
    }

    abstract long size();

    /** Reads from an offset that is not negative; returns the number of bytes, or an error. */
    abstract long pread(ByteBuffer target, long offset);

    /** Writes to an offset that is not negative; returns the number of bytes, or an error. */
    abstract long pwrite(ByteBuffer source, long offset);

    /** Writes at the end, which no other write moves meanwhile; returns the offset of the first byte, or an error. */
    abstract long append(ByteBuffer source);

    @Override
    public final synchronized long read(FileThread thread, ByteBuffer target) {
        long done = pread(target, position);
        position += Math.max(done, 0);
        return done;
    }

    @Override
    public final synchronized long readTo(FileThread thread, int length, ReadTarget target) {
        byte[] bytes = new byte[length];
        long read = pread(ByteBuffer.wrap(bytes), position);
        if (read <= 0) {
            return read;
        }
        int taken = target.put(bytes, (int) read);
        position += taken;
        return taken(taken);
    }

    @Override
    public final synchronized long write(FileThread thread, ByteBuffer source) {
        if (!source.hasRemaining()) {
            // Nothing moves, not even the position to the end.
            return 0;
        }
        if ((flags() & OpenFlags.APPEND) == 0) {
            long done = pwrite(source, position);
            position += Math.max(done, 0);
            return done;
        }
        if (position > Long.MAX_VALUE - source.remaining()) {
            // Though nothing is written there: rw_verify_area.
            return LinuxErrno.EINVAL;
        }
        int start = source.position();
        long offset = append(source);
        if (offset < 0) {
            return offset;
        }
        int done = source.position() - start;
        position = offset + done;
        return done;
    }

    @Override
    public final long writeFrom(FileThread thread, long length, WriteSource source) {
        byte[] bytes = new byte[(int) length];
        int got = source.get(0, bytes, bytes.length);
        // Before the position is locked: it may ask the host.
        long most = got == length ? Long.MAX_VALUE : largestSize();
        synchronized (this) {
            long refused = got == length ? 0 : shortage(position, length, got, most);
            return refused != 0 ? refused : write(thread, ByteBuffer.wrap(bytes, 0, got));
        }
    }

    @Override
    public final long writeFromAt(long length, WriteSource source, long offset) {
        byte[] bytes = new byte[(int) length];
        int got = source.get(0, bytes, bytes.length);
        long refused = got == length ? 0 : shortage(offset, length, got, largestSize());
        return refused != 0 ? refused : writeAt(ByteBuffer.wrap(bytes, 0, got), offset);
    }

    /**
     * Returns why a write is refused whose source lacks a byte, 0 if those before it are written. If none is, the file
     * ends where they were to begin, or after that ({@code generic_perform_write}).
     */
    private long shortage(long offset, long length, int got, long most) {
        if (offset > Long.MAX_VALUE - length) {
            // Before seals and bytes: rw_verify_area.
            return LinuxErrno.EINVAL;
        }
        long at = (flags() & OpenFlags.APPEND) != 0 ? size() : offset;
        if (at >= most) {
            return LinuxErrno.EFBIG;
        }
        long refused = refusal(at, length);
        if (refused != 0 || got > 0) {
            return refused;
        }
        long grown = at > size() ? grow(at) : 0;
        return grown < 0 ? grown : LinuxErrno.EFAULT;
    }

    /** Returns why a write cannot be made, whatever its bytes are; 0 if nothing is known against it. */
    long refusal(long offset, long length) {
        return 0;
    }

    @Override
    public final synchronized long available() {
        return size() - position;
    }

    @Override
    public final long readAt(ByteBuffer target, long offset) {
        return offset < 0 ? LinuxErrno.EINVAL : pread(target, offset);
    }

    @Override
    public final long writeAt(ByteBuffer source, long offset) {
        if (offset < 0) {
            return LinuxErrno.EINVAL;
        }
        if ((flags() & OpenFlags.APPEND) == 0) {
            return pwrite(source, offset);
        }
        // As on Linux, contrary to POSIX: the offset is ignored.
        int start = source.position();
        long at = append(source);
        return at < 0 ? at : source.position() - start;
    }

    @Override
    public final long seek(long offset, int from) {
        long found = seek(offset, from, LEAST_LARGEST);
        if (found == FAR) {
            // Asked without the lock, since the host may have to tell it.
            found = seek(offset, from, largestSize());
        }
        return found == FAR ? LinuxErrno.EINVAL : found;
    }

    /** Sets the position unless it is beyond a size, which is {@link #FAR}. */
    private synchronized long seek(long offset, int from, long most) {
        if (from == DATA || from == HOLE) {
            return seekContent(offset, from == DATA);
        }
        if (from < SET || from > END) {
            return LinuxErrno.EINVAL;
        }
        long start = from == CURRENT ? position : from == END ? size() : 0;
        if (start + offset < 0) {
            return LinuxErrno.EINVAL;
        }
        if (start + offset > most) {
            return FAR;
        }
        position = start + offset;
        return position;
    }

    /** A file is one piece of data here, with a hole at its end, as {@code generic_file_llseek_size} has it. */
    private long seekContent(long offset, boolean isData) {
        if (offset < 0 || offset >= size()) {
            return LinuxErrno.ENXIO;
        }
        position = isData ? offset : size();
        return position;
    }
}
