// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.record;

import java.io.EOFException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;
import org.jspecify.annotations.Nullable;

/**
 * The lines of a gzip-compressed recording, counted from 1. Not thread-safe.
 *
 * <p>In a damaged file, every line before the damage is returned. A character reader, which first fills its buffer,
 * would lose some lines and then report the wrong line number.
 */
public final class RecordedLines implements AutoCloseable {
    private static final int BUFFER = 1 << 16;

    /**
     * The maximum length of a line in bytes. Without it, a few compressed bytes could expand to a line that fills the
     * heap.
     */
    private static final int LONGEST = 1 << 20;

    private final Path file;
    private final InputStream plain;

    /** The buffer. The bytes in {@code [position, limit)} have been read, but not yet returned. */
    private byte[] buffer = new byte[BUFFER];

    private int position;
    private int limit;

    private @Nullable String last;
    private boolean again;
    private int number;

    private RecordedLines(Path file, InputStream plain) {
        this.file = file;
        this.plain = plain;
    }

    /**
     * Opens a recording before its first line.
     *
     * @param file the recording
     * @return its lines, which the caller must close
     * @throws InputException if the file cannot be opened or is not compressed
     */
    public static RecordedLines open(Path file) throws InputException {
        try {
            InputStream compressed = Files.newInputStream(file);
            try {
                return new RecordedLines(file, new GzipMembers(compressed, BUFFER));
            } catch (IOException e) {
                compressed.close();
                throw e;
            }
        } catch (NoSuchFileException e) {
            throw new InputException(file, "there is no such file", e);
        } catch (IOException e) {
            throw new InputException(file, 1, "cannot be read: " + reason(e), e);
        }
    }

    /**
     * Reads the next line.
     *
     * @return the line, or null after the last line
     * @throws InputException if the file is damaged there
     */
    public @Nullable String next() throws InputException {
        if (again) {
            again = false;
            return last;
        }
        number++;
        try {
            last = readLine();
            return last;
        } catch (IOException e) {
            throw new InputException(file, number, "cannot be read: " + reason(e), e);
        }
    }

    /**
     * Reads the next line, which must exist.
     *
     * @param before what is expected next, for the message
     * @return the line
     * @throws InputException if the file ends or is damaged there
     */
    public String require(String before) throws InputException {
        String line = next();
        if (line == null) {
            throw fault("the file ends before " + before);
        }
        return line;
    }

    /** Goes back one line, so that {@link #next} returns the current line again. */
    public void back() {
        again = true;
    }

    /**
     * Returns the number of the last line read.
     *
     * @return the number; 0 before the first line
     */
    public int number() {
        return number;
    }

    /**
     * Returns the recording.
     *
     * @return its path, as it was given
     */
    public Path file() {
        return file;
    }

    /**
     * Creates an exception about the last line read.
     *
     * @param message the error
     * @return the exception, which the caller throws
     */
    public InputException fault(String message) {
        return new InputException(file, number, message, null);
    }

    @Override
    public void close() throws InputException {
        try {
            plain.close();
        } catch (IOException e) {
            throw new InputException(file, number, "cannot be closed: " + e.getMessage(), e);
        }
    }

    /** Describes an exception by its message, or by its class if it has no message. */
    private static String reason(IOException e) {
        if (e instanceof EOFException) {
            return "the compressed data is cut off, or there is none";
        }
        if (e instanceof AccessDeniedException) {
            return "permission is denied";
        }
        String message = e.getMessage();
        return message == null ? e.getClass().getName() : message;
    }

    private @Nullable String readLine() throws IOException {
        int scanned = position;
        while (true) {
            for (int i = scanned; i < limit; i++) {
                if (buffer[i] == '\n') {
                    return take(i, i + 1);
                }
            }
            scanned = limit - position;
            if (!fill()) {
                return position == limit ? null : take(limit, limit);
            }
        }
    }

    private String take(int end, int next) {
        String line = new String(buffer, position, end - position, StandardCharsets.UTF_8);
        position = next;
        return line;
    }

    /**
     * Moves the unread bytes to the front of the buffer, and reads more bytes after them. Returns false at the end of
     * the file.
     */
    private boolean fill() throws IOException {
        limit -= position;
        System.arraycopy(buffer, position, buffer, 0, limit);
        position = 0;
        if (limit > LONGEST) {
            throw new IOException("the line has more than " + LONGEST + " bytes");
        }
        if (limit == buffer.length) {
            buffer = Arrays.copyOf(buffer, 2 * limit);
        }
        int count = plain.read(buffer, limit, buffer.length - limit);
        limit += Math.max(count, 0);
        return count >= 0;
    }

    /**
     * The content of all members of a gzip file. The superclass silently skips bytes after a member that are not a
     * member; this class rejects them. Not thread-safe.
     */
    static final class GzipMembers extends GZIPInputStream {
        private static final int TRAILER = 8;

        private final Counted file;

        /** The number of bytes read from the file when the decompressor last requested more. */
        private long filled;

        private static final class Counted extends FilterInputStream {
            private long count;

            Counted(InputStream in) {
                super(in);
            }

            @Override
            public int read() throws IOException {
                int value = in.read();
                count += value < 0 ? 0 : 1;
                return value;
            }

            @Override
            public int read(byte[] target, int offset, int length) throws IOException {
                int read = in.read(target, offset, length);
                count += Math.max(read, 0);
                return read;
            }
        }

        GzipMembers(InputStream in, int size) throws IOException {
            this(new Counted(in), size);
        }

        private GzipMembers(Counted file, int size) throws IOException {
            super(file, size);
            this.file = file;
        }

        @Override
        protected void fill() throws IOException {
            super.fill();
            filled = file.count;
        }

        @Override
        public int read(byte[] target, int offset, int length) throws IOException {
            int read = super.read(target, offset, length);
            if (read < 0) {
                // The trailer follows the last compressed byte. The decompressor may have read a part of the trailer
                // already.
                long behind = inf.getRemaining() + (file.count - filled);
                if (behind != TRAILER || file.read() >= 0) {
                    throw new ZipException("there are bytes after the compressed data");
                }
            }
            return read;
        }
    }
}
