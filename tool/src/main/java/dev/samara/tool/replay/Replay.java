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
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import dev.samara.tool.access.CpuPlan;
import dev.samara.tool.record.FileIdentity;
import dev.samara.tool.record.FileReport;
import dev.samara.tool.record.InputException;
import dev.samara.tool.record.MemoryCall;
import dev.samara.tool.record.MemoryCall.Brk;
import dev.samara.tool.record.MemoryCall.Direct;
import dev.samara.tool.record.MemoryCall.Foreign;
import dev.samara.tool.record.MemoryCall.LimitChange;
import dev.samara.tool.record.MemoryCall.Mmap;
import dev.samara.tool.record.MemoryCall.Mprotect;
import dev.samara.tool.record.MemoryCall.Mremap;
import dev.samara.tool.record.MemoryCall.Shmat;
import dev.samara.tool.record.Notation;
import dev.samara.tool.record.Outcome;
import dev.samara.tool.record.Rights;
import dev.samara.tool.trace.Event;
import dev.samara.tool.trace.FlagsLine;
import dev.samara.tool.trace.KernelSnapshot;
import dev.samara.tool.trace.MapsLine;
import dev.samara.tool.trace.Span;
import dev.samara.tool.trace.Trace;
import dev.samara.tool.trace.TraceEntry;
import dev.samara.tool.trace.TraceFolder;
import dev.samara.tool.trace.TraceHeader;
import dev.samara.tool.trace.TracedCall;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.agrona.collections.Int2ObjectHashMap;
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

    /**
     * Makes the calls of one trace in one space, and updates the {@link UnknownAccounting} of the pages that they
     * affect.
     */
    static final class CallMaker {
        private final AddressSpace space;
        private final PlacementSource source;
        private final Opens opens;
        private final OpenModes modes;
        private final UnknownAccounting unknown;

        CallMaker(AddressSpace space, PlacementSource source, Opens opens, OpenModes modes, UnknownAccounting unknown) {
            this.space = space;
            this.source = source;
            this.opens = opens;
            this.modes = modes;
            this.unknown = unknown;
        }

        /** Returns the address that the kernel used for a call, which may differ from the argument. */
        static long placeOf(TracedCall operation) {
            Outcome outcome = operation.outcome();
            return operation.call().returnsAddress() && !outcome.failed()
                    ? outcome.value()
                    : operation.call().address();
        }

        /** Makes a call. Returns a value or a negated error number. */
        long perform(TracedCall operation) {
            MemoryCall call = operation.call();
            if (call instanceof Mmap mmap) {
                return map(operation, mmap);
            }
            if (call instanceof Mremap mremap) {
                return remap(operation.outcome(), mremap);
            }
            if (call instanceof Shmat shmat) {
                long address =
                        isPlacedByTrace(operation.outcome(), shmat.address()) ? placeOf(operation) : shmat.address();
                return space.shmat(opens.segment(shmat), address, shmat.flags());
            }
            if (call instanceof Mprotect mprotect) {
                return protect(mprotect);
            }
            long result = ((Direct) call).perform(space);
            if (call instanceof Brk) {
                unknown.brkIs(result);
            }
            return result;
        }

        private long map(TracedCall operation, Mmap call) {
            long address = call.address();
            int flags = call.flags();
            if ((flags & (Mman.FIXED | Mman.FIXED_NOREPLACE)) == 0 && isPlacedByTrace(operation.outcome(), 0)) {
                address = placeOf(operation);
                flags |= Mman.FIXED_NOREPLACE;
                // The kernel validated the flags already. With the type SHARED_VALIDATE, the library would reject the
                // flag added above as unknown.
                if ((flags & Mman.TYPE) == Mman.SHARED_VALIDATE) {
                    flags = (flags & ~Mman.TYPE) | Mman.SHARED;
                }
            }
            long result = space.mmap(
                    address, call.length(), call.protection(), flags, backing(operation, call), call.offset());
            if (!Errno.isError(result)) {
                unknown.mapped(result, call.length());
            }
            return result;
        }

        private @Nullable Backing backing(TracedCall operation, Mmap call) {
            FileIdentity file = call.file();
            if (file == null || (call.flags() & Mman.ANONYMOUS) != 0) {
                return null;
            }
            Outcome outcome = operation.outcome();
            // Also true for SHARED_VALIDATE, which contains the bit of SHARED.
            boolean readOnly = (call.flags() & Mman.SHARED) != 0
                    && (call.protection() & Mman.WRITE) == 0
                    && !outcome.failed()
                    && modes.isReadOnly(operation.sequence(), call, file, outcome.value());
            return opens.file(call.descriptor(), file, outcome.failed() ? -1 : call.fileSize(), readOnly);
        }

        private long remap(Outcome outcome, Mremap call) {
            LayoutSnapshot before = space.snapshot();
            int flags = call.flags();
            long newAddress = call.newAddress();
            boolean moved = !outcome.failed() && outcome.value() != call.address();
            if (moved && (flags & Mman.MREMAP_FIXED) == 0 && isPlacedByTrace(outcome, 0)) {
                newAddress = outcome.value();
                flags |= Mman.MAYMOVE | Mman.MREMAP_FIXED;
                if (!isFree(before, newAddress, call.newLength())) {
                    return Errno.EEXIST.result();
                }
            }
            long result = space.mremap(call.address(), call.oldLength(), call.newLength(), flags, newAddress);
            unknown.remapped(call, before, result);
            return result;
        }

        private long protect(Mprotect call) {
            LayoutSnapshot before = space.snapshot();
            long result = call.perform(space);
            unknown.protectedPages(call, before, space.snapshot());
            return result;
        }

        private boolean isPlacedByTrace(Outcome outcome, long wanted) {
            return source == PlacementSource.TRACE && !outcome.failed() && wanted == 0;
        }

        /**
         * Returns whether a range is free. This is checked because a fixed mremap would replace mappings there, which
         * the kernel cannot have done when it chose the address.
         */
        private static boolean isFree(LayoutSnapshot layout, long start, long length) {
            long end = start + Geometry.LINUX_X86_64.roundUp(length);
            for (Vma vma : layout.vmas()) {
                if ((vma.start() >= start && vma.start() < end) || vma.contains(start)) {
                    return false;
                }
            }
            return true;
        }
    }

    /**
     * The limits of the processes that run in one space.
     *
     * <p>A limit belongs to a process. A child of vfork runs in its parent's memory, but has separate limits. So before
     * each call, the limits of the calling process are set in the space.
     */
    static final class ProcessLimits {
        private static final long NO_LIMIT = -1;

        private final AddressSpace space;
        private final Map<Resource, Long> first;
        private final Int2ObjectHashMap<Map<Resource, Long>> othersByThread = new Int2ObjectHashMap<>();
        private Map<Resource, Long> current;

        /** Starts with the process of the trace's first thread, whose limits the space already has. */
        ProcessLimits(AddressSpace space, Map<Resource, Long> limits) {
            this.space = space;
            first = new EnumMap<>(Resource.class);
            first.putAll(limits);
            current = first;
        }

        /** Called when a thread or a process was created. */
        void born(Event birth) {
            Map<Resource, Long> parent = of(birth.thread());
            if (birth.sharesOnlyMemory()) {
                othersByThread.put(birth.child(), new EnumMap<>(parent));
            } else if (parent != first) {
                othersByThread.put(birth.child(), parent);
            }
        }

        /** Called before each replayed call. Sets the limits of the calling thread's process in the space. */
        void runs(int thread) {
            Map<Resource, Long> limits = of(thread);
            if (limits != current) {
                current = limits;
                for (Resource resource : Resource.values()) {
                    space.setLimit(resource, limits.getOrDefault(resource, NO_LIMIT));
                }
            }
        }

        /** Sets a limit of the process of the thread that was passed to {@link #runs}. */
        void set(Resource resource, long limit) {
            current.put(resource, limit);
            space.setLimit(resource, limit);
        }

        private Map<Resource, Long> of(int thread) {
            return othersByThread.isEmpty() ? first : othersByThread.getOrDefault(thread, first);
        }
    }

    /**
     * Compares a snapshot with a layout, page by page. The boundaries of VMAs are ignored, because some merges depend
     * on which pages of anonymous memory were touched, and a trace does not contain this.
     */
    static final class SnapshotComparison {
        /** The flags that have a name, so that a snapshot can show them. */
        private static final long NAMED = VmaFlags.parse(VmaFlags.format(-1L));

        private static final String NOTHING = "nothing";

        private final FileReport report;
        private final KernelSnapshot kernel;
        private final String what;
        private final List<Vma> vmas;
        private final SharedObjects objects;
        private final UnknownAccounting unknown;

        /**
         * Prepares a comparison.
         *
         * @param report receives each difference
         * @param kernel the kernel's snapshot
         * @param what the name of the comparison in a difference
         * @param layout the library's layout
         * @param objects the known pairs of shared objects; the comparison adds further pairs
         * @param unknown the pages whose flag {@code ac} is unknown
         */
        SnapshotComparison(
                FileReport report,
                KernelSnapshot kernel,
                String what,
                LayoutSnapshot layout,
                SharedObjects objects,
                UnknownAccounting unknown) {
            this.report = report;
            this.kernel = kernel;
            this.what = what;
            this.vmas = layout.vmas();
            this.objects = objects;
            this.unknown = unknown;
        }

        /** Compares everything that the snapshot shows. */
        void run() {
            walk(kernel.maps(), true, this::compareMapping);
            if (!kernel.flags().isEmpty()) {
                walk(kernel.flags(), !coverAlike(kernel.maps(), kernel.flags()), this::compareFlags);
            }
        }

        /** Compares the pages in {@code [start, end)}, which are in one line and in one VMA. */
        private interface SpanComparison<S extends Span> {
            void compare(long start, long end, S line, Vma vma);
        }

        /**
         * Splits the lines and the VMAs into ranges that are in one line and one VMA. A range that is only in a line,
         * or only in a VMA, is a difference.
         */
        private <S extends Span> void walk(List<S> lines, boolean coverage, SpanComparison<S> pair) {
            long at = 0;
            int i = 0;
            int j = 0;
            while (i < lines.size() || j < vmas.size()) {
                S line = i < lines.size() ? lines.get(i) : null;
                Vma vma = j < vmas.size() ? vmas.get(j) : null;
                long lineStart = line == null ? -1L : higher(at, line.start());
                long vmaStart = vma == null ? -1L : higher(at, vma.start());
                long start = lower(lineStart, vmaStart);
                boolean inLine = line != null && lineStart == start;
                boolean inVma = vma != null && vmaStart == start;
                long lineEdge = line == null ? -1L : inLine ? line.end() : lineStart;
                long vmaEdge = vma == null ? -1L : inVma ? vma.end() : vmaStart;
                long end = lower(lineEdge, vmaEdge);
                if (inLine && inVma) {
                    pair.compare(start, end, Objects.requireNonNull(line), Objects.requireNonNull(vma));
                } else if (coverage && line != null && inLine) {
                    differs(line.line(), start, end, describe(line), NOTHING);
                } else if (coverage && vma != null) {
                    differs(kernel.line(), start, end, NOTHING, describe(vma, start));
                }
                at = end;
                i += inLine && end == lineEdge ? 1 : 0;
                j += inVma && end == vmaEdge ? 1 : 0;
            }
        }

        private void compareMapping(long start, long end, MapsLine line, Vma vma) {
            if (line.rights() != (vma.flags() & Rights.MASK)
                    || !objects.isShownBy(line, vma.backing())
                    || line.offsetAt(start) != offset(vma, start)) {
                differs(line.line(), start, end, describe(line, start), describe(vma, start));
            }
        }

        private void compareFlags(long start, long end, FlagsLine line, Vma vma) {
            long wrong = (line.flags() ^ vma.flags()) & NAMED;
            boolean open = wrong == VmaFlags.ACCOUNT
                    && UnknownAccounting.isPrivateAnonymous(vma)
                    && unknown.contains(start, end);
            if (wrong != 0 && !open) {
                differs(line.line(), start, end, VmaFlags.format(line.flags()), VmaFlags.format(vma.flags()));
            }
        }

        private void differs(int line, long start, long end, String kernelText, String samaraText) {
            String range = String.format(Locale.ROOT, "%s %x-%x", what, start, end);
            report.differs(line, range, kernelText, samaraText);
        }

        /**
         * Returns whether flags were recorded for exactly the ranges of the maps. In that case the comparison of the
         * maps already reported missing ranges.
         */
        private static boolean coverAlike(List<MapsLine> maps, List<FlagsLine> flags) {
            if (maps.size() != flags.size()) {
                return false;
            }
            for (int i = 0; i < maps.size(); i++) {
                if (maps.get(i).start() != flags.get(i).start()
                        || maps.get(i).end() != flags.get(i).end()) {
                    return false;
                }
            }
            return true;
        }

        private static long offset(Vma vma, long start) {
            return vma.backing() == null
                    ? 0
                    : (vma.pageOffset() << Geometry.LINUX_X86_64.pageShift()) + (start - vma.start());
        }

        private static String describe(Span span) {
            return span instanceof MapsLine line
                    ? describe(line, line.start())
                    : VmaFlags.format(((FlagsLine) span).flags());
        }

        private static String describe(MapsLine line, long start) {
            return describe(line.rights(), line.offsetAt(start), line.major(), line.minor(), line.inode());
        }

        private static String describe(Vma vma, long start) {
            Backing backing = vma.backing();
            return backing == null
                    ? describe(vma.flags(), 0, 0, 0, 0)
                    : describe(vma.flags(), offset(vma, start), backing.major(), backing.minor(), backing.inode());
        }

        private static String describe(long flags, long offset, int major, int minor, long inode) {
            return String.format(
                    Locale.ROOT,
                    "%s %08x %02x:%02x %s",
                    Rights.format(flags),
                    offset,
                    major,
                    minor,
                    Long.toUnsignedString(inode));
        }

        private static long lower(long one, long other) {
            return Long.compareUnsigned(one, other) <= 0 ? one : other;
        }

        private static long higher(long one, long other) {
            return Long.compareUnsigned(one, other) >= 0 ? one : other;
        }
    }
}
