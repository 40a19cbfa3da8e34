// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.record;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * A recording that cannot be read or is malformed. The message is one line without control characters, and starts with
 * the file, and the line if there is one.
 */
public final class InputException extends Exception {
    private static final long serialVersionUID = 1L;

    /** The maximum length of an error message, which may quote a line of the recording. */
    private static final int LONGEST = 1000;

    /**
     * Creates the exception of a file without lines.
     *
     * @param file the recording
     * @param message the error
     * @param cause the I/O error, or null if the file itself is wrong
     */
    public InputException(Path file, String message, @Nullable Throwable cause) {
        super(file + ": " + PrintableText.of(message, LONGEST), cause);
    }

    /**
     * Creates the exception of a line.
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
