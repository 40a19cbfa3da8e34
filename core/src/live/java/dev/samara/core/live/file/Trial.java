// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import static dev.samara.core.live.file.Places.PAGE;

import dev.samara.core.event.Report;
import dev.samara.core.internal.hostfile.FaultyChannels.ChannelCall;
import java.io.IOException;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** A run of one script on both sides, step by step. */
final class Trial {
    private static final long ENOSPC = -28;
    private static final long EIO = -5;
    private static final Set<Verb> SAVES = EnumSet.of(Verb.FSYNC, Verb.MSYNC, Verb.SYNC_RANGE);

    private final Arena arena;
    private final KernelSide kernel;
    private final LibrarySide library;
    private final OtherProgram other;
    private final World world = new World();
    private final Contents contents;
    private final List<Step> done = new ArrayList<>();
    private final boolean isWatched;
    private final Failures failures;
    private @Nullable Difference difference;

    /** The modifier of the next step; null for none. */
    private @Nullable Step modifier;

    /** The step with which the next step is concurrent; null for none. */
    private @Nullable Step outer;

    /** Whether a host call failed, in which case reports are allowed. */
    private boolean hasFailed;

    /** Whether the file system of the library's files is full, and whether it was full earlier. */
    private boolean isFull;

    private boolean wasFull;

    /** Whether a host call failed during this step. */
    private boolean didFail;

    Trial(Arena arena, Step settings) throws IOException {
        this.arena = arena;
        arena.reset();
        kernel = arena.kernel();
        library = new LibrarySide(arena.ours(), settings);
        other = arena.other();
        contents = new Contents(world, kernel, library);
        failures = new Failures(world, library);
        isWatched = settings.get(Kind.WATCHED) != 0;
        done.add(settings);
    }

    World world() {
        return world;
    }

    List<Step> done() {
        return done;
    }

    /** Executes a step on both sides, and compares them. Returns false after the first difference. */
    boolean run(Step step) {
        done.add(step);
        String found;
        boolean isThrown = false;
        try {
            found = switch (step.verb()) {
                case MACHINE -> "a second machine";
                case FAIL, BESIDE -> modify(step);
                case FILL -> fill(step);
                case EMPTY -> empty();
                case OTHER_WRITE, OTHER_APPEND, OTHER_TRUNCATE, OTHER_PUNCH -> runOther(step);
                case CREATE, LINK, SYMLINK, RENAME, UNLINK -> runNames(step);
                default -> runCall(step);
            };
            found = found != null ? found : sizes();
            if (found == null && (isWatched || step.verb() == Verb.CHECK)) {
                found = contents.compareAll();
                found = found != null ? found : sizes();
            }
        } catch (RuntimeException | IOException | AssertionError thrown) {
            isThrown = true;
            found = thrown + " at "
                    + List.of(thrown.getStackTrace()).subList(0, Math.min(6, thrown.getStackTrace().length));
        }
        if (found != null) {
            difference = new Difference(done, done.size() - 1, step + ": " + found, isThrown);
        }
        return found == null;
    }

    private @Nullable String runNames(Step step) {
        if (isFull) {
            return null;
        }
        List<Outcome> outcomes = other.run(step);
        Outcome theirs = outcomes.get(0);
        Outcome ours = outcomes.get(1);
        arena.met(step, theirs);
        return theirs.equals(ours) ? null : "the judge gets " + ours + " and " + theirs;
    }

    private @Nullable String runOther(Step step) {
        if (isFull) {
            return null;
        }
        Twin twin = world.twin(arena.inode(step.get(Kind.NAME)));
        int slot = twin == null ? -1 : world.slotOf(twin);
        boolean isUsed = twin != null && (world.isUsed(twin) || twin.isKept);
        if (twin != null) {
            // A write-back that checked the size before another program truncates the file would extend the file again.
            library.awaitEnds();
        }
        boolean isAnnounced = slot >= 0 && step.get(Kind.ANNOUNCED) != 0;
        if (isAnnounced) {
            library.announce(library.file(slot));
        }
        long before = twin == null ? 0 : twin.size();
        long known = twin == null ? 0 : isUsed ? twin.known() : twin.size();
        List<Outcome> outcomes = other.run(step);
        Outcome theirs = outcomes.get(0);
        Outcome ours = outcomes.get(1);
        arena.met(step, theirs);
        if (!theirs.equals(ours)) {
            return "the judge gets " + ours + " and " + theirs;
        }
        if (twin == null || theirs.isError()) {
            return null;
        }
        OtherChange change = OtherChange.of(step, theirs, before);
        if (isAnnounced || !isUsed) {
            twin.clear(change.from(), change.to());
            twin.everLoose(change.from(), change.to());
        } else {
            twin.loosen(change.from(), Math.min(change.to(), change.isCut() ? Long.MAX_VALUE : known));
            // The kernel also removes private copies of truncated pages; the library may never see the truncated size.
            long copies = change.isCut() ? (change.to() + PAGE - 1) / PAGE * PAGE : change.to();
            twin.everLoose(Math.min(known, change.from()), copies);
            twin.isStale = twin.known() != twin.size();
        }
        if (isAnnounced) {
            library.lookAgain(library.file(slot));
        }
        return null;
    }

    private @Nullable String fill(Step step) throws IOException {
        isFull = isFull || arena.fill(step.get(Kind.PAGES));
        return null;
    }

    /** Frees space, after which all acknowledged bytes can be saved; each open returns the earlier failure once. */
    private @Nullable String empty() throws IOException {
        if (!isFull) {
            return null;
        }
        arena.empty();
        isFull = false;
        wasFull = true;
        failures.tellAll(null, null);
        return null;
    }

    private @Nullable String modify(Step step) {
        modifier = step;
        return null;
    }

    private @Nullable String runCall(Step step) {
        Step first = outer;
        outer = null;
        if (first != null) {
            return Verbs.INNER.contains(step.verb()) && !isFull && !wasFull
                    ? runPair(first, step)
                    : both(runAlone(first), () -> runAlone(step));
        }
        Step with = modifier;
        if (with != null && with.verb() == Verb.BESIDE && Verbs.OUTER.contains(step.verb())) {
            outer = step;
            return null;
        }
        return runAlone(step);
    }

    private static @Nullable String both(@Nullable String found, Supplier<@Nullable String> other) {
        return found != null ? found : other.get();
    }

    /**
     * Executes a step, and another step during its first host call. The first step may or may not see the effect of the
     * other.
     */
    private @Nullable String runPair(Step first, Step step) {
        ChannelCall call = HostHook.kind(Objects.requireNonNull(modifier));
        modifier = null;
        if (isLeftOut(step)) {
            return runAlone(first);
        }
        Twin before = twin(step);
        boolean isOld = contents.isOld(step, before);
        Outcome theirFirst = kernel.run(first);
        Outcome theirs = kernel.run(step);
        library.hook().besideNext(call, () -> library.run(step));
        Outcome ourFirst = library.runBesideAnother(first);
        library.hook().end();
        Outcome ours = library.hook().besideResult();
        arena.met(first, theirFirst);
        arena.met(step, theirs);
        if (first.verb() != Verb.PREAD && !theirFirst.equals(ourFirst) && !mayBeTold(first, ourFirst)) {
            return "beside it " + first + ": the library gives " + ourFirst + ", the kernel " + theirFirst;
        }
        return judged(step, theirs, ours, isOld, before);
    }

    private @Nullable Twin twin(Step step) {
        return step.has(Kind.SLOT) ? world.at(step.number(Kind.SLOT)) : null;
    }

    private boolean isLeftOut(Step step) {
        Twin twin = twin(step);
        return twin != null && Allowed.isLeftOut(step, twin.size());
    }

    private @Nullable String runAlone(Step step) {
        Step with = modifier;
        modifier = null;
        didFail = false;
        if (isLeftOut(step) || (isFull && Verbs.LEFT_OUT_IF_FULL.contains(step.verb()))) {
            return null;
        }
        Twin before = twin(step);
        if (step.verb() == Verb.OPEN) {
            world.close(step.number(Kind.SLOT));
        }
        boolean isOld = contents.isOld(step, before);
        if (isFull || wasFull) {
            return runFull(step, isOld, before);
        }
        Outcome theirs = kernel.run(step);
        Outcome ours = with != null && with.verb() == Verb.FAIL ? failed(with, step) : library.run(step);
        arena.met(step, theirs);
        if (didFail && step.verb() == Verb.MMAP && before != null) {
            contents.unpopulated(step, before);
        }
        return judged(step, theirs, mayBeTold(step, ours) ? library.run(step) : ours, isOld, before);
    }

    /**
     * Returns whether a save may return an earlier failure: if a closed open did not return it, a mapping of this open,
     * or a later open, returns it once.
     */
    private boolean mayBeTold(Step step, Outcome ours) {
        return hasFailed && SAVES.contains(step.verb()) && (ours.result() == EIO || ours.result() == ENOSPC);
    }

    /**
     * Executes a step while the file system may be full; the kernel's file gets what the library acknowledged. Which
     * save returns the error for pages without space is not determined.
     */
    private @Nullable String runFull(Step step, boolean isOld, @Nullable Twin before) {
        Outcome ours = library.run(step);
        if (ours.result() == EIO && mayBeTold(step, ours)) {
            ours = library.run(step);
        }
        hasFailed = true;
        if (ours.result() == ENOSPC) {
            if (SAVES.contains(step.verb()) && !isFull) {
                ours = library.run(step);
            } else if (isFull) {
                kernelAfterRefusal(step);
                return null;
            }
        }
        boolean isShort = isFull
                && (step.verb() == Verb.PWRITE || step.verb() == Verb.APPEND)
                && ours.result() > 0
                && ours.result() < step.get(Kind.LENGTH);
        Step done = isShort ? step.with(step.verb().kinds().indexOf(Kind.LENGTH), ours.result()) : step;
        Outcome theirs = kernel.run(done);
        arena.met(done, theirs);
        if (!world.twins().isEmpty()) {
            world.twins().forEach(twin -> twin.isKept = true);
        }
        return judged(done, theirs, ours, isOld, before);
    }

    /**
     * Adapts the kernel's side to a step that was refused for lack of space. Such a step changed nothing, unless it is
     * an open.
     */
    private void kernelAfterRefusal(Step step) {
        if (step.verb() == Verb.OPEN) {
            kernel.close(step.number(Kind.SLOT));
        }
    }

    private Outcome failed(Step failure, Step step) {
        // The creation of a new file cannot be repeated.
        boolean isRepeated = step.verb() != Verb.OPEN || !OpenMode.of(step).isCreatingNew();
        if (!isRepeated) {
            return library.run(step);
        }
        Outcome outcome = failures.run(failure, step);
        didFail = failures.didFail();
        hasFailed |= didFail;
        for (Twin twin : world.twins()) {
            twin.isKept = true;
        }
        return outcome;
    }

    private @Nullable String judged(Step step, Outcome theirs, Outcome ours, boolean isOld, @Nullable Twin before) {
        String found = theirs.equals(ours) ? null : contents.explain(step, theirs, ours, isOld, before);
        if (found != null) {
            return found + "the library gives " + ours + ", the kernel " + theirs;
        }
        if (step.verb() == Verb.STORE && theirs.isError() && !ours.isError()) {
            contents.storedOnlyHere(step);
        }
        if (step.verb() == Verb.MADVISE && theirs.isError() && !theirs.equals(ours)) {
            contents.removedOnlyHere(step);
        }
        return step.verb() == Verb.OPEN ? opened(step, theirs, ours) : contents.after(step, theirs, before);
    }

    private @Nullable String opened(Step step, Outcome theirs, Outcome ours) {
        int slot = step.number(Kind.SLOT);
        if (theirs.isError() || ours.isError()) {
            kernel.close(slot);
            library.close(slot);
            return theirs.isError() || ours.isError() ? null : "one is open";
        }
        String name = Names.of(step.get(Kind.NAME));
        world.open(
                slot,
                kernel.inode(slot),
                OpenMode.of(step).isWriting(),
                inode -> arena.twin(inode, name, library.file(slot)));
        Twin twin = Objects.requireNonNull(world.at(slot));
        twin.file = library.file(slot);
        twin.isKept = false;
        return twin.known() == twin.size() ? null : "an open knows " + twin.known() + " of " + twin.size();
    }

    /** Compares the sizes of all files on the host, and in the library unless it need not know a size yet. */
    private @Nullable String sizes() {
        for (Twin twin : world.twins()) {
            long size = twin.size();
            if (twin.hostSize() != size) {
                return "the host's file has " + twin.hostSize() + " bytes, the kernel's " + size;
            }
            if (!world.isUsed(twin)) {
                twin.isStale = false;
            } else if (twin.known() == size) {
                twin.settled(size);
            } else if (!twin.isStale) {
                return "the library knows " + twin.known() + " bytes of " + size + ", and the host's file has so many";
            }
        }
        return null;
    }

    /** Ends the script, which saves all files. Returns the difference. */
    @Nullable
    Difference end() {
        List<Report> reports;
        try {
            arena.empty();
            kernel.end();
            reports = library.end();
        } catch (RuntimeException | IOException | AssertionError thrown) {
            return difference != null ? difference : new Difference(done, done.size(), "the end: " + thrown, true);
        }
        if (difference == null) {
            String found = reports.isEmpty() || hasFailed ? null : reports.toString();
            for (Twin twin : world.twins()) {
                long at = twin.firstDifference(0, Long.MAX_VALUE);
                found = found != null || at < 0
                        ? found
                        : "the byte " + at + " of the host's file of the library, page " + at / PAGE
                                + ", is another one";
                twin.close();
            }
            difference = found == null ? null : new Difference(done, done.size(), "the end: " + found, false);
        } else {
            world.twins().forEach(Twin::close);
        }
        return difference;
    }

    /** Runs a script, whose first step creates a machine. Returns the difference. */
    static @Nullable Difference run(Arena arena, List<Step> script) throws IOException {
        Trial trial = new Trial(arena, script.get(0));
        boolean isSame = true;
        for (int i = 1; i < script.size() && isSame; i++) {
            isSame = trial.run(script.get(i));
        }
        return trial.end();
    }
}
