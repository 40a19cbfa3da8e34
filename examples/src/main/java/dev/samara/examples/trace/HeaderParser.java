// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.trace;

import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Resource;
import dev.samara.examples.record.InputException;
import dev.samara.examples.record.Notation;
import dev.samara.examples.record.RecordedLines;
import dev.samara.examples.trace.TraceHeader.Exec;
import dev.samara.examples.trace.TraceHeader.Fork;
import dev.samara.examples.trace.TraceHeader.Origin;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/** Reads the lines {@code <key> <value>...} at the top of a trace. For one trace. */
final class HeaderParser {
    private static final String FIRST_LINE = "vmtrace 1";
    private static final String BODY = "maps-begin ";

    private static final Set<String> KEYS = Set.of(
            "program", "mm", "origin", "exe", "argv", "kernel", "page-size", "start-brk", "brk", "start-stack", "tid");

    private final RecordedLines lines;
    private final Map<String, String> values = new HashMap<>();
    private final Map<Resource, Long> limits = new EnumMap<>(Resource.class);

    HeaderParser(RecordedLines lines) {
        this.lines = lines;
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
            } else if (!KEYS.contains(key)) {
                throw lines.fault("'" + key + "' is no known line of a header");
            } else if (values.put(key, value) != null) {
                throw lines.fault("'" + key + "' is given twice");
            }
            line = lines.require("its first snapshot");
        }
        lines.back();
        return header();
    }

    private TraceHeader header() throws InputException {
        if (number("page-size") != Geometry.LINUX_X86_64.pageSize()) {
            throw lines.fault("pages of " + value("page-size") + " bytes cannot be replayed");
        }
        int mm = count("mm", number("mm"));
        return new TraceHeader(
                value("program"),
                mm,
                origin(value("origin"), mm),
                Map.copyOf(limits),
                number("start-brk"),
                number("brk"),
                number("start-stack"),
                count("tid", number("tid")));
    }

    private Origin origin(String text, int mm) throws InputException {
        String[] words = text.split(" ", -1);
        if (words[0].equals("exec")) {
            return new Exec();
        }
        if (words[0].equals("fork") && words.length == 3) {
            int parent = count("parent-mm", after("parent-mm=", words[1]));
            if (parent >= mm) {
                throw lines.fault("the parent's number " + parent + " is not below its own, " + mm);
            }
            return new Fork(parent, after("parent-seq=", words[2]));
        }
        throw lines.fault("origin '" + text + "' is neither an exec nor a fork");
    }

    private void limit(String text) throws InputException {
        int space = text.indexOf(' ');
        try {
            limits.put(
                    Resource.valueOf(text.substring(0, Math.max(space, 0))),
                    parse("rlimit", text.substring(space + 1)));
        } catch (IllegalArgumentException e) {
            throw new InputException(lines.file(), lines.number(), "rlimit '" + text + "' is unknown", e);
        }
    }

    private String value(String key) throws InputException {
        String value = values.get(key);
        if (value == null) {
            throw lines.fault("the header lacks '" + key + "'");
        }
        return value;
    }

    private long number(String key) throws InputException {
        return parse(key, value(key));
    }

    private int count(String key, long value) throws InputException {
        if (value < 0 || value > Integer.MAX_VALUE) {
            throw lines.fault(key + " " + value + " is not in 0..2^31-1");
        }
        return (int) value;
    }

    private long after(String prefix, String word) throws InputException {
        if (!word.startsWith(prefix)) {
            throw lines.fault("'" + word + "' does not start with " + prefix);
        }
        return parse(prefix, word.substring(prefix.length()));
    }

    private long parse(String what, String text) throws InputException {
        try {
            return Notation.ABSOLUTE.parse(text);
        } catch (NumberFormatException e) {
            throw new InputException(lines.file(), lines.number(), what + " '" + text + "' is no number", e);
        }
    }
}
