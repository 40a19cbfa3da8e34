// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import dev.samara.core.backing.HostFile;
import dev.samara.core.internal.hostfile.FaultyChannels.ChannelCall;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import java.util.LinkedHashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Steps during which a call to the host fails. The failure does not occur on the kernel's side, so the result of such a
 * step is compared with the acknowledged state. A failed step is retried, and must then return the kernel's result,
 * because it either changed nothing or completes the rest. A failed save reports its failure, each other open of the
 * file reports it once, and the next save saves everything.
 */
final class Failures {
    private final World world;
    private final LibrarySide library;
    private boolean didFail;

    Failures(World world, LibrarySide library) {
        this.world = world;
        this.library = library;
    }

    /** Executes a step whose first host call of a kind fails. Returns its outcome, or that of its retry. */
    Outcome run(Step failure, Step step) {
        library.hook().failNext(HostHook.kind(failure));
        Outcome outcome = library.run(step);
        didFail = library.hook().end();
        if (!didFail) {
            return outcome;
        }
        boolean isSave =
                step.verb() == Verb.FSYNC || (step.verb() == Verb.MSYNC && (step.get(Kind.FLAGS) & Mman.SYNC) != 0);
        if (isSave && isOfWrite(failure) && outcome.result() == 0) {
            throw new IllegalStateException("a call of the host has failed, and the save returns 0");
        }
        Outcome repeated = outcome;
        if (outcome.isError()) {
            repeated = library.run(step);
        } else if (step.verb() == Verb.PWRITE || step.verb() == Verb.APPEND || step.verb() == Verb.PREAD) {
            repeated = rest(step, outcome);
        }
        tellAll(step.verb() == Verb.FSYNC ? library.file(step.number(Kind.SLOT)) : null, failure);
        return repeated;
    }

    /** Returns whether a host call failed during the last step. */
    boolean didFail() {
        return didFail;
    }

    /** Continues a call that was cut short; a read is retried as a whole. */
    private Outcome rest(Step step, Outcome first) {
        long length = step.get(Kind.LENGTH);
        if (step.verb() == Verb.PREAD) {
            return library.run(step);
        } else if (first.result() == length) {
            return first;
        }
        long done = first.result();
        long seed = step.get(Kind.SEED) + done;
        long slot = step.get(Kind.SLOT);
        Step rest = step.verb() == Verb.PWRITE
                ? Step.of(Verb.PWRITE, slot, step.get(Kind.OFFSET) + done, length - done, seed)
                : Step.of(Verb.APPEND, slot, length - done, seed);
        Outcome second = library.run(rest);
        return second.isError() ? first : new Outcome(done + second.result(), first.seen());
    }

    /**
     * Saves each open, so that it returns the failure, at most once; {@code told} already returned it. If the failed
     * call was not made by a save, it may have been part of a write-back, so the failure may or may not be returned.
     */
    void tellAll(@Nullable HostFile told, @Nullable Step failure) {
        Set<HostFile> files = new LinkedHashSet<>();
        for (int slot = 0; slot < Places.SLOTS; slot++) {
            if (world.at(slot) != null) {
                files.add(library.file(slot));
            }
        }
        Twin of = told == null ? null : twin(told);
        for (HostFile file : files) {
            long first = file.fsync();
            if (first == Errno.EBADF.result()) {
                // The step closed the file.
                continue;
            }
            boolean isOther = told != null && file != told && twin(file) == of;
            if (isOther && isOfWrite(failure) && first == 0) {
                throw new IllegalStateException("another open is never told of a failed save");
            } else if (file == told && first != 0) {
                throw new IllegalStateException("the open that was told is told again");
            }
            long second = file.fsync();
            if (second != 0) {
                throw new IllegalStateException("a failure is told twice: " + first + ", " + second);
            }
        }
    }

    private static boolean isOfWrite(@Nullable Step failure) {
        if (failure == null) {
            return false;
        }
        ChannelCall call = HostHook.kind(failure);
        return call == ChannelCall.WRITE || call == ChannelCall.FORCE;
    }

    private @Nullable Twin twin(HostFile file) {
        for (int slot = 0; slot < Places.SLOTS; slot++) {
            if (world.at(slot) != null && library.file(slot) == file) {
                return world.at(slot);
            }
        }
        return null;
    }
}
