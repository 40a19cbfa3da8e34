// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.record;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The lines of a gzip-compressed recording, counted from 1. For one thread.
 *
 * <p>Of a damaged file, every line in front of the damage is given; a reader of characters, which fills its buffer
 * first, would lose some and then name the wrong line.
 */
public final class RecordedLines implements AutoCloseable {
    private static final int BUFFER = 1 << 16;

    private final Path file;
    private final InputStream plain;

    /** What was read and not yet given is {@code [position, limit)}. */
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
     * Opens a recording in front of its first line.
     *
     * @param file the recording
     * @return its lines, to be closed
     * @throws InputException if it cannot be opened or is not compressed
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
            throw new InputException(file, 1, "there is no such file", e);
        } catch (IOException e) {
            throw new InputException(file, 1, "cannot be read: " + reason(e), e);
        }
    }

    /**
     * Goes to the next line.
     *
     * @return the line, or null behind the last
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
     * Goes to the next line, which must be there.
     *
     * @param before what the file must not end in front of
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

    /** Goes back, so that {@link #next} returns the same line once more. */
    public void back() {
        again = true;
    }

    /**
     * Where we are.
     *
     * @return the number of the line that was read last; 0 before the first
     */
    public int number() {
        return number;
    }

    /**
     * The recording.
     *
     * @return its path, as it was given
     */
    public Path file() {
        return file;
    }

    /**
     * A complaint about the line that was read last.
     *
     * @param message what is wrong
     * @return the complaint, to be thrown
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

    /** What went wrong; some exceptions say it only by what they are. */
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

    /** Reads more behind what is left, which is moved to the front; false at the end. */
    private boolean fill() throws IOException {
        limit -= position;
        System.arraycopy(buffer, position, buffer, 0, limit);
        position = 0;
        if (limit == buffer.length) {
            buffer = Arrays.copyOf(buffer, 2 * limit);
        }
        int count = plain.read(buffer, limit, buffer.length - limit);
        limit += Math.max(count, 0);
        return count >= 0;
    }
}
