// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import dev.samara.tool.record.InputException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;

/** A file with lines of {@code /proc/PID/maps}, which may be that file of any process of Linux. */
final class MapsText {
    private static final int GZIP = 0x1f;

    /** The heap has room for so many times the bytes of a file. */
    private static final int TIMES = 16;

    private static final Pattern LINE = Pattern.compile(
            "[0-9a-f]{1,16}-[0-9a-f]{1,16} [r-][w-][x-][ps] [0-9a-f]+ [0-9a-f]+:[0-9a-f]+ [0-9]+(?: +.*)?");

    private MapsText() {}

    /** Returns whether a file is text, and no compressed trace; one that cannot be read is a trace. */
    static boolean isText(Path file) {
        try (InputStream in = Files.newInputStream(file)) {
            return in.read() != GZIP;
        } catch (IOException unreadable) {
            return false;
        }
    }

    /**
     * Reads the lines of a file.
     *
     * @throws InputException if it cannot be read, or if a line is of another kind
     */
    static List<String> read(Path file) throws InputException {
        List<String> lines;
        try {
            if (Files.size(file) > Runtime.getRuntime().maxMemory() / TIMES) {
                throw new InputException(file, "is too large for the heap: give it a larger one (-Xmx)", null);
            }
            // Names are bytes, which need not be UTF-8.
            lines = new String(Files.readAllBytes(file), StandardCharsets.UTF_8)
                    .lines()
                    .toList();
        } catch (IOException e) {
            throw new InputException(file, "cannot be read: " + e.getMessage(), e);
        }
        for (int i = 0; i < lines.size(); i++) {
            if (!LINE.matcher(lines.get(i)).matches()) {
                throw new InputException(
                        file, i + 1, "is neither of a trace nor a line as /proc/PID/maps has them", null);
            }
        }
        return lines;
    }
}
