// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.record;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** A recording cannot be read or makes no sense; the message starts with file and line. */
public final class InputException extends Exception {
    private static final long serialVersionUID = 1L;

    /**
     * Says what is wrong and where.
     *
     * @param file the recording
     * @param line the line, counted from 1
     * @param message what is wrong there
     * @param cause what the machine said, or null if the recording itself is wrong
     */
    public InputException(Path file, int line, String message, @Nullable Throwable cause) {
        super(file + ":" + line + ": " + message, cause);
    }
}
