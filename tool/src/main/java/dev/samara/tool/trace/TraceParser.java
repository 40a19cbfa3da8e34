// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.trace;

import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import dev.samara.tool.record.CallParser;
import dev.samara.tool.record.Fields;
import dev.samara.tool.record.HeaderValues;
import dev.samara.tool.record.InputException;
import dev.samara.tool.record.MemoryCall;
import dev.samara.tool.record.Notation;
import dev.samara.tool.record.RecordedLines;
import dev.samara.tool.trace.Event.Kind;
import dev.samara.tool.trace.TraceHeader.CopyOf;
import dev.samara.tool.trace.TraceHeader.Exec;
import dev.samara.tool.trace.TraceHeader.TraceOrigin;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Reads the body of a trace: operations, events and snapshots, up to its end. */
public final class TraceParser {
    private static final String END = "end ";
    private static final Set<String> ENDS = Set.of("exit", "exec", "truncated", "vanished");

    private static final int SEQUENCE = 1;
    private static final int THREAD = 2;
    private static final int NAME = 3;

    /** The maximum heap size in bytes of a line, without its characters. */
    private static final int LINE_BYTES = 400;

    private final RecordedLines lines;
    private long lastSequence = -1;

    /** How many bytes of the heap further lines may take. */
    private long room;

    private TraceParser(RecordedLines lines, long room) {
        this.lines = lines;
        this.room = room;
    }

    /**
     * Returns half of the heap size, which limits a trace, because a few compressed bytes can expand to lines that fill
     * the heap.
     */
    private static long halfOfHeap() {
        return Runtime.getRuntime().maxMemory() / 2;
    }

    /**
     * Reads a whole trace.
     *
     * @param file the file
     * @return the trace
     * @throws InputException if the file cannot be read or is malformed, or if the trace would take more than half of
     *     the heap
     */
    public static Trace parse(Path file) throws InputException {
        return parse(file, halfOfHeap());
    }

    /** Reads a whole trace, which may take at most {@code room} bytes of the heap. */
    static Trace parse(Path file, long room) throws InputException {
        try (RecordedLines lines = RecordedLines.open(file)) {
            TraceHeader header = new HeaderParser(lines).read();
            return new TraceParser(lines, room).body(header);
        }
    }

    /**
     * Reads the start of a trace.
     *
     * @param file the file
     * @return the header and the first snapshot, without entries
     * @throws InputException if this part of the file cannot be read or is malformed, or if it would take more than
     *     half of the heap
     */
    public static Trace parseStart(Path file) throws InputException {
        try (RecordedLines lines = RecordedLines.open(file)) {
            TraceHeader header = new HeaderParser(lines).read();
            return new Trace(file, header, new TraceParser(lines, halfOfHeap()).start(), List.of());
        }
    }

    private KernelSnapshot start() throws InputException {
        KernelSnapshot start = snapshot(nextLine().split(" ", -1));
        if (start.flags().isEmpty()) {
            throw lines.fault("the first snapshot has no flags");
        }
        return start;
    }

    private Trace body(TraceHeader header) throws InputException {
        KernelSnapshot start = start();
        List<TraceEntry> entries = new ArrayList<>();
        String line = nextLine();
        while (!line.startsWith(END)) {
            entries.add(entry(line));
            line = nextLine();
        }
        if (!ENDS.contains(line.substring(END.length()))) {
            throw lines.fault("'" + line + "' is no known end");
        }
        if (lines.next() != null) {
            throw lines.fault("there is more after the end");
        }
        return new Trace(lines.file(), header, start, List.copyOf(entries));
    }

    private String nextLine() throws InputException {
        return kept(lines.require("its 'end' line"));
    }

    private TraceEntry entry(String line) throws InputException {
        String[] words = line.split(" ", -1);
        return switch (words[0]) {
            case "op" -> operation(line, words);
            case "ev" -> event(words);
            case "maps-begin" -> snapshot(words);
            default -> throw lines.fault("'" + words[0] + "' begins no known line");
        };
    }

    private TracedCall operation(String line, String[] words) throws InputException {
        Fields fields = Fields.ofCall(lines, Notation.ABSOLUTE, words, NAME);
        long sequence = orderedSequence(words);
        MemoryCall call = CallParser.parse(fields);
        int begin = words[0].length() + words[SEQUENCE].length() + words[THREAD].length() + NAME;
        String text = line.substring(begin, line.lastIndexOf(" = "));
        return new TracedCall(lines.number(), sequence, thread(words), call, fields.outcome(), text);
    }

    private Event event(String[] words) throws InputException {
        Fields fields = Fields.ofEvent(lines, words, NAME);
        long sequence = orderedSequence(words);
        Kind kind = kind(fields.name());
        boolean birth = kind == Kind.FORK || kind == Kind.THREAD || kind == Kind.VFORK;
        return new Event(
                lines.number(),
                sequence,
                thread(words),
                kind,
                birth ? fields.count("child") : 0,
                kind == Kind.FORK ? fields.count("child-mm") : 0,
                birth ? fields.number("flags") : 0);
    }

    private Kind kind(String name) throws InputException {
        return switch (name) {
            case "fork" -> Kind.FORK;
            case "thread" -> Kind.THREAD;
            case "vfork" -> Kind.VFORK;
            case "exec-enter" -> Kind.EXEC_ENTER;
            case "exec-ok" -> Kind.EXEC_OK;
            case "exit" -> Kind.EXIT;
            default -> throw lines.fault("event '" + name + "' is unknown");
        };
    }

    private KernelSnapshot snapshot(String[] words) throws InputException {
        if (words.length != NAME || !words[0].equals("maps-begin")) {
            throw lines.fault("a snapshot must begin with 'maps-begin <seq> <reason>'");
        }
        int begin = lines.number();
        long sequence = decimal(words[SEQUENCE]);
        List<MapsLine> maps = new ArrayList<>();
        List<FlagsLine> flags = new ArrayList<>();
        try {
            for (String line = block(); !line.equals("maps-end"); line = block()) {
                add(maps, MapsLine.parse(lines.number(), line));
            }
            String next = block();
            if (next.startsWith("flags-begin ")) {
                for (String line = block(); !line.equals("flags-end"); line = block()) {
                    add(flags, FlagsLine.parse(lines.number(), line));
                }
            } else {
                lines.back();
            }
        } catch (IllegalArgumentException e) {
            throw new InputException(lines.file(), lines.number(), String.valueOf(e.getMessage()), e);
        }
        return new KernelSnapshot(begin, sequence, words[2], List.copyOf(maps), List.copyOf(flags));
    }

    private static <S extends Span> void add(List<S> spans, S span) {
        if (!spans.isEmpty()
                && Long.compareUnsigned(
                                span.start(), spans.get(spans.size() - 1).end())
                        < 0) {
            throw new IllegalArgumentException("the range begins before the one above it ends");
        }
        spans.add(span);
    }

    private String block() throws InputException {
        return kept(lines.require("the end of its snapshot"));
    }

    /** Counts the memory for a line of which the trace keeps a part. */
    private String kept(String line) throws InputException {
        room -= LINE_BYTES + 2L * line.length();
        if (room < 0) {
            throw lines.fault("the trace up to here takes half of the heap: give it a larger one (-Xmx)");
        }
        return line;
    }

    private long orderedSequence(String[] words) throws InputException {
        long sequence = decimal(words[SEQUENCE]);
        if (sequence <= lastSequence) {
            throw lines.fault("number " + sequence + " does not follow " + lastSequence);
        }
        lastSequence = sequence;
        return sequence;
    }

    private int thread(String[] words) throws InputException {
        long thread = decimal(words[THREAD]);
        if (thread < 0 || thread > Integer.MAX_VALUE) {
            throw lines.fault("thread number " + thread + " is not in 0..2^31-1");
        }
        return (int) thread;
    }

    private long decimal(String word) throws InputException {
        try {
            return Long.parseLong(word);
        } catch (NumberFormatException e) {
            throw new InputException(lines.file(), lines.number(), "'" + word + "' is no decimal number", e);
        }
    }

    /** Reads the lines {@code <key> <value>...} at the top of one trace. */
    static final class HeaderParser {
        private static final String FIRST_LINE = "vmtrace 1";
        private static final String BODY = "maps-begin ";

        private static final Set<String> KEYS = Set.of(
                "program",
                "mm",
                "origin",
                "exe",
                "argv",
                "kernel",
                "page-size",
                "start-brk",
                "brk",
                "start-stack",
                "tid");

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
}
