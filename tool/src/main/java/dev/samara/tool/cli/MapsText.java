// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import dev.samara.tool.record.InputException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads a file in the format of {@code /proc/PID/maps}, e.g. a copy of that file of any Linux process. */
final class MapsText {
    private static final int GZIP = 0x1f;

    /** The maximum size of a file is the maximum heap size divided by this number. */
    private static final int TIMES = 16;

    /** The format of a line. The kernel escapes only line feeds, so a name may contain any other line terminator. */
    private static final Pattern LINE = Pattern.compile(
            "([0-9a-f]{1,16})-([0-9a-f]{1,16}) [r-][w-][x-][ps] [0-9a-f]+ [0-9a-f]+:[0-9a-f]+ [0-9]+(?: +.*)?",
            Pattern.DOTALL);

    private static final int HEX = 16;

    private MapsText() {}

    /** Returns whether a file is a text and not a compressed trace. A file that cannot be read counts as a trace. */
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
     * @throws InputException if the file cannot be read, if a line does not have the format of {@code /proc/PID/maps},
     *     or if a range is empty or starts below the end of the previous one
     */
    static List<String> read(Path file) throws InputException {
        String text = text(file);
        List<String> lines = text.isEmpty() ? List.of() : List.of(text.split("\n", 0));
        long end = 0;
        for (int i = 0; i < lines.size(); i++) {
            Matcher line = LINE.matcher(lines.get(i));
            if (!line.matches()) {
                throw new InputException(
                        file, i + 1, "is neither of a trace nor a line as /proc/PID/maps has them", null);
            }
            long start = Long.parseUnsignedLong(line.group(1), HEX);
            if (Long.compareUnsigned(start, end) < 0) {
                throw new InputException(file, i + 1, "begins below the end of the range before it", null);
            }
            end = Long.parseUnsignedLong(line.group(2), HEX);
            if (Long.compareUnsigned(start, end) >= 0) {
                throw new InputException(file, i + 1, "its range does not end above its start", null);
            }
        }
        return lines;
    }

    private static String text(Path file) throws InputException {
        int most =
                (int) Math.min(Integer.MAX_VALUE - TIMES, Runtime.getRuntime().maxMemory() / TIMES);
        try (InputStream in = Files.newInputStream(file)) {
            // The size of the file is not used, because it is 0 for a file in /proc, and for an endless device.
            byte[] bytes = in.readNBytes(most);
            if (bytes.length == most) {
                throw new InputException(file, "is too large for the heap: give it a larger one (-Xmx)", null);
            }
            // Names consist of bytes, which need not be UTF-8.
            return new String(bytes, StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new InputException(file, "cannot be read: " + e.getMessage(), e);
        }
    }
}
