// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.file;

import dev.samara.examples.riscv.linux.abi.LinuxErrno;
import java.nio.ByteBuffer;

/** Bytes that were made when the file was opened, as those of files in {@code /proc}. */
public final class TextFile extends GuestFile {
    private static final int CURRENT = 1;
    private static final int END = 2;

    private final byte[] bytes;
    private long position;

    public TextFile(String path, int flags, byte[] bytes) {
        super(path, flags);
        this.bytes = bytes;
    }

    @Override
    public synchronized long read(FileThread thread, ByteBuffer target) {
        long done = readAt(target, position);
        position += done;
        return done;
    }

    @Override
    public synchronized long readTo(FileThread thread, int length, ReadTarget target) {
        byte[] read = new byte[length];
        long done = readAt(ByteBuffer.wrap(read), position);
        if (done == 0) {
            return 0;
        }
        int taken = target.put(read, (int) done);
        position += taken;
        return taken(taken);
    }

    @Override
    public long write(FileThread thread, ByteBuffer source) {
        return LinuxErrno.EACCES;
    }

    @Override
    public long readAt(ByteBuffer target, long offset) {
        if (offset < 0 || offset >= bytes.length) {
            return 0;
        }
        int length = Math.min(target.remaining(), bytes.length - (int) offset);
        target.put(bytes, (int) offset, length);
        return length;
    }

    @Override
    public synchronized long seek(long offset, int from) {
        long start = from == CURRENT ? position : from == END ? bytes.length : 0;
        if (from < 0 || from > END || start + offset < 0) {
            return LinuxErrno.EINVAL;
        }
        position = start + offset;
        return position;
    }

    @Override
    public FileStatus status() {
        return FileStatus.of(FileStatus.REGULAR | 0444, 9, 0);
    }
}
