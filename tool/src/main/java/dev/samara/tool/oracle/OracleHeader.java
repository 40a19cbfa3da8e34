// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.oracle;

import dev.samara.core.vma.Geometry;
import dev.samara.tool.record.HeaderValues;
import dev.samara.tool.record.InputException;
import dev.samara.tool.record.RecordedLines;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The header of an oracle file.
 *
 * @param mode the kinds of operations in the file
 * @param modeLine the line of the mode, counted from 1
 * @param base the first address of the arena
 * @param pages the size of the arena in pages
 * @param sizeOfA the size of file A in bytes
 * @param sizeOfB the size of file B in bytes
 * @param isStamped whether each page of the files starts with a byte that identifies it
 */
record OracleHeader(String mode, int modeLine, long base, long pages, long sizeOfA, long sizeOfB, boolean isStamped) {
    private static final Geometry GEOMETRY = Geometry.LINUX_X86_64;
    private static final String FIRST_LINE = "vmoracle 1";

    /** The key that occurs once for each file. */
    private static final String FILE = "file";

    private static final Pattern SIZE = Pattern.compile("file ([AB]) size=(0x[0-9a-f]+)");
    private static final long LARGEST_FILE = 1L << 28;

    /**
     * The maximum number of pages in an arena. It is limited because each list of contents is compared with all pages.
     */
    private static final long MOST_PAGES = 1 << 16;

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
            FILE,
            "files-stamped",
            "mseal");

    private static final Set<String> MODES = Set.of("vma", "touch", "fork");

    long length() {
        return pages << GEOMETRY.pageShift();
    }

    /** Reads the header, up to the first operation. */
    static OracleHeader parse(RecordedLines lines) throws InputException {
        if (!FIRST_LINE.equals(lines.next())) {
            throw lines.fault("an oracle file must begin with '" + FIRST_LINE + "'");
        }
        HeaderValues values = new HeaderValues(lines);
        String line = lines.require("its first operation");
        while (!line.startsWith("op ")) {
            int space = line.indexOf(' ');
            String key = space < 0 ? line : line.substring(0, space);
            if (space < 0 || !KEYS.contains(key)) {
                throw lines.fault("'" + line + "' is no known line of a header");
            }
            if (key.equals(FILE)) {
                Matcher file = SIZE.matcher(line);
                if (!file.matches()) {
                    throw lines.fault("'" + line + "' does not say the size of file A or B");
                }
                values.put("size of " + file.group(1), file.group(2));
            } else {
                values.put(key, line.substring(space + 1));
            }
            line = lines.require("its first operation");
        }
        lines.back();
        return checked(values);
    }

    private static OracleHeader checked(HeaderValues values) throws InputException {
        String mode = values.text("mode");
        if (!MODES.contains(mode)) {
            throw values.fault("mode", "mode '" + mode + "' is unknown");
        }
        if (values.number("page-size") != GEOMETRY.pageSize()) {
            throw values.fault("page-size", "pages of " + values.text("page-size") + " bytes cannot be checked");
        }
        if (values.number("task-size") != GEOMETRY.limit()) {
            throw values.fault(
                    "task-size", "an address space that ends at " + values.text("task-size") + " cannot be checked");
        }
        long base = values.number("base");
        // There must be space for mappings on both sides of the arena, which leave only the arena free.
        if (!GEOMETRY.isAligned(base) || base <= GEOMETRY.minimum() || base >= GEOMETRY.limit()) {
            throw values.fault(
                    "base", "base " + values.text("base") + " is no page boundary that an arena can begin at");
        }
        long pages = values.number("arena-pages");
        if (pages <= 0 || pages >= GEOMETRY.pages(GEOMETRY.limit() - base)) {
            throw values.fault(
                    "arena-pages",
                    "an arena of " + values.text("arena-pages") + " pages has no room at " + values.text("base"));
        }
        if (pages > MOST_PAGES) {
            throw values.fault(
                    "arena-pages", "an arena of " + values.text("arena-pages") + " pages is too large to be checked");
        }
        return new OracleHeader(
                mode,
                values.line("mode"),
                base,
                pages,
                size(values, "size of A"),
                size(values, "size of B"),
                values.number("files-stamped") != 0);
    }

    private static long size(HeaderValues values, String key) throws InputException {
        long size = values.number(key);
        if (size < 0 || size > LARGEST_FILE) {
            throw values.fault(key, "a " + key + " of " + values.text(key) + " bytes cannot be checked");
        }
        return size;
    }
}
