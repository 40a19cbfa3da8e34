// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import dev.samara.tool.record.InputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Writes the file of the option {@code --svg}. */
final class PictureFile {
    private PictureFile() {}

    /**
     * Writes a picture. Replaces an existing file.
     *
     * @param file the file
     * @param input the file from which the picture was drawn, which is never replaced; null if there is none
     * @param svg the document
     * @throws InputException if the file cannot be written
     */
    static void write(Path file, @Nullable Path input, String svg) throws InputException {
        try {
            if (input != null && Files.exists(file) && Files.isSameFile(file, input)) {
                throw new InputException(file, "is the input, and is not replaced by its picture", null);
            }
            Files.writeString(file, svg);
        } catch (NoSuchFileException e) {
            throw new InputException(file, "there is no such folder", e);
        } catch (IOException e) {
            throw new InputException(file, "cannot be written: " + e, e);
        }
    }
}
