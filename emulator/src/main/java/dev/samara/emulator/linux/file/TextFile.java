// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.emulator.linux.abi.LinuxErrno;
import java.lang.ref.SoftReference;
import java.nio.ByteBuffer;

/**
 * A file of {@code /proc}. Its content is generated when it is read from the start, and is cached between reads only
 * softly, so that the number of such files that a guest opens does not matter to the heap. One thread at a time
 * generates or copies one.
 */
public final class TextFile extends ProcFile {
    private static final int CURRENT = 1;
    private static final int END = 2;
    private static final int DATA = 3;
    private static final int HOLE = 4;

    /** How the bytes of a text are found. */
    public enum Kind {
        /** Line by line ({@code seq_file}): it has no end before it is read, and takes no write at an offset. */
        SEQUENCE(0444),
        /** Line by line, of a text that its owner may set. */
        SET_SEQUENCE(0644),
        /** From memory. */
        BYTES(0444),
        /** From memory that only its owner may read. */
        OWN_BYTES(0400);

        private final int rights;

        Kind(int rights) {
            this.rights = rights;
        }
    }

    /** What a text is made of. */
    public interface TextContent {
        /** Returns the bytes of now. */
        byte[] bytes();

        /** Returns how many bytes of a write it looks at. */
        default int mostWritten() {
            return 0;
        }

        /**
         * Takes the first bytes of a write, wherever that is.
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
     * @param kind how its bytes are found
     * @param number the number of the file
     * @param turns the lock of a thread that has the text of any such file in the heap
     * @param content what it is made of
     */
    public TextFile(String path, int flags, Kind kind, long number, Object turns, TextContent content) {
        super(path, flags, kind.rights, number);
        this.kind = kind;
        this.turns = turns;
        this.content = content;
    }

    /** The caller has the turn. */
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

    /** Copies only what it looks at, and all of that. */
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
        return kind == Kind.SEQUENCE || kind == Kind.SET_SEQUENCE;
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

    /** Sets the position in a file whose size counts as 0 ({@code generic_file_llseek}). */
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
    public boolean takesWritesAt() {
        return !isSequence();
    }

    /** Its size is 0 for whoever asks. */
    @Override
    public synchronized long available() {
        return -position;
    }
}
