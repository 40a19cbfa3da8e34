// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.page.TableReserve;
import dev.samara.core.internal.pagewalk.DiscardPages;
import dev.samara.core.internal.pagewalk.DiscardPages.DroppedPages;
import dev.samara.core.internal.pagewalk.LeafWalks;
import dev.samara.core.internal.pagewalk.PageWalk;
import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.internal.space.InFlightOperation.PageAction;
import dev.samara.core.internal.space.InFlightOperation.PageMove;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.Ranges;
import dev.samara.core.internal.tlb.TlbGather;
import dev.samara.core.internal.vma.VmArea;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Retires the pages of an operation in flight. It removes, moves or narrows their page-table entries, and flushes the
 * translations of all CPUs. Only then does it free the pages, or install them at the target of their move. It holds at
 * most one lock at a time, the lock of a leaf. {@link RetirementRun} calls it.
 *
 * <p>It is created, with its resources, before the operation publishes. It records its progress, so it can resume after
 * a pause or a failed step. Used by one thread at a time.
 */
public final class PageRetirement {
    /* The steps. Each may be repeated after a failure, and skips what it has already done. */

    /** Ends the TLB context if the space ends: nothing is flushed then, because no CPU uses the space. */
    private static final int CONTEXT = 0;

    /** {@link MovePages} removes the entries at the sources of moves. */
    private static final int PICK_UP = 1;

    /** {@link LeafWalks} removes entries or narrows them; the gather collects the frames. */
    private static final int TAKE_AWAY = 2;

    /**
     * {@link TlbGather#invalidate(boolean)}: shootdowns and a grace period. After this step no CPU and no reader uses
     * the frames.
     */
    private static final int FLUSH = 3;

    /** {@link MovePages} stores the entries at the targets of moves. */
    private static final int PUT_DOWN = 4;

    /** {@link TlbGather#free}: the frames of unmapped pages are freed ({@code tlb_finish_mmu}). */
    private static final int FREE = 5;

    /**
     * {@link DiscardPages} and {@link LeafWalks#removeGuards} change entries of mappings that stay, and holes are punched in files.
     */
    private static final int ACT = 6;

    private static final int DONE = 7;

    /**
     * Words: all fields.
     * Written: the operation, before publication; then the one thread that retires (plain).
     * Read: the one thread that retires (plain); between two of its runs, the thread that polls (plain). The queue of
     *     {@code Background} and the list of {@code Housekeeping} pass the fields on between threads.
     * Invariant: the step that the retirement has reached; each step may be started again.
     */
    private final Layout layout;

    private final InFlightOperation run;

    /** Whether the operation ends its space. */
    private final boolean endsSpace;

    private final PageTable table;
    private final MachineMemory memory;
    private final TlbGather gather;

    /** The tables that guards and moves may lack. */
    private TableReserve tables;

    private final PageWalk walk;

    private int step = CONTEXT;

    /** The moves whose pages were removed at the source; those of the last move perhaps only in part. */
    private final List<MovePages> moved;

    /**
     * The number of ranges that are done (first the reserved ranges, then the occupied ones), and the next address in
     * the current range (0 at its start).
     */
    private int ranges;

    private long reached;
    private int actions;

    /**
     * Allocates the resources of the retirement. Called before publication.
     *
     * @param run the range to be published
     * @param layout the layout, which has memory
     * @param endsSpace whether the operation ends the space
     * @param context a borrowed page table context, or null if none is available and the retirement must continue
     *     without a context
     * @param tables the tables that guards and moves may lack; the retirement uncharges the tables that are left
     */
    PageRetirement(
            InFlightOperation run,
            Layout layout,
            boolean endsSpace,
            @Nullable PageTableContext context,
            TableReserve tables) {
        this.run = run;
        this.layout = layout;
        this.endsSpace = endsSpace;
        this.tables = tables;
        memory = layout.memory();
        table = layout.pages();
        gather = TlbGather.with(memory, context);
        walk = new PageWalk(table);
        moved = new ArrayList<>(run.moves().size());
    }

    /**
     * Continues with the remaining steps.
     *
     * @param mayRest whether to return instead of waiting
     * @return whether all steps are done; false only if {@code mayRest}
     */
    public boolean advance(boolean mayRest) {
        if (step < DONE) {
            gather.resume();
        }
        while (step < DONE) {
            if (!advanceStep(mayRest)) {
                rest();
                return false;
            }
            step++;
        }
        tables.close();
        rest();
        return true;
    }

    /** Adds the tables that a later batch of the operation may lack. Called before that batch is published. */
    void add(TableReserve more) {
        if (tables == TableReserve.NONE) {
            tables = more;
        } else {
            tables.absorb(more);
        }
    }

    /** Releases resources that other threads may need, until the next step or, after the last one, forever. */
    public void rest() {
        gather.rest();
    }

    /** Returns whether the current step may be able to continue. Does not wait. */
    public boolean isReady() {
        return switch (step) {
            case PICK_UP -> areMovesReady();
            default -> gather.pollInvalidation();
        };
    }

    private boolean areMovesReady() {
        for (int i = 0; i < moved.size(); i++) {
            if (!moved.get(i).isReady()) {
                return false;
            }
        }
        return true;
    }

    private boolean advanceStep(boolean mayRest) {
        return switch (step) {
            case CONTEXT -> endContext();
            case PICK_UP -> pickUp(mayRest);
            case TAKE_AWAY -> takeAway(mayRest);
            case FLUSH -> gather.invalidate(mayRest);
            case PUT_DOWN -> {
                for (int i = 0; i < moved.size(); i++) {
                    moved.get(i).putDown(gather, tables);
                }
                yield true;
            }
            case FREE -> {
                // The context is kept for the actions, because another one might not be available.
                gather.invalidate();
                gather.free();
                yield true;
            }
            case ACT -> {
                while (actions < run.actions().size()) {
                    actions = act(actions);
                }
                yield true;
            }
            default -> throw new IllegalStateException("step " + step);
        };
    }

    private boolean endContext() {
        if (endsSpace) {
            gather.leaveOut(table.context());
        }
        return true;
    }

    private boolean pickUp(boolean mayRest) {
        List<PageMove> moves = run.moves();
        for (int i = 0; i < moves.size(); i++) {
            if (i == moved.size()) {
                moved.add(new MovePages(layout, memory, moves.get(i)));
            }
            if (!moved.get(i).pickUp(walk, gather, mayRest)) {
                return false;
            }
        }
        return true;
    }

    /** Unmaps or narrows the ranges, and flushes and frees whenever the gather is full. */
    private boolean takeAway(boolean mayRest) {
        Ranges reserved = run.reserved();
        Ranges occupied = run.occupied();
        while (ranges < reserved.size() + occupied.size()) {
            boolean isReserved = ranges < reserved.size();
            Ranges of = isReserved ? reserved : occupied;
            int i = isReserved ? ranges : ranges - reserved.size();
            long at = reached == 0 ? of.start(i) : reached;
            long end = of.end(i);
            if (!isReserved && !run.stopsFaults()) {
                LeafWalks.narrow(walk, at, end, layout, layout.geometry(), gather);
                at = end;
            }
            while (at != end || gather.isFull()) {
                if (gather.isFull()) {
                    if (!gather.invalidate(mayRest)) {
                        reached = at;
                        return false;
                    }
                    gather.free();
                }
                at = LeafWalks.unmapUntilFull(walk, at, end, gather);
            }
            reached = 0;
            ranges++;
        }
        if (run.stopsFaults()) {
            enter(occupied);
        }
        return true;
    }

    /**
     * Marks the VMAs that replace others as entered, because their ranges are now empty. These VMAs are in flight, so
     * no operation unlinks them concurrently.
     */
    private void enter(Ranges emptied) {
        for (int i = 0; i < emptied.size(); i++) {
            VmArea vma = layout.find(emptied.start(i));
            while (vma != null && Addresses.isBelow(vma.start(), emptied.end(i))) {
                vma.enter();
                vma = layout.find(vma.end());
            }
        }
    }

    /**
     * Executes an action and the actions of the same kind that directly follow it, with common flushes.
     *
     * @param first the index of the action
     * @return the index after the last executed action; if this throws, all of these actions are executed again
     */
    private int act(int first) {
        List<PageAction> all = run.actions();
        PageAction.Kind kind = all.get(first).kind();
        int end = first + 1;
        while (end < all.size() && all.get(end).kind() == kind) {
            end++;
        }
        switch (kind) {
            case DISCARD -> discard(all, first, end, DiscardPages.EVERY, false);
            case DROP -> discard(all, first, end, new DroppedPages(memory.frames()), false);
            case GUARD -> discard(all, first, end, DiscardPages.EVERY, true);
            case PUNCH, UNGUARD -> {
                for (int i = first; i < end; i++) {
                    act(all.get(i));
                }
            }
        }
        return end;
    }

    private void act(PageAction action) {
        switch (action.kind()) {
            case PUNCH -> punch(action);
            case UNGUARD ->
                LeafWalks.removeGuards(
                        walk,
                        action.start(),
                        action.end(),
                        gather,
                        layout.host().busyEntryReporter());
            case DISCARD, DROP, GUARD -> throw new IllegalStateException("one of several: " + action);
        }
    }

    /** Discards the pages of several actions. Leaves empty entries, or guard markers if {@code guards}. */
    private void discard(List<PageAction> all, int first, int end, DiscardPages.Choice choice, boolean guards) {
        try (DiscardPages discarding = new DiscardPages(gather, guards ? Pte.GUARD : Pte.NONE)) {
            for (int i = first; i < end; i++) {
                PageAction action = all.get(i);
                if (guards) {
                    discarding.guard(table, action.start(), action.end(), tables);
                } else {
                    discarding.discard(table, action.start(), action.end(), choice);
                }
            }
        }
    }

    private void punch(PageAction action) {
        FilePages file = Objects.requireNonNull(action.file());
        int pageShift = layout.geometry().pageShift();
        long pages = layout.geometry().pages(action.end() - action.start());
        file.remove(gather, action.offset() >>> pageShift, pages);
    }
}
