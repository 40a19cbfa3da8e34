// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import static dev.samara.core.live.file.Kind.SLOT;

import dev.samara.core.live.file.AckOpen.Owed;
import dev.samara.core.mman.Mman;
import dev.samara.interleave.failure.HostFault;
import dev.samara.interleave.failure.HostFault.HostCall;
import dev.samara.interleave.failure.HostFault.Way;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A run of a script by the library, in which one host call fails, is short or is interrupted. The run is compared with
 * a model of the acknowledged state ({@link AckModel}), and with the results of the run in which all calls succeed:
 *
 * <ol>
 *   <li><b>Results.</b> A step without a failure returns the same result as in the run without faults. This also
 *       applies to a step whose host call was short, or whose thread was interrupted; the interrupt flag stays set.
 *   <li><b>Failures.</b> The step in which a failure occurs returns it, with the host's errno, or the failure is
 *       {@linkplain AckOpen.Owed owed}. A step that returns the failure changed nothing except what its result reports;
 *       while it punches a hole, any of the hole's bytes may already be zero. If the step is repeated, it returns the
 *       rest of the result of the run without faults.
 *   <li><b>Memory.</b> Each read, and each load from a shared mapping, returns the bytes that were acknowledged last,
 *       even after all evictable pages were evicted. A page stays dirty until it is saved.
 *   <li><b>Saves.</b> When {@code fsync}, {@code msync} with {@code MS_SYNC}, the last close or the close of the
 *       machine succeeds, the device contains all bytes of the file, or of the range.
 *   <li><b>Errors.</b> Each open of the file returns the failure of a write-back or a force once, from its next save. A
 *       later open returns it if no other open did. A save returns no other failure.
 *   <li><b>The last close</b> reports its failure once, and the file stays in memory with its pages. No other step
 *       sends a report.
 *   <li><b>Size.</b> After each step, the host file has the acknowledged size.
 *   <li><b>Rest.</b> At the end, no channel, file in the table, charged page, frame or pin is left.
 * </ol>
 */
final class FaultTrial {
    /** The steps that may be in a script. Changes by another program are always announced. */
    private static final Set<Verb> VERBS = Set.of(
            Verb.MACHINE,
            Verb.OPEN,
            Verb.CLOSE,
            Verb.PREAD,
            Verb.PWRITE,
            Verb.APPEND,
            Verb.TRUNCATE,
            Verb.GROW,
            Verb.PUNCH,
            Verb.FSYNC,
            Verb.SYNC_RANGE,
            Verb.REVALIDATE,
            Verb.MMAP,
            Verb.MUNMAP,
            Verb.MPROTECT,
            Verb.LOAD,
            Verb.STORE,
            Verb.MADVISE,
            Verb.MSYNC,
            Verb.OTHER_APPEND,
            Verb.OTHER_TRUNCATE,
            Verb.EVICT);

    private static final Outcome DONE = Outcome.of(0);
    private static final int WAITS = Mman.WAIT_BEFORE | Mman.WAIT_AFTER;

    private final HostFault fault;
    private final LibrarySide library;
    private final AckModel model;
    private final AckChecks checks;

    /** Whether the machine is closed before its files. */
    private final boolean endsOpen;

    private boolean isMet;

    FaultTrial(Path folder, Step settings, HostFault fault) throws IOException {
        this.fault = fault;
        MemoryDisk disk = new MemoryDisk(folder, fault);
        library = new LibrarySide(folder, settings, new HostHook(), disk);
        model = new AckModel(disk);
        checks = new AckChecks(fault, library, model, settings.get(Kind.FORCED) != 0);
        endsOpen = settings.get(Kind.WATCHED) != 0;
    }

    Scene scene() {
        return model;
    }

    /** Returns whether a step can be in a script. */
    static boolean isPossible(Step step) {
        return VERBS.contains(step.verb())
                && !(step.has(Kind.NAME) && step.get(Kind.NAME) >= Names.FILES)
                && !(step.verb() == Verb.OTHER_TRUNCATE && step.get(Kind.SIZE) > MemoryDisk.MOST);
    }

    /**
     * Executes a step, and retries the rest of it after a failure. Returns its result.
     *
     * @param expected the result without a fault; null if it is not known
     */
    Outcome run(Step step, @Nullable Outcome expected) {
        if (step.verb() == Verb.OPEN && model.at(step.number(SLOT)) != null) {
            make(Step.of(Verb.CLOSE, step.get(SLOT)), DONE);
        }
        Outcome outcome = step.verb().isOther() ? other(step) : make(step, expected);
        checks.sizes();
        return outcome;
    }

    private Outcome make(Step step, @Nullable Outcome expected) {
        Outcome outcome = made(step);
        boolean isNow = !isMet && fault.met() != null;
        isMet |= isNow;
        if (isNow && fault.way().isThrown()) {
            return failed(step, outcome, expected == null ? outcome : expected);
        }
        Outcome last = judge(step, outcome, expected);
        model.apply(step, last);
        checks.noReport();
        checks.ended();
        return last;
    }

    private Outcome made(Step step) {
        boolean wasMet = fault.met() != null;
        Outcome outcome = library.run(step);
        if (step.verb() == Verb.OPEN && !outcome.isError()) {
            Objects.requireNonNull(model.file(Names.of(step.get(Kind.NAME)))).library = library.file(step.number(SLOT));
        } else if (step.verb() == Verb.EVICT) {
            checks.evict();
        }
        boolean isInterrupted = Thread.interrupted();
        quiesce();
        boolean isMetNow = !wasMet && fault.isMetHere() && fault.way() == Way.INTERRUPTED;
        if (isInterrupted != isMetNow) {
            throw new AssertionError("the thread is " + (isInterrupted ? "" : "not ") + "interrupted");
        }
        return outcome;
    }

    private void quiesce() {
        try {
            library.machine().awaitQuiescence();
        } catch (InterruptedException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** Checks a step without a failure. Returns its result, or the result of its retry if it returned an error. */
    private Outcome judge(Step step, Outcome outcome, @Nullable Outcome expected) {
        boolean isSave = isSave(step);
        if (isSave && expected != null && outcome.isError() && !outcome.equals(expected)) {
            told(step, outcome);
            return judge(step, made(step), expected);
        }
        if (expected != null) {
            requireSame(step, outcome, expected);
        }
        if (outcome.isError()) {
            return outcome;
        }
        if (isSave) {
            model.savers(step).forEach(open -> open.file.silent(open));
            checks.saved(step);
        } else if (step.verb() == Verb.PREAD) {
            AckOpen open = Objects.requireNonNull(model.at(step.number(SLOT)));
            open.file.shown(step.get(Kind.OFFSET), library.lastRead(), (int) outcome.result());
        } else if (step.verb() == Verb.LOAD) {
            model.loaded(step, outcome.seen());
        }
        return outcome;
    }

    /**
     * Returns whether two results agree. A loaded value is not compared, because bytes beyond end of file, and private
     * copies of them, may depend on evictions.
     */
    private static boolean isSame(Step step, Outcome outcome, Outcome expected) {
        boolean isLoaded = step.verb() == Verb.LOAD && !outcome.isError();
        return isLoaded ? outcome.result() == expected.result() : outcome.equals(expected);
    }

    private static void requireSame(Step step, Outcome outcome, Outcome expected) {
        if (!isSame(step, outcome, expected)) {
            throw new AssertionError("returns " + outcome + ", and without a fault " + expected);
        }
    }

    private static boolean isSave(Step step) {
        return switch (step.verb()) {
            case FSYNC -> true;
            case MSYNC -> (step.get(Kind.FLAGS) & Mman.SYNC) != 0;
            case SYNC_RANGE -> (step.get(Kind.FLAGS) & WAITS) != 0;
            default -> false;
        };
    }

    /** Checks that the failure that a save returned was owed. */
    private void told(Step step, Outcome outcome) {
        for (AckOpen open : model.savers(step)) {
            if (open.owed != Owed.NOTHING) {
                checks.errno(outcome);
                open.file.told(open);
                return;
            }
        }
        throw new AssertionError("returns " + outcome + ", which it is not owed");
    }

    /** Checks a step during which a host call failed, and executes the rest of it. */
    private Outcome failed(Step step, Outcome outcome, Outcome expected) {
        AckFile file = Objects.requireNonNull(model.file(Objects.requireNonNull(fault.met())));
        model.apply(step, outcome);
        checks.lost(file);
        if (checks.isReported() || (!file.isUsed() && !isOpenOf(step, file))) {
            checks.reported(file);
            requireSame(step, outcome, expected);
            checks.ended();
            return outcome;
        }
        if (isSame(step, outcome, expected)) {
            file.failed(owed(step, outcome, file));
            checks.ended();
            return outcome;
        }
        if (outcome.isError()) {
            checks.errno(outcome);
        }
        if (isSave(step)) {
            file.failed(Owed.AN_ERROR);
            told(step, outcome);
        }
        if (step.verb() != Verb.REVALIDATE) {
            checks.sizes();
            checks.look(file);
        }
        Outcome all = rest(step, outcome, expected);
        checks.look(file);
        return all;
    }

    /** Returns whether a step opens a file; the file is not used if the open failed. */
    private static boolean isOpenOf(Step step, AckFile file) {
        return step.verb() == Verb.OPEN && Names.of(step.get(Kind.NAME)).equals(file.name);
    }

    /** Returns which error the opens of a file must still return after a failure that a step did not return. */
    private Owed owed(Step step, Outcome outcome, AckFile file) {
        boolean isLook = fault.call() == HostCall.OPEN || fault.call() == HostCall.SIZE;
        if (isLook && isOpenOf(step, file)) {
            throw new AssertionError("opens a file that cannot be looked at");
        }
        boolean isWrite = fault.call() == HostCall.WRITE || fault.call() == HostCall.FORCE;
        boolean tells =
                isSave(step) && (step.verb() != Verb.SYNC_RANGE || (step.get(Kind.FLAGS) & Mman.WAIT_AFTER) != 0);
        if (isWrite && tells && model.savers(step).stream().anyMatch(open -> open.file == file)) {
            throw new AssertionError("returns " + outcome + ", and a call of the host has failed");
        }
        // A write of one byte that is cut off wrote its byte.
        boolean isWhole = fault.way() == Way.CUT_OFF && (step.verb() == Verb.PWRITE || step.verb() == Verb.APPEND);
        return isWrite && !isWhole ? Owed.AN_ERROR : fault.call() == HostCall.CLOSE ? Owed.NOTHING : Owed.PERHAPS;
    }

    /** Executes the rest of a failed step. Returns the combined result. */
    private Outcome rest(Step step, Outcome outcome, Outcome expected) {
        boolean isShort = (step.verb() == Verb.PWRITE || step.verb() == Verb.APPEND) && outcome.result() > 0;
        boolean isCreated = step.verb() == Verb.OPEN && model.file(Names.of(step.get(Kind.NAME))) != null;
        Step again = isShort
                ? restOf(step, outcome.result())
                : isCreated ? step.with(2, OpenMode.of(step).ofExisting().number()) : step;
        // A msync of mappings of two opens returns the failure once for each of them.
        Outcome second = isSave(step) ? judge(again, made(again), expected) : made(again);
        Outcome both = !isShort || second.isError()
                ? second
                : new Outcome(
                        outcome.result() + second.result(),
                        step.verb() == Verb.APPEND ? outcome.seen() : second.seen());
        requireSame(step, both, expected);
        judge(again, second, null);
        model.apply(again, second);
        checks.noReport();
        checks.ended();
        return both;
    }

    private static Step restOf(Step write, long done) {
        long slot = write.get(SLOT);
        long length = write.get(Kind.LENGTH) - done;
        long seed = write.get(Kind.SEED) + done;
        return write.verb() == Verb.PWRITE
                ? Step.of(Verb.PWRITE, slot, write.get(Kind.OFFSET) + done, length, seed)
                : Step.of(Verb.APPEND, slot, length, seed);
    }

    /** Makes another program change a file, which is saved before the change and revalidated after it. */
    private Outcome other(Step step) {
        AckFile file = model.file(Names.of(step.get(Kind.NAME)));
        int slot = file == null ? -1 : model.slotOf(file);
        if (file == null || file.isKept() || (slot < 0 && file.isUsed())) {
            return DONE;
        }
        if (slot >= 0) {
            make(Step.of(Verb.FSYNC, slot), DONE);
        }
        int added = step.verb() == Verb.OTHER_APPEND ? step.number(Kind.LENGTH) : 0;
        long size = step.verb() == Verb.OTHER_APPEND ? file.size() + added : step.get(Kind.SIZE);
        if (size >= 0 && size <= MemoryDisk.MOST) {
            byte[] changed = Arrays.copyOf(file.host.written(), (int) size);
            if (added > 0) {
                Pattern.of(step.get(Kind.SEED), added).get(changed, changed.length - added, added);
            }
            file.host.change(changed);
            file.follow();
        }
        if (slot >= 0) {
            make(Step.of(Verb.REVALIDATE, slot), DONE);
        }
        return DONE;
    }

    /** Ends the script: unmaps and closes everything, or closes the machine before its files. */
    void end() {
        for (int space = 0; space < Places.SPACES; space++) {
            for (int region = 0; region < Places.REGIONS; region++) {
                run(Step.of(Verb.MUNMAP, space, region, 0, Places.PAGES), DONE);
            }
        }
        for (int slot = 0; slot < Places.SLOTS && !endsOpen; slot++) {
            run(Step.of(Verb.CLOSE, slot), DONE);
        }
        library.endSpaces();
        quiesce();
        if (!endsOpen) {
            checks.allClosed();
        }
        closeMachine();
        checks.allSaved();
    }

    /** Closes the machine. A file whose save fails is reported, and the next close of the machine saves it. */
    private void closeMachine() {
        library.machine().close();
        Thread.interrupted();
        if (!isMet && fault.met() != null && fault.way().isThrown()) {
            isMet = true;
            AckFile file = Objects.requireNonNull(model.file(Objects.requireNonNull(fault.met())));
            checks.lost(file);
            checks.reported(file);
            library.machine().close();
        }
    }
}
