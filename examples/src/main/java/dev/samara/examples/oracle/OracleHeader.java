// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.oracle;

import dev.samara.core.vma.Geometry;
import dev.samara.examples.record.InputException;
import dev.samara.examples.record.Notation;
import dev.samara.examples.record.RecordedLines;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/**
 * What an oracle file says before its first operation.
 *
 * @param mode which kinds of operations it has
 * @param modeLine where it says so, counted from 1
 * @param base the first address of the arena
 * @param pages how large the arena is
 * @param taskSize the end of the user address space
 */
record OracleHeader(String mode, int modeLine, long base, long pages, long taskSize) {
    private static final String FIRST_LINE = "vmoracle 1";

    private static final Set<String> KEYS = Set.of(
            "mode",
            "seed",
            "ops",
            "every",
            "arena-pages",
            "base",
            "task-size",
            "page-size",
            "kernel",
            "file",
            "files-stamped",
            "mseal");

    long length() {
        return pages << Geometry.LINUX_X86_64.pageShift();
    }

    /** Reads the header, up to the first operation. */
    static OracleHeader parse(RecordedLines lines) throws InputException {
        if (!FIRST_LINE.equals(lines.next())) {
            throw lines.fault("an oracle file must begin with '" + FIRST_LINE + "'");
        }
        Map<String, String> values = new HashMap<>();
        int modeLine = 0;
        String line = lines.require("its first operation");
        while (!line.startsWith("op ")) {
            int space = line.indexOf(' ');
            String key = space < 0 ? line : line.substring(0, space);
            if (space < 0 || !KEYS.contains(key)) {
                throw lines.fault("'" + line + "' is no known line of a header");
            }
            values.put(key, line.substring(space + 1));
            modeLine = key.equals("mode") ? lines.number() : modeLine;
            line = lines.require("its first operation");
        }
        lines.back();
        if (number(lines, values, "page-size") != Geometry.LINUX_X86_64.pageSize()) {
            throw lines.fault("pages of " + values.get("page-size") + " bytes cannot be checked");
        }
        return new OracleHeader(
                value(lines, values, "mode"),
                modeLine,
                number(lines, values, "base"),
                number(lines, values, "arena-pages"),
                number(lines, values, "task-size"));
    }

    private static String value(RecordedLines lines, Map<String, String> values, String key) throws InputException {
        String value = values.get(key);
        if (value == null) {
            throw lines.fault("the header lacks '" + key + "'");
        }
        return value;
    }

    private static long number(RecordedLines lines, Map<String, String> values, String key) throws InputException {
        String text = value(lines, values, key);
        try {
            return Notation.ABSOLUTE.parse(text);
        } catch (NumberFormatException e) {
            throw new InputException(lines.file(), lines.number(), key + " '" + text + "' is no number", e);
        }
    }
}
