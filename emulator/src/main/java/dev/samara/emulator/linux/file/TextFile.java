// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.emulator.linux.abi.LinuxErrno;
import java.lang.ref.SoftReference;
import java.nio.ByteBuffer;

/**
 * A text file of {@code /proc}. Its content is generated when it is read from the start. Between reads it is only
 * softly reachable, so the heap does not limit how many of these files a guest opens. Only one thread at a time
 * generates or copies a text.
 */
public final class TextFile extends ProcFile {
    private static final int CURRENT = 1;
    private static final int END = 2;
    private static final int DATA = 3;
    private static final int HOLE = 4;

    /** How the bytes of a text are generated, and its permission bits. */
    public enum Kind {
        /**
         * Line by line ({@code seq_file}). The end is not known before the text is read, and writes at an offset are
         * not supported.
         */
        SEQUENCE(0444),
        /** Line by line, like {@link #SEQUENCE}. The owner may also write the text. */
        SET_SEQUENCE(0644),
        /** From a buffer in memory. */
        BYTES(0444),
        /** From a buffer in memory that only the owner may read. */
        OWN_BYTES(0400),
        /** Line by line, like {@link #SEQUENCE}. {@code sendfile} can read it ({@code seq_read_iter}). */
        SENDABLE_SEQUENCE(0444),
        /** From a buffer in memory. {@code sendfile} can read it ({@code proc_sys_read}). */
        SENDABLE_BYTES(0444);

        private final int rights;

        Kind(int rights) {
            this.rights = rights;
        }
    }

    /** The content of a text. */
    public interface TextContent {
        /** Generates the present bytes. */
        byte[] bytes();

        /** Returns how many bytes of a write are used. */
        default int mostWritten() {
            return 0;
        }

        /**
         * Processes the first bytes of a write, at any offset.
         *
         * @param thread the writer
         * @return 0, or an error
         */
        default long write(FileThread thread, byte[] written) {
            return LinuxErrno.EACCES;
        }
    }

    private final Kind kind;
    private final Object turns;
    private final TextContent content;
    private SoftReference<byte[]> last = new SoftReference<>(null);
    private long position;

    /**
     * Opens a file.
     *
     * @param path its path
     * @param flags bits of {@link OpenFlags}
     * @param kind how its bytes are generated
     * @param number the inode number
     * @param turns the lock that a thread holds while it uses the text of any such file
     * @param content generates the text
     */
    public TextFile(String path, int flags, Kind kind, long number, Object turns, TextContent content) {
        super(path, flags, kind.rights, number);
        this.kind = kind;
        this.turns = turns;
        this.content = content;
    }

    /** The caller holds {@link #turns}. */
    private byte[] bytes(long offset) {
        byte[] known = offset == 0 ? null : last.get();
        if (known == null) {
            known = content.bytes();
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
        int length = source.remaining();
        return writeFrom(thread, length, (at, bytes, count) -> {
            source.get(bytes, 0, count);
            return count;
        });
    }

    /** Copies only the bytes that the content uses. Returns EFAULT if one of these bytes is not accessible. */
    @Override
    public long writeFrom(FileThread thread, long length, WriteSource source) {
        byte[] written = new byte[(int) Math.min(length, content.mostWritten())];
        if (source.get(0, written, written.length) < written.length) {
            return LinuxErrno.EFAULT;
        }
        long result = content.write(thread, written);
        return result < 0 ? result : length;
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

    private boolean isSequence() {
        return kind == Kind.SEQUENCE || kind == Kind.SET_SEQUENCE || kind == Kind.SENDABLE_SEQUENCE;
    }

    @Override
    public synchronized long seek(long offset, int from) {
        if (!isSequence()) {
            return seekBytes(offset, from);
        }
        long start = from == CURRENT ? position : 0;
        if (from < 0 || from > CURRENT || start + offset < 0) {
            return LinuxErrno.EINVAL;
        }
        position = start + offset;
        return position;
    }

    /** Sets the position. The size of the file counts as 0 ({@code generic_file_llseek}). */
    private long seekBytes(long offset, int from) {
        if (from == DATA || from == HOLE) {
            return LinuxErrno.ENXIO;
        }
        long start = from == CURRENT ? position : 0;
        if (from < 0 || from > END || start + offset < 0 || start + offset > LEAST_LARGEST) {
            return LinuxErrno.EINVAL;
        }
        position = start + offset;
        return position;
    }

    @Override
    public boolean isSendable() {
        return kind == Kind.SENDABLE_SEQUENCE || kind == Kind.SENDABLE_BYTES;
    }

    @Override
    public boolean takesSent() {
        return false;
    }

    @Override
    public boolean takesWritesAt() {
        return !isSequence();
    }

    /** Computed from the reported size, which is 0. */
    @Override
    public synchronized long available() {
        return -position;
    }
}
