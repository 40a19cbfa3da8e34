// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.record;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Thrown if a recording cannot be read or is malformed. The message is one line without control characters. It starts
 * with the file, followed by the number of the line if the error is in a line.
 */
public final class InputException extends Exception {
    private static final long serialVersionUID = 1L;

    /** The maximum length of an error message, which may quote a line of the recording. */
    private static final int LONGEST = 1000;

    /**
     * Creates an exception about a file as a whole.
     *
     * @param file the recording
     * @param message the error
     * @param cause the I/O error, or null if the file itself is wrong
     */
    public InputException(Path file, String message, @Nullable Throwable cause) {
        super(file + ": " + PrintableText.of(message, LONGEST), cause);
    }

    /**
     * Creates an exception about a line.
     *
     * @param file the recording
     * @param line the line, counted from 1
     * @param message the error
     * @param cause the I/O error, or null if the recording itself is wrong
     */
    public InputException(Path file, int line, String message, @Nullable Throwable cause) {
        super(file + ":" + line + ": " + PrintableText.of(message, LONGEST), cause);
    }
}
