// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.event.Report;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Magazine;
import dev.samara.core.internal.pagewalk.ResidentPages;
import dev.samara.core.internal.sync.Housekeeping;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.tlb.Memory;
import dev.samara.core.mman.Fault;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * What a machine does when a fault finds no frame ({@code out_of_memory} in {@code mm/oom_kill.c}): the thread of the
 * fault picks the space with the highest score, and its pages are taken in steps of the housekeeping. One space at a
 * time. Thread-safe.
 */
public final class LowMemory {
    /** The embedder's score of a space. */
    @FunctionalInterface
    public interface Score {
        /**
         * Returns the score. May throw.
         *
         * @param layout the space
         * @param residentPages its private pages
         * @return the score; negative for a space whose pages must stay
         */
        long of(Layout layout, long residentPages);
    }

    /** The stack that a shortage needs once it is the only one, in frames; scores are not counted. */
    private static final int DEPTH = 24;

    private final MachineState host;
    private final Score score;

    /** Whether a thread looks for a victim, or one is being reaped. */
    private final AtomicBoolean isBusy = new AtomicBoolean();

    LowMemory(MachineState host, Score score) {
        this.host = host;
        this.score = score;
    }

    /**
     * Picks a victim and begins to take its pages, unless that is under way. Calls the score. Does not wait. The caller
     * is in no reader section and holds no lock.
     *
     * @param memory the memory in which no frame is free
     * @param magazine the caller's
     * @param otherwise the result if there is a free frame again
     * @return {@link Fault#RETRY} while pages are being taken; {@link Fault#OUT_OF_MEMORY} if there is no victim; or
     *     {@code otherwise}
     */
    public int shortage(Memory memory, Magazine magazine, int otherwise) {
        StackReserve.check(DEPTH);
        if (!isBusy.compareAndSet(false, true)) {
            step();
            return Fault.RETRY;
        }
        BackgroundReap reap = null;
        try {
            // The last reap may have ended since the caller found none.
            if (hasFrame(memory, magazine)) {
                return otherwise;
            }
            Layout victim = pick(memory);
            // Again: the embedder may have ended a space when it was asked for scores.
            if (hasFrame(memory, magazine)) {
                return otherwise;
            }
            if (victim == null) {
                return Fault.OUT_OF_MEMORY;
            }
            reap = new BackgroundReap(this, victim);
            reap.begin();
            return Fault.RETRY;
        } finally {
            if (reap == null || !reap.isBegun()) {
                ended();
            }
        }
    }

    /** Makes a step if they are invoked: the caller tries again, and perhaps no other thread makes steps. */
    private void step() {
        Housekeeping invoked = host.invoked();
        if (invoked != null && Cpus.mayWait()) {
            invoked.stepWithin();
        }
    }

    private static boolean hasFrame(Memory memory, Magazine magazine) {
        int frame = memory.frames().allocateDirty(magazine);
        if (frame == Frames.NONE) {
            return false;
        }
        memory.frames().drop(frame, magazine);
        return true;
    }

    /** Returns the space with the highest score, of two equal ones the older; null if there is none. */
    private @Nullable Layout pick(Memory memory) {
        Layout victim = null;
        long highest = -1;
        List<Layout> spaces = host.spaces().reapable(memory);
        for (int i = 0; i < spaces.size(); i++) {
            Layout layout = spaces.get(i);
            long pages = ResidentPages.of(layout.pages(), layout.geometry().limit());
            long scored = pages == 0 ? -1 : scoreOf(layout, pages);
            if (scored > highest) {
                victim = layout;
                highest = scored;
            }
        }
        return victim;
    }

    private long scoreOf(Layout layout, long pages) {
        try {
            return score.of(layout, pages);
        } catch (Throwable thrown) {
            host.report(
                    Report.Kind.CALLBACK_FAILED,
                    "the score of space " + layout.lifetime().identity().number(),
                    thrown);
            return -1;
        }
    }

    /** Lets the next shortage pick a victim. */
    void ended() {
        isBusy.set(false);
    }
}
