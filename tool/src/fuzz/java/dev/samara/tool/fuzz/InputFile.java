// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.fuzz;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.Deflater;
import java.util.zip.GZIPOutputStream;

/**
 * The file with the current input of a target that reads recordings. Input that starts like gzip is written unchanged.
 * Any other input is the text, stored uncompressed in one gzip member, because a fuzzer cannot guess checksums.
 */
final class InputFile {
    private static final int FIRST_OF_GZIP = 0x1f;

    private final Path path;

    /** A writer that stores bytes uncompressed. */
    private static final class StoredMember extends GZIPOutputStream {
        StoredMember(OutputStream out) throws IOException {
            super(out);
            def.setLevel(Deflater.NO_COMPRESSION);
        }
    }

    /** Creates a file that is deleted when the JVM ends. */
    InputFile(String name) {
        try {
            Path folder = Files.createTempDirectory("fuzz");
            path = folder.resolve(name);
            folder.toFile().deleteOnExit();
            path.toFile().deleteOnExit();
        } catch (IOException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** Replaces the content, and returns the file. */
    Path write(byte[] input) throws IOException {
        // A file system may write a replaced file, but not a new one, to its device immediately.
        Files.deleteIfExists(path);
        if (input.length > 0 && input[0] == FIRST_OF_GZIP) {
            return Files.write(path, input);
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(input.length + 64);
        try (StoredMember member = new StoredMember(bytes)) {
            member.write(input);
        }
        return Files.write(path, bytes.toByteArray());
    }
}
