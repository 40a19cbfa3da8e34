// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.replay;

import dev.samara.core.AddressSpace;
import dev.samara.core.AddressSpaceBuilder;
import dev.samara.core.LayoutSnapshot;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.ProcMaps;
import dev.samara.core.mman.Capability;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import dev.samara.tool.access.CpuPlan;
import dev.samara.tool.record.FileReport;
import dev.samara.tool.record.InputException;
import dev.samara.tool.record.MemoryCall;
import dev.samara.tool.record.MemoryCall.Foreign;
import dev.samara.tool.record.MemoryCall.LimitChange;
import dev.samara.tool.record.Notation;
import dev.samara.tool.record.Outcome;
import dev.samara.tool.trace.Event;
import dev.samara.tool.trace.FlagsLine;
import dev.samara.tool.trace.KernelSnapshot;
import dev.samara.tool.trace.MapsLine;
import dev.samara.tool.trace.Trace;
import dev.samara.tool.trace.TraceEntry;
import dev.samara.tool.trace.TraceFolder;
import dev.samara.tool.trace.TraceHeader;
import dev.samara.tool.trace.TracedCall;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The replay of one trace, i.e. of all operations of one address space. Not thread-safe. */
final class Replay {
    private static final String STACK = "[stack]";

    private final Trace trace;
    private final FileReport report;
    private final ReplayWatch watch;
    private final ReplayedSpace state;
    private final CallMaker executor;
    private final ProcessLimits limits;
    private ReplayCheck.@Nullable OfSpace check;
    private final @Nullable Touching touching;
    private int next;

    /**
     * Loads the first snapshot into a new space.
     *
     * @param trace the trace to replay
     * @param family the traces of the same directory
     * @param source who chooses the addresses of mappings that may be placed anywhere
     * @param touches the CPUs that access the mapped memory, or null if it is not accessed
     * @param inherited the library's fork of the parent, or null if there is none
     * @param report receives each difference
     * @param watch is notified of the progress of the replay
     * @throws InputException if the first snapshot is not a valid layout
     */
    Replay(
            Trace trace,
            TraceFolder family,
            PlacementSource source,
            @Nullable CpuPlan touches,
            @Nullable ReplayedSpace inherited,
            FileReport report,
            ReplayWatch watch)
            throws InputException {
        this.trace = trace;
        this.report = report;
        this.watch = watch;
        TraceHeader header = trace.header();
        MachineBuilder builder = Machine.builder();
        Machine machine =
                (touches == null ? builder : builder.memory(Touching.memory()).memoryPiece(Touching.PIECE)).build();
        Opens opens = new Opens(trace, touches == null ? null : machine);
        AddressSpace space = load(trace, family, machine, opens);
        watch.begins(trace.file(), space);
        touching = touches == null ? null : new Touching(space, report, touches);
        SharedObjects objects = new SharedObjects();
        UnknownAccounting unknown = inherited == null ? new UnknownAccounting(header.brk()) : inherited.unknown();
        state = new ReplayedSpace(space, objects, unknown);
        executor = new CallMaker(space, source, opens, new OpenModes(trace, family), unknown);
        limits = new ProcessLimits(space, header.limits());
        if (inherited != null) {
            growStack(trace.start(), inherited.space());
            compare(trace.start(), "fork of the parent:", inherited);
        }
        compare(trace.start(), "snapshot " + trace.start().reason() + ":", state);
        touchEverything(trace.start());
    }

    private static AddressSpace load(Trace trace, TraceFolder family, Machine machine, Opens opens)
            throws InputException {
        TraceHeader header = trace.header();
        KernelSnapshot start = trace.start();
        // The recorded programs were run by a privileged user, so the space gets all privileges.
        AddressSpaceBuilder space = machine.space(Geometry.LINUX_X86_64)
                .grant(Capability.IPC_LOCK, Capability.SYS_RAWIO)
                .stack(header.startStack());
        for (Resource resource : Resource.values()) {
            space.limit(resource, limit(header, resource));
        }
        // The base for placement was fixed when the program was executed. A later change of the stack limit does not
        // change it.
        TraceHeader executed = family.executed(header);
        space.limit(Resource.STACK, limit(executed == null ? header : executed, Resource.STACK));
        try {
            List<Vma> vmas = ProcMaps.parse(
                    Geometry.LINUX_X86_64,
                    start.maps().stream().map(MapsLine::text).toList(),
                    start.flags().stream().map(FlagsLine::text).toList(),
                    opens::loaded);
            AddressSpace loaded =
                    space.heap(header.startBrk(), header.brk()).load(vmas).build();
            loaded.setLimit(Resource.STACK, limit(header, Resource.STACK));
            return loaded;
        } catch (IllegalArgumentException e) {
            String message = "the first snapshot describes no layout: " + e.getMessage();
            throw new InputException(trace.file(), start.line(), message, e);
        }
    }

    private static long limit(TraceHeader header, Resource resource) {
        return header.limits().getOrDefault(resource, -1L);
    }

    private void touchEverything(KernelSnapshot snapshot) {
        if (touching != null) {
            touching.everything(snapshot.line());
        }
    }

    /** Returns the space and the additional knowledge about it. */
    ReplayedSpace state() {
        return state;
    }

    /** Makes the replay report each later operation to a check. */
    void checkedBy(ReplayCheck.OfSpace ofSpace) {
        check = ofSpace;
    }

    /** Replays everything before the operation or event with a sequence number. */
    void runTo(long sequence) {
        List<TraceEntry> entries = trace.entries();
        while (next < entries.size() && entries.get(next).sequence() < sequence) {
            step(entries.get(next));
            next++;
        }
    }

    /** Replays the rest. */
    void runToEnd() {
        runTo(Long.MAX_VALUE);
    }

    /** Releases the CPUs that access memory. Called when nothing more of the trace will be replayed. */
    void stop() {
        if (touching != null) {
            touching.close();
            state.space().close();
        }
        watch.ends();
    }

    private void step(TraceEntry entry) {
        if (entry instanceof TracedCall operation) {
            report.countOperation();
            watch.performs();
            perform(operation);
        } else if (entry instanceof KernelSnapshot snapshot) {
            growStack(snapshot, state.space());
            compare(snapshot, "snapshot " + snapshot.sequence() + " (" + snapshot.reason() + "):", state);
            touchEverything(snapshot);
        } else if (entry instanceof Event event
                && (event.kind() == Event.Kind.THREAD || event.kind() == Event.Kind.VFORK)) {
            limits.born(event);
        }
    }

    private void perform(TracedCall operation) {
        MemoryCall call = operation.call();
        Outcome outcome = operation.outcome();
        if (outcome.neverTookPlace()) {
            return;
        }
        limits.runs(operation.thread());
        if (call instanceof Foreign foreign) {
            if (!outcome.failed() && foreign.changesLayout()) {
                report.differs(
                        operation.line(), operation.text(), outcome.text(), "does not support " + foreign.name());
            }
        } else if (call instanceof LimitChange change) {
            if (change.resource() != null && change.limit() != null && change.own() && !outcome.failed()) {
                limits.set(change.resource(), change.limit());
            }
        } else {
            long result = watched(operation);
            if (touching != null) {
                touching.around(
                        call.returnsAddress() && !Errno.isError(result) ? result : call.address(), operation.line());
            }
            if (!outcome.matches(result)) {
                String text = Outcome.format(result, call.returnsAddress(), Notation.ABSOLUTE);
                report.differs(operation.line(), operation.text(), outcome.text(), text);
            }
        }
    }

    private long watched(TracedCall operation) {
        ReplayCheck.OfSpace ofSpace = check;
        if (ofSpace == null) {
            return executor.perform(operation);
        }
        ofSpace.begins(operation.line(), CallMaker.placeOf(operation));
        long result = executor.perform(operation);
        ofSpace.ends(state.space().snapshot());
        return result;
    }

    /** Grows the stack to its size in a snapshot, because faults may have grown it. */
    private void growStack(KernelSnapshot snapshot, AddressSpace space) {
        Vma stack = space.find(trace.header().startStack());
        for (MapsLine line : snapshot.maps()) {
            if (stack != null
                    && stack.has(VmaFlags.GROWSDOWN)
                    && line.name().equals(STACK)
                    && line.start() < stack.start()) {
                growStackTo(line, stack.start(), space);
            }
        }
    }

    private void growStackTo(MapsLine line, long oldStart, AddressSpace space) {
        ReplayCheck.OfSpace ofSpace = space == state.space() ? check : null;
        if (ofSpace != null) {
            ofSpace.begins(line.line(), line.start());
        }
        long result = space.growStack(line.start());
        if (ofSpace != null) {
            ofSpace.ends(space.snapshot());
        }
        state.unknown().mapped(line.start(), oldStart - line.start());
        if (result != 0) {
            report.differs(
                    line.line(),
                    "growth of the stack by faults",
                    Notation.ABSOLUTE.address(line.start()),
                    Outcome.format(result, false, Notation.ABSOLUTE));
        }
    }

    private void compare(KernelSnapshot snapshot, String what, ReplayedSpace ours) {
        LayoutSnapshot layout = ours.space().snapshot();
        new SnapshotComparison(report, snapshot, what, layout, ours.objects(), ours.unknown()).run();
    }
}
