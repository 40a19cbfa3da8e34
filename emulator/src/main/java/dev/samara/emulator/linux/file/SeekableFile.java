// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.emulator.linux.abi.LinuxErrno;
import java.nio.ByteBuffer;

/** A file with a position, which descriptors of several processes may share. */
abstract class SeekableFile extends GuestFile {
    private static final int SET = 0;
    private static final int CURRENT = 1;
    private static final int END = 2;
    private static final int DATA = 3;
    private static final int HOLE = 4;

    /** A result that means that the position exceeds a limit. */
    private static final long FAR = Long.MIN_VALUE;

    @GuardedBy("this")
    private long position;

    SeekableFile(String path, int flags) {
        super(path, flags);
    }

    abstract long size();

    /** Reads from an offset that is not negative; returns the number of bytes, or an error. */
    abstract long pread(ByteBuffer target, long offset);

    /** Writes to an offset that is not negative; returns the number of bytes, or an error. */
    abstract long pwrite(ByteBuffer source, long offset);

    /**
     * Writes at the end of the file, atomically with respect to other appends; returns the offset of the first byte, or
     * an error.
     */
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
            // The position does not change, not even to the end of the file.
            return 0;
        }
        if ((flags() & OpenFlags.APPEND) == 0) {
            long done = pwrite(source, position);
            position += Math.max(done, 0);
            return done;
        }
        if (position > Long.MAX_VALUE - source.remaining()) {
            // Checked although an append does not write at this position: rw_verify_area.
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
        // Determined before the position is locked, because it may take calls of the host.
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
     * Returns the error of a write whose source does not provide all bytes; 0 if the bytes before the missing byte are
     * to be written. If there are no bytes before it, the file is extended to the offset of the write ({@code
     * generic_perform_write}).
     */
    private long shortage(long offset, long length, int got, long most) {
        if (offset > Long.MAX_VALUE - length) {
            // Checked before the seals and the bytes: rw_verify_area.
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

    /** Returns the error if a write is rejected regardless of its bytes; 0 if it is not. */
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
        // The offset is ignored, as on Linux, but contrary to POSIX.
        int start = source.position();
        long at = append(source);
        return at < 0 ? at : source.position() - start;
    }

    @Override
    public final long seek(long offset, int from) {
        long found = seek(offset, from, LEAST_LARGEST);
        if (found == FAR) {
            // Determined without the lock, because it may take calls of the host.
            found = seek(offset, from, largestSize());
        }
        return found == FAR ? LinuxErrno.EINVAL : found;
    }

    /** Sets the position; returns {@link #FAR} if it would be greater than {@code most}. */
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

    /** Treats the file as one block of data with a hole at its end, as {@code generic_file_llseek_size} does. */
    @GuardedBy("this")
    private long seekContent(long offset, boolean isData) {
        if (offset < 0 || offset >= size()) {
            return LinuxErrno.ENXIO;
        }
        position = isData ? offset : size();
        return position;
    }
}
