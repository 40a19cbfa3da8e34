// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.emulator.linux.abi.LinuxErrno;
import java.lang.ref.SoftReference;
import java.nio.ByteBuffer;
import java.util.function.Supplier;

/**
 * A file of {@code /proc}. Its content is generated when it is read from the start, and is cached between reads only
 * softly, so that the number of such files that a guest opens does not matter to the heap. One thread at a time
 * generates or copies one.
 */
public final class TextFile extends GuestFile {
    private static final int CURRENT = 1;
    private static final int END = 2;

    private final Object turns;
    private final Supplier<byte[]> maker;
    private SoftReference<byte[]> last = new SoftReference<>(null);
    private long position;

    /**
     * Opens a file.
     *
     * @param path its path
     * @param flags bits of {@link OpenFlags}
     * @param turns the lock of a thread that has the text of any such file in the heap
     * @param maker generates the content
     */
    public TextFile(String path, int flags, Object turns, Supplier<byte[]> maker) {
        super(path, flags);
        this.turns = turns;
        this.maker = maker;
    }

    /** The caller has the turn. */
    private byte[] bytes(long offset) {
        byte[] known = offset == 0 ? null : last.get();
        if (known == null) {
            known = maker.get();
            last = new SoftReference<>(known);
        }
        return known;
    }

    @Override
    public synchronized long read(FileThread thread, ByteBuffer target) {
        long done = readAt(target, position);
        position += done;
        return done;
    }

    @Override
    public synchronized long readTo(FileThread thread, int length, ReadTarget target) {
        ByteBuffer read = ByteBuffer.allocate(length);
        long done = readAt(read, position);
        if (done == 0) {
            return 0;
        }
        int taken = target.put(read.array(), (int) done);
        position += taken;
        return taken(taken);
    }

    @Override
    public long write(FileThread thread, ByteBuffer source) {
        return LinuxErrno.EACCES;
    }

    @Override
    public long readAt(ByteBuffer target, long offset) {
        synchronized (turns) {
            byte[] bytes = bytes(offset);
            if (offset < 0 || offset >= bytes.length) {
                return 0;
            }
            int length = Math.min(target.remaining(), bytes.length - (int) offset);
            target.put(bytes, (int) offset, length);
            return length;
        }
    }

    @Override
    public synchronized long seek(long offset, int from) {
        long start = from == CURRENT ? position : from == END ? length() : 0;
        if (from < 0 || from > END || start + offset < 0) {
            return LinuxErrno.EINVAL;
        }
        position = start + offset;
        return position;
    }

    private long length() {
        synchronized (turns) {
            return bytes(0).length;
        }
    }

    @Override
    public FileStatus status() {
        return FileStatus.of(FileStatus.REGULAR | 0444, 9, 0);
    }
}
