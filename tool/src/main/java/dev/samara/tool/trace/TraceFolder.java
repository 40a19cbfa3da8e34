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

/** The traces of one folder, by their headers: finds parents and children. Immutable. */
public final class TraceFolder {
    private final Map<TraceKey, Trace> starts;

    private record TraceKey(String program, int mm) {}

    private TraceFolder(Map<TraceKey, Trace> starts) {
        this.starts = starts;
    }

    /**
     * Reads the headers of the traces of a folder.
     *
     * @param files traces of one folder
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
     * Reads the start of a trace, or returns null: an unreadable file has no relatives. A replay of that file reports
     * the error.
     */
    private static @Nullable Trace readable(Path file) {
        try {
            return TraceParser.parseStart(file);
        } catch (InputException unreadable) {
            return null;
        }
    }

    /**
     * Sorts files in the order of their replay: each parent before its children.
     *
     * @param files some of this folder's files
     * @return the files by program and number, unreadable ones last
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
     * @return its header and first snapshot, or null if it is not in this folder
     */
    public @Nullable Trace start(TraceHeader header, int mm) {
        return starts.get(new TraceKey(header.program(), mm));
    }

    /**
     * Returns the start of the trace of the space that a space was copied from.
     *
     * @param header the copy
     * @return the parent, or null if it is not in this folder or there is none
     */
    public @Nullable Trace parent(TraceHeader header) {
        return header.origin() instanceof CopyOf fork ? start(header, fork.parent()) : null;
    }

    /**
     * Finds the last program that was executed before a space began. For a space that is no copy, that is its own
     * program; for a copy, that of the nearest ancestor that is no copy.
     *
     * @param header any trace
     * @return the header of that ancestor's trace, or null if some trace on the way there is not in this folder
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
     * @param header the parent
     * @param wanted the files to consider
     * @return the wanted ones, in the order in which they were copied
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
