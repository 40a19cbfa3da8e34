// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.record;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.zip.GZIPInputStream;
import org.jspecify.annotations.Nullable;

/** The lines of a gzip-compressed recording, counted from 1. For one thread. */
public final class RecordedLines implements AutoCloseable {
    private static final int BUFFER = 1 << 16;

    private final Path file;
    private final BufferedReader reader;
    private @Nullable String last;
    private boolean again;
    private int number;

    private RecordedLines(Path file, BufferedReader reader) {
        this.file = file;
        this.reader = reader;
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
                InputStream plain = new GZIPInputStream(compressed, BUFFER);
                return new RecordedLines(
                        file, new BufferedReader(new InputStreamReader(plain, StandardCharsets.UTF_8), BUFFER));
            } catch (IOException e) {
                compressed.close();
                throw e;
            }
        } catch (NoSuchFileException e) {
            throw new InputException(file, 1, "there is no such file", e);
        } catch (IOException e) {
            throw new InputException(file, 1, "cannot be read: " + e.getMessage(), e);
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
            last = reader.readLine();
            return last;
        } catch (IOException e) {
            throw new InputException(file, number, "cannot be read: " + e.getMessage(), e);
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
            reader.close();
        } catch (IOException e) {
            throw new InputException(file, number, "cannot be closed: " + e.getMessage(), e);
        }
    }
}
