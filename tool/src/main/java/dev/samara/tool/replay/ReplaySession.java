// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.replay;

import dev.samara.core.LayoutSnapshot;
import dev.samara.tool.access.CpuPlan;
import dev.samara.tool.record.FileReport;
import dev.samara.tool.record.InputException;
import dev.samara.tool.trace.Trace;
import dev.samara.tool.trace.TraceFolder;
import dev.samara.tool.trace.TraceHeader.CopyOf;
import dev.samara.tool.trace.TraceParser;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Replays the files of a run, parents before their children. Not thread-safe. */
public final class ReplaySession {
    private final PlacementSource source;
    private final @Nullable CpuPlan touches;
    private final @Nullable ReplayCheck check;
    private final Set<Path> wanted;
    private final ReplayWatch watch;

    /** The library's forks, by the file of the child to which each belongs. */
    private final Map<Path, ReplayedSpace> forks = new HashMap<>();

    /**
     * The files whose replay was started, but not completed, because they are malformed or caused an exception in the
     * library.
     */
    private final Set<Path> unfinished = new HashSet<>();

    /**
     * Prepares a session.
     *
     * @param source who chooses the addresses of mappings that may be placed anywhere
     * @param touches the CPUs that access the mapped memory, or null if it is not accessed
     * @param check a further check of each space, or null for none
     * @param wanted the files that will be replayed
     * @param watch is notified of the progress of the session
     */
    public ReplaySession(
            PlacementSource source,
            @Nullable CpuPlan touches,
            @Nullable ReplayCheck check,
            Set<Path> wanted,
            ReplayWatch watch) {
        this.source = source;
        this.touches = touches;
        this.check = check;
        this.wanted = Set.copyOf(wanted);
        this.watch = watch;
    }

    /**
     * Replays one file.
     *
     * @param file the file
     * @param family the traces of the same directory
     * @return the findings
     * @throws InputException if the file, or the trace of its parent, cannot be read
     */
    public FileReport replay(Path file, TraceFolder family) throws InputException {
        unfinished.add(file);
        Trace trace = TraceParser.parse(file);
        FileReport report = new FileReport(file);
        Replay replay = new Replay(trace, family, source, touches, inherited(trace, family), report, watch);
        if (check == null) {
            run(replay, trace, family);
        } else {
            try (ReplayCheck.OfSpace ofSpace = check.begin(replay.state().space(), report)) {
                replay.checkedBy(ofSpace);
                run(replay, trace, family);
                ofSpace.finish();
            }
        }
        replay.stop();
        unfinished.remove(file);
        return report;
    }

    /**
     * Returns the layout of a trace at a sequence number.
     *
     * @param file the trace
     * @param family the traces of the same directory
     * @param sequence the sequence number of the operation or event before which the replay stops
     * @return the layout
     * @throws InputException if the trace cannot be read
     */
    public static LayoutSnapshot layoutAt(Path file, TraceFolder family, long sequence) throws InputException {
        Trace trace = TraceParser.parse(file);
        Replay replay =
                new Replay(trace, family, PlacementSource.TRACE, null, null, new FileReport(file), new ReplayWatch());
        replay.runTo(sequence);
        return replay.state().space().snapshot();
    }

    /** Replays a trace, and forks the space at each point at which a wanted child was copied. */
    private void run(Replay replay, Trace trace, TraceFolder family) {
        for (Trace child : family.children(trace.header(), wanted::contains)) {
            replay.runTo(((CopyOf) child.header().origin()).sequence());
            forks.put(child.file(), replay.state().fork());
        }
        replay.runToEnd();
    }

    /**
     * Returns the library's fork of the parent. If the parent is not replayed in this session, it is replayed now,
     * without a report.
     */
    private @Nullable ReplayedSpace inherited(Trace trace, TraceFolder family) throws InputException {
        ReplayedSpace fork = forks.remove(trace.file());
        if (fork != null || !(trace.header().origin() instanceof CopyOf origin)) {
            return fork;
        }
        Trace start = family.parent(trace.header());
        // A parent that failed was already reported. Its children are checked without their parent.
        if (start == null || unfinished.contains(start.file())) {
            return null;
        }
        unfinished.add(start.file());
        Trace parent = TraceParser.parse(start.file());
        ReplayedSpace grandparents = inherited(parent, family);
        FileReport unheard = new FileReport(parent.file());
        Replay replay = new Replay(parent, family, source, touches, grandparents, unheard, watch);
        replay.runTo(origin.sequence());
        unfinished.remove(start.file());
        ReplayedSpace child = replay.state().fork();
        replay.stop();
        return child;
    }
}
