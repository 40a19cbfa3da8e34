// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.trace;

import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import dev.samara.tool.record.HeaderValues;
import dev.samara.tool.record.InputException;
import dev.samara.tool.record.Notation;
import dev.samara.tool.record.RecordedLines;
import dev.samara.tool.trace.TraceHeader.CopyOf;
import dev.samara.tool.trace.TraceHeader.Exec;
import dev.samara.tool.trace.TraceHeader.TraceOrigin;
import java.util.EnumMap;
import java.util.Map;
import java.util.Set;

/** Reads the lines {@code <key> <value>...} at the top of one trace. */
final class HeaderParser {
    private static final String FIRST_LINE = "vmtrace 1";
    private static final String BODY = "maps-begin ";

    private static final Set<String> KEYS = Set.of(
            "program", "mm", "origin", "exe", "argv", "kernel", "page-size", "start-brk", "brk", "start-stack", "tid");

    private final RecordedLines lines;
    private final HeaderValues values;
    private final Map<Resource, Long> limits = new EnumMap<>(Resource.class);

    HeaderParser(RecordedLines lines) {
        this.lines = lines;
        values = new HeaderValues(lines);
    }

    /** Reads up to the first line of the body. */
    TraceHeader read() throws InputException {
        if (!FIRST_LINE.equals(lines.next())) {
            throw lines.fault("a trace must begin with '" + FIRST_LINE + "'");
        }
        String line = lines.require("its first snapshot");
        while (!line.startsWith(BODY)) {
            int space = line.indexOf(' ');
            String key = space < 0 ? line : line.substring(0, space);
            String value = space < 0 ? "" : line.substring(space + 1);
            if (key.equals("rlimit")) {
                limit(value);
            } else if (KEYS.contains(key)) {
                values.put(key, value);
            } else {
                throw lines.fault("'" + key + "' is no known line of a header");
            }
            line = lines.require("its first snapshot");
        }
        lines.back();
        return header();
    }

    private TraceHeader header() throws InputException {
        if (values.number("page-size") != Geometry.LINUX_X86_64.pageSize()) {
            throw values.fault("page-size", "pages of " + values.text("page-size") + " bytes cannot be replayed");
        }
        int mm = values.count("mm", values.number("mm"));
        return new TraceHeader(
                values.text("program"),
                mm,
                origin(values.text("origin"), mm),
                Map.copyOf(limits),
                values.number("start-brk"),
                values.number("brk"),
                values.number("start-stack"),
                values.count("tid", values.number("tid")));
    }

    private TraceOrigin origin(String text, int mm) throws InputException {
        String[] words = text.split(" ", -1);
        if (words[0].equals("exec")) {
            return new Exec();
        }
        if (words[0].equals("fork") && words.length == 3) {
            int parent = values.count("origin", after("parent-mm=", words[1]));
            if (parent >= mm) {
                throw values.fault("origin", "the parent's number " + parent + " is not below its own, " + mm);
            }
            return new CopyOf(parent, after("parent-seq=", words[2]));
        }
        throw values.fault("origin", "origin '" + text + "' is neither an exec nor a fork");
    }

    private long after(String prefix, String word) throws InputException {
        if (!word.startsWith(prefix)) {
            throw values.fault("origin", "'" + word + "' does not start with " + prefix);
        }
        return values.number("origin", word.substring(prefix.length()));
    }

    private void limit(String text) throws InputException {
        int space = text.indexOf(' ');
        try {
            limits.put(
                    Resource.valueOf(text.substring(0, Math.max(space, 0))),
                    Notation.ABSOLUTE.parse(text.substring(space + 1)));
        } catch (IllegalArgumentException e) {
            throw new InputException(lines.file(), lines.number(), "rlimit '" + text + "' is unknown", e);
        }
    }
}
