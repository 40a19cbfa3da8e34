// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.trace;

import dev.samara.tool.record.InputException;
import dev.samara.tool.trace.TraceHeader.CopyOf;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** The traces of one directory, by their headers. Finds the parents and children of a trace. Immutable. */
public final class TraceFolder {
    private final Map<TraceKey, Trace> starts;

    private record TraceKey(String program, int mm) {}

    private TraceFolder(Map<TraceKey, Trace> starts) {
        this.starts = starts;
    }

    /**
     * Reads the headers of the traces of a directory.
     *
     * @param files traces of one directory
     * @return the family
     */
    public static TraceFolder of(List<Path> files) {
        Map<TraceKey, Trace> starts = new HashMap<>();
        for (Path file : files) {
            Trace start = readable(file);
            if (start != null) {
                starts.putIfAbsent(
                        new TraceKey(start.header().program(), start.header().mm()), start);
            }
        }
        return new TraceFolder(starts);
    }

    /**
     * Reads the start of a trace. Returns null for an unreadable file, which then has no parent or children. A replay
     * of that file reports the error.
     */
    private static @Nullable Trace readable(Path file) {
        try {
            return TraceParser.parseStart(file);
        } catch (InputException unreadable) {
            return null;
        }
    }

    /**
     * Sorts files in the order of their replay, in which each parent is before its children.
     *
     * @param files some files of this directory
     * @return the files by program and number; unreadable files are last
     */
    public List<Path> inOrder(List<Path> files) {
        Map<Path, TraceHeader> headers = new HashMap<>();
        starts.values().forEach(start -> headers.put(start.file(), start.header()));
        Comparator<TraceHeader> byNumber =
                Comparator.comparing(TraceHeader::program).thenComparingInt(TraceHeader::mm);
        return files.stream()
                .sorted(Comparator.<Path, @Nullable TraceHeader>comparing(headers::get, Comparator.nullsLast(byNumber))
                        .thenComparing(Comparator.naturalOrder()))
                .toList();
    }

    /**
     * Returns the start of the trace of an address space of one run.
     *
     * @param header any trace of the run
     * @param mm the number of the space
     * @return its header and first snapshot, or null if it is not in this directory
     */
    public @Nullable Trace start(TraceHeader header, int mm) {
        return starts.get(new TraceKey(header.program(), mm));
    }

    /**
     * Returns the start of the trace of the space from which a space was copied.
     *
     * @param header the header of the copy
     * @return the parent, or null if there is none or it is not in this directory
     */
    public @Nullable Trace parent(TraceHeader header) {
        return header.origin() instanceof CopyOf fork ? start(header, fork.parent()) : null;
    }

    /**
     * Finds the last program that was executed before a space was created. If the space is not a copy, this is its own
     * program. Otherwise it is the program of the nearest ancestor that is not a copy.
     *
     * @param header any trace
     * @return the header of that ancestor's trace, or null if a trace on the way there is not in this directory
     */
    public @Nullable TraceHeader executed(TraceHeader header) {
        TraceHeader ancestor = header;
        while (ancestor.origin() instanceof CopyOf fork) {
            Trace start = start(ancestor, fork.parent());
            if (start == null) {
                return null;
            }
            ancestor = start.header();
        }
        return ancestor;
    }

    /**
     * Returns the starts of the traces of a space's copies.
     *
     * @param header the header of the parent
     * @param wanted the files to consider
     * @return the wanted children, in the order in which they were copied
     */
    public List<Trace> children(TraceHeader header, Predicate<Path> wanted) {
        List<Trace> children = new ArrayList<>();
        for (Trace start : starts.values()) {
            if (wanted.test(start.file())
                    && start.header().program().equals(header.program())
                    && start.header().origin() instanceof CopyOf fork
                    && fork.parent() == header.mm()) {
                children.add(start);
            }
        }
        children.sort(Comparator.comparingLong(child -> ((CopyOf) child.header().origin()).sequence()));
        return children;
    }
}
