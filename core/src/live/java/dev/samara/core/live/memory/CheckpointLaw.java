// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import dev.samara.core.AddressSpace;
import dev.samara.core.Checkpoint;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.MachineStatistics;
import dev.samara.core.internal.vma.VmArea.AnonVma;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Executes a script with checkpoints, and checks their law: a restore brings back the state of the checkpoint, and the
 * same steps after it have the same results and lead to the same states again. Used by one thread.
 *
 * <p>What a restore does not bring back by its contract stays as it is: while a checkpoint is open, a script neither
 * changes files, shared memory, limits, privileges and seals, nor ends a process that has a checkpoint.
 */
final class CheckpointLaw implements AutoCloseable {
    /** The advice to remove pages from a file. */
    private static final long REMOVE = 9;

    private static final int ORDERS = 3;
    private static final String LEFT_OUT = "left out";

    private final LawScript script;
    private final Machine machine;
    private final Cpu cpu;
    private final Place place;
    private final LibraryRun library;
    private final MachineStatistics atStart;
    private final long committedAtStart;

    /** The steps that led to the current state, with what they gave. */
    private final List<Entry> history = new ArrayList<>();

    /** The open checkpoints, the oldest first. */
    private final List<Mark> marks = new ArrayList<>();

    /** A step that was executed; {@code mark} is the checkpoint that it made or closed. */
    private record Entry(
            LawStep step,
            String result,
            List<String> state,
            @Nullable Mark mark) {}

    /**
     * What a mapping remembers of private pages that were stored into it, like the {@code anon_vma} of the kernel, and
     * of guards. Later merges, charges and refusals depend on it. A restore does not make a mapping forget.
     */
    private record Memory(@Nullable AnonVma anonVma, boolean mayHaveGuards) {}

    /** A checkpoint of each process, and the state at that time. */
    private static final class Mark {
        final Map<Integer, Checkpoint> checkpoints = new TreeMap<>();
        final int nextProcess;
        final int position;
        final List<String> picture;

        /** What each mapping remembers. */
        List<Memory> memories;

        /** Whether the steps since the checkpoint include a restore after which mappings remembered more. */
        boolean isOtherStart;

        /** Whether an older checkpoint was closed since, which freed some frames. */
        boolean hasFewerFrames;

        /** Whether that one may have kept pages that were moved, and are shared with it until its end. */
        boolean hasMoves;

        Mark(int nextProcess, int position, List<String> picture, List<Memory> memories) {
            this.memories = memories;
            this.nextProcess = nextProcess;
            this.position = position;
            this.picture = picture;
        }

        /** Returns what a restore brings back of a state. */
        List<String> comparable(List<String> state) {
            // Without the frames of the closed checkpoint, pages that processes share may have become exclusive.
            boolean isShared = hasMoves
                    || state.stream()
                                    .filter(line -> line.startsWith("process "))
                                    .count()
                            > 1;
            return !hasFewerFrames
                    ? state
                    : state.stream()
                            .filter(line -> !line.startsWith("frames ")
                                    && !(isShared && (line.startsWith("amounts ") || line.startsWith("page "))))
                            .toList();
        }
    }

    /** The law was broken. */
    private static final class BrokenException extends Exception {
        private static final long serialVersionUID = 1;

        private final transient LawDifference difference;

        BrokenException(LawDifference difference) {
            super(difference.kind());
            this.difference = difference;
        }
    }

    /** Begins a script, whose steps the caller then performs. */
    CheckpointLaw(LawScript script, Machine machine, Cpu cpu) {
        this.script = script;
        this.machine = machine;
        this.cpu = cpu;
        place = new MadePlace(script.world());
        quiesce();
        atStart = machine.statistics();
        committedAtStart = machine.committed();
        library = new LibraryRun(place, 0, machine, cpu);
    }

    LibraryRun library() {
        return library;
    }

    int openCheckpoints() {
        return marks.size();
    }

    /** Returns the name of the errno or fault of the last operation, {@code out} if it was left out, or {@code ok}. */
    String lastResult() {
        String result = history.isEmpty() ? "" : history.get(history.size() - 1).result;
        return result.equals(LEFT_OUT) ? "out" : new Outcome(result, List.of()).error();
    }

    /** Waits until frames that nothing uses are free. */
    private void quiesce() {
        try {
            machine.awaitQuiescence();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(interrupted);
        }
    }

    /** Performs a step. Returns what breaks the law, or null if nothing does. */
    @Nullable
    LawDifference perform(int index, LawStep step) {
        try {
            Mark mark = step.back() < marks.size() ? marks.get(marks.size() - 1 - step.back()) : null;
            if (step.kind() == LawStep.Kind.OPERATION || step.kind() == LawStep.Kind.TAKE) {
                history.add(execute(step));
            } else if (mark != null && step.kind() == LawStep.Kind.CLOSE) {
                history.add(close(mark));
            } else if (mark != null) {
                restore(index, mark, step.kind() == LawStep.Kind.RETURN);
            }
            return null;
        } catch (BrokenException broken) {
            return broken.difference;
        } catch (RuntimeException | AssertionError thrown) {
            return new LawDifference(
                    script,
                    index,
                    step.name() + " throws " + thrown.getClass().getSimpleName(),
                    List.of(),
                    trace(thrown));
        }
    }

    private static List<String> trace(Throwable thrown) {
        List<String> lines = new ArrayList<>(List.of(thrown.toString()));
        for (StackTraceElement element : thrown.getStackTrace()) {
            if (lines.size() < 12) {
                lines.add("at " + element);
            }
        }
        return lines;
    }

    /** Executes an operation, or makes checkpoints. */
    private Entry execute(LawStep step) {
        if (step.kind() == LawStep.Kind.TAKE) {
            return new Entry(step, "", List.of(), take());
        }
        Operation operation = step.named();
        AddressSpace space = library.processes().get(operation.process());
        String result = space == null || isOut(operation, space) ? LEFT_OUT : result(operation, space);
        return new Entry(step, result, state(), null);
    }

    private String result(Operation operation, AddressSpace space) {
        String result;
        try {
            result = library.result(operation, space);
        } catch (MmException refused) {
            result = String.valueOf(refused.getMessage());
        }
        boolean isUnknown =
                isOfPages(operation) && (!script.has(LawScript.WITHOUT_ZERO_PAGE) || mapsObjects(operation, space));
        return isUnknown ? new Outcome(result, List.of()).error() : result;
    }

    private static boolean isOfPages(Operation operation) {
        return operation.verb() == Verb.PAGEMAP || operation.verb() == Verb.SCAN;
    }

    /** Returns whether a query includes pages of files or shared memory, whose presence is not brought back. */
    private static boolean mapsObjects(Operation operation, AddressSpace space) {
        long start = operation.argument(0);
        long end = operation.verb() == Verb.SCAN
                ? operation.argument(1)
                : start + operation.argument(1) * KernelWorld.GEOMETRY.pageSize();
        return space.snapshot().vmas().stream()
                .anyMatch(vma -> vma.backing() != null
                        && Long.compareUnsigned(vma.start(), end) < 0
                        && Long.compareUnsigned(start, vma.end()) < 0);
    }

    private List<String> state() {
        LibraryState state = new LibraryState(place, script.has(LawScript.TOUCHES) ? Script.CONTENTS : 0, cpu);
        List<String> states = new ArrayList<>();
        library.processes().forEach((number, space) -> states.add(state.state(number, space)));
        return states;
    }

    /** Returns whether an operation changes what a restore does not bring back. */
    private boolean isOut(Operation operation, AddressSpace space) {
        // A restore refuses to change a sealed mapping, even one that was sealed before the checkpoint. A removed
        // segment
        // ends with its last attachment, but a mapping that a checkpoint keeps is attached after its end, too.
        if (operation.verb() == Verb.MSEAL || operation.verb() == Verb.SHM_REMOVE) {
            return true;
        }
        // The pages of such a mapping may go at any time, and so may those that a checkpoint keeps of it.
        if (operation.verb() == Verb.MMAP && (operation.argument(3) & Mman.TYPE) == Mman.DROPPABLE) {
            return true;
        }
        if (marks.isEmpty()) {
            return false;
        }
        return switch (operation.verb()) {
            case LIMIT, PRIVILEGES, MDWE, SHM_LOCK, SHM_UNLOCK, PWRITE, TRUNCATE, PUNCH, SEAL -> true;
            case EXIT -> operation.process() < marks.get(marks.size() - 1).nextProcess;
            case STORE, FORCED_WRITE -> isShared(space, operation.argument(operation.verb() == Verb.STORE ? 1 : 0));
            case MADVISE -> operation.argument(2) == REMOVE;
            default -> false;
        };
    }

    private static boolean isShared(AddressSpace space, long address) {
        for (Vma vma : space.snapshot().vmas()) {
            if (vma.has(VmaFlags.MAYSHARE)
                    && Long.compareUnsigned(vma.start(), address + Long.BYTES) < 0
                    && Long.compareUnsigned(address, vma.end()) < 0) {
                return true;
            }
        }
        return false;
    }

    private List<String> picture() {
        quiesce();
        return LawPicture.of(place, library.processes(), machine);
    }

    private Mark take() {
        library.processes().values().forEach(CheckpointLaw::faultInLocked);
        Mark mark = new Mark(library.nextProcess(), history.size() + 1, picture(), memories());
        library.processes().forEach((number, space) -> mark.checkpoints.put(number, space.checkpoint()));
        marks.add(mark);
        return mark;
    }

    /**
     * Faults in the locked mappings, as a restore does if it maps them again. Not every lock does so, e.g. that of a
     * range with a hole.
     */
    private static void faultInLocked(AddressSpace space) {
        for (Vma vma : space.snapshot().vmas()) {
            if (vma.has(VmaFlags.LOCKED) && !vma.has(VmaFlags.LOCKONFAULT)) {
                // Pages that cannot be read are not faulted in by a restore, either.
                long ignored = space.madvise(vma.start(), vma.length(), Mman.POPULATE_READ);
            }
        }
    }

    private List<Memory> memories() {
        List<Memory> memories = new ArrayList<>();
        for (AddressSpace space : library.processes().values()) {
            MachineInternals.layoutOf(space)
                    .snapshot()
                    .forEach(
                            0,
                            -1L,
                            (first, last, vma) ->
                                    memories.add(new Memory(vma.anonVma(), vma.has(VmaFlags.MAYBE_GUARD))));
        }
        return memories;
    }

    private Entry close(Mark mark) {
        mark.checkpoints.values().forEach(Checkpoint::close);
        int index = marks.indexOf(mark);
        marks.remove(index);
        boolean hasMoves = history.stream()
                .anyMatch(each -> each.step.kind() == LawStep.Kind.OPERATION
                        && each.step.named().verb() == Verb.MREMAP);
        marks.subList(index, marks.size()).forEach(younger -> {
            younger.hasFewerFrames = true;
            younger.hasMoves |= hasMoves;
        });
        return new Entry(new LawStep(LawStep.Kind.CLOSE, 0, null), "", List.of(), mark);
    }

    private void restore(int index, Mark mark, boolean repeats) throws BrokenException {
        boolean isSameStart;
        do {
            List<String> atEnd = picture();
            List<Entry> since = List.copyOf(history.subList(mark.position, history.size()));
            isSameStart = restore(index, mark, since.size());
            // A checkpoint that is older than the restored one stays closed, so it was closed before what is repeated.
            since.stream().filter(each -> closesOlder(each, mark)).forEach(history::add);
            if (repeats) {
                repeat(index, mark, since, isSameStart);
            }
            if (repeats && isSameStart) {
                check(index, "repeated", mark.comparable(atEnd), mark.comparable(picture()));
            }
        } while (repeats && !isSameStart);
    }

    private static boolean closesOlder(Entry entry, Mark than) {
        return entry.step.kind() == LawStep.Kind.CLOSE && entry.mark != null && entry.mark.position < than.position;
    }

    /** Restores, and checks the state. Returns whether the steps since the checkpoint will do the same again. */
    private boolean restore(int index, Mark mark, int steps) throws BrokenException {
        history.subList(mark.position, history.size()).clear();
        if (steps % 2 == 0) {
            library.endFrom(mark.nextProcess);
        }
        mark.checkpoints.values().forEach(Checkpoint::restore);
        library.endFrom(mark.nextProcess);
        int at = marks.indexOf(mark);
        marks.subList(at + 1, marks.size()).clear();
        check(index, "restored", mark.comparable(mark.picture), mark.comparable(picture()));
        List<Memory> memories = memories();
        boolean isSameStart = !mark.isOtherStart;
        for (int i = 0; i < memories.size(); i++) {
            if (mark.memories.get(i).anonVma != null && memories.get(i).anonVma == null) {
                throw broken(index, "restored without anon_vma", List.of(), List.of("mapping " + i));
            }
            isSameStart &= mark.memories.get(i).equals(memories.get(i));
        }
        mark.isOtherStart = false;
        mark.memories = memories;
        if (!isSameStart) {
            marks.subList(0, at).forEach(older -> older.isOtherStart = true);
        }
        return isSameStart;
    }

    /** Repeats steps, and compares what they give if they started in the same state. */
    private void repeat(int index, Mark mark, List<Entry> since, boolean isCompared) throws BrokenException {
        IdentityHashMap<Mark, Mark> made = new IdentityHashMap<>();
        for (Entry before : since) {
            LawStep step = before.step;
            if (step.kind() == LawStep.Kind.CLOSE) {
                Mark closed = made.get(before.mark);
                if (closed != null) {
                    history.add(close(closed));
                }
                continue;
            }
            Entry after = execute(step);
            history.add(after);
            if (before.mark != null && after.mark != null) {
                made.put(before.mark, after.mark);
            }
            if (isCompared) {
                compare(index, mark, before, after);
            }
        }
    }

    private void compare(int index, Mark mark, Entry before, Entry after) throws BrokenException {
        if (before.mark != null && after.mark != null) {
            check(index, "repeated take", mark.comparable(before.mark.picture), mark.comparable(after.mark.picture));
        }
        String name = before.step.name();
        if (!before.result.equals(after.result)) {
            String text = before.step.text(place.base()) + " gives ";
            throw broken(index, "repeated " + name, List.of(text + before.result), List.of(text + after.result));
        }
        if (!before.state.equals(after.state)) {
            throw broken(index, "state after repeated " + name, lines(before.state), lines(after.state));
        }
    }

    private BrokenException broken(int index, String kind, List<String> expected, List<String> found) {
        return new BrokenException(new LawDifference(script, index, kind, expected, found));
    }

    private static List<String> lines(List<String> states) {
        return states.stream().flatMap(String::lines).toList();
    }

    private void check(int index, String when, List<String> expected, List<String> found) throws BrokenException {
        for (int i = 0; i < Math.max(expected.size(), found.size()); i++) {
            String before = i < expected.size() ? expected.get(i) : "end";
            String after = i < found.size() ? found.get(i) : "end";
            if (!before.equals(after)) {
                String what = expected.size() > i ? before : after;
                throw broken(index, when + " " + what.split(" ", -1)[0], expected, found);
            }
        }
    }

    /** Ends the script after its last step. Returns what is left over, or null if nothing is. */
    @Nullable
    LawDifference end(int index) {
        try {
            int order = history.size() % ORDERS;
            List<Mark> open = List.copyOf(marks);
            if (order == 0) {
                open.forEach(this::close);
            } else if (order == 1) {
                for (int i = open.size() - 1; i >= 0; i--) {
                    close(open.get(i));
                }
            }
            library.close();
            open.forEach(mark -> mark.checkpoints.values().forEach(Checkpoint::close));
            quiesce();
        } catch (RuntimeException | AssertionError thrown) {
            return new LawDifference(
                    script, index, "end throws " + thrown.getClass().getSimpleName(), List.of(), trace(thrown));
        }
        List<String> before = left(atStart, committedAtStart);
        List<String> after = left(machine.statistics(), machine.committed());
        return before.equals(after) ? null : new LawDifference(script, index, "left at the end", before, after);
    }

    private static List<String> left(MachineStatistics statistics, long committed) {
        return List.of(
                "frames " + statistics.framesInUse(),
                "tables " + statistics.pageTableBytes(),
                "pins " + statistics.pins(),
                "committed " + committed);
    }

    @Override
    public void close() {
        library.close();
    }
}
