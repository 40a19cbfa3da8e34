// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTable.TableReserve;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.DirtyScan;
import dev.samara.core.internal.pagewalk.DiscardPages;
import dev.samara.core.internal.pagewalk.DiscardPages.DroppedPages;
import dev.samara.core.internal.pagewalk.LeafWalks;
import dev.samara.core.internal.pagewalk.PageWalk;
import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.internal.space.InFlightOperation.PageAction;
import dev.samara.core.internal.space.InFlightOperation.PageMove;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.Gate.WaitReporter;
import dev.samara.core.internal.sync.Ranges;
import dev.samara.core.internal.tlb.TlbGather;
import dev.samara.core.internal.vma.VmArea;
import java.util.ArrayList;
import java.util.Arrays;
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
final class PageRetirement {
    /* The steps. Each may be repeated after a failure, and skips what it has already done. */

    /** Ends the TLB context if the space ends: nothing is flushed then, because no CPU uses the space. */
    private static final int CONTEXT = 0;

    /** {@link Move#pickUp} removes the entries at the sources of moves. */
    private static final int PICK_UP = 1;

    /** {@link LeafWalks} removes entries or narrows them; the gather collects the frames. */
    private static final int TAKE_AWAY = 2;

    /**
     * {@link TlbGather#invalidate(boolean)}: shootdowns and a grace period. After this step no CPU and no reader uses
     * the frames.
     */
    private static final int FLUSH = 3;

    /** {@link Move#putDown} stores the entries at the targets of moves. */
    private static final int PUT_DOWN = 4;

    /** {@link TlbGather#free}: the frames of unmapped pages are freed ({@code tlb_finish_mmu}). */
    private static final int FREE = 5;

    /**
     * {@link DiscardPages} and {@link LeafWalks#removeGuards} change entries of mappings that stay, and holes are
     * punched in files.
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
    private final List<Move> moved;

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
    boolean advance(boolean mayRest) {
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
    void rest() {
        gather.rest();
    }

    /** Returns whether the current step may be able to continue. Does not wait. */
    boolean isReady() {
        if (step != PICK_UP) {
            return gather.pollInvalidation();
        }
        for (int i = 0; i < moved.size(); i++) {
            if (!moved.get(i).isReady()) {
                return false;
            }
        }
        return true;
    }

    private boolean advanceStep(boolean mayRest) {
        return switch (step) {
            case CONTEXT -> {
                if (endsSpace) {
                    gather.leaveOut(table.context());
                }
                yield true;
            }
            case PICK_UP -> pickUp(mayRest);
            case TAKE_AWAY -> takeAway(mayRest);
            case FLUSH -> gather.invalidate(mayRest);
            case PUT_DOWN -> {
                for (int i = 0; i < moved.size(); i++) {
                    moved.get(i).putDown();
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

    private boolean pickUp(boolean mayRest) {
        List<PageMove> moves = run.moves();
        for (int i = 0; i < moves.size(); i++) {
            if (i == moved.size()) {
                moved.add(new Move(moves.get(i)));
            }
            if (!moved.get(i).pickUp(mayRest)) {
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
                at = LeafWalks.emptyUntilFull(walk, null, at, end, gather);
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
            case DISCARD, DROP, GUARD -> discard(all, first, end, kind);
            case PUNCH -> {
                int pageShift = layout.geometry().pageShift();
                for (int i = first; i < end; i++) {
                    PageAction action = all.get(i);
                    long pages = layout.geometry().pages(action.end() - action.start());
                    Objects.requireNonNull(action.file()).remove(gather, action.offset() >>> pageShift, pages);
                }
            }
            case UNGUARD -> {
                WaitReporter reporter = layout.host().busyEntryReporter();
                for (int i = first; i < end; i++) {
                    LeafWalks.removeGuards(walk, all.get(i).start(), all.get(i).end(), gather, reporter);
                }
            }
        }
        return end;
    }

    /** Discards the pages of several actions. Leaves empty entries, or guard markers. */
    private void discard(List<PageAction> all, int first, int end, PageAction.Kind kind) {
        boolean guards = kind == PageAction.Kind.GUARD;
        DiscardPages.Choice choice =
                kind == PageAction.Kind.DROP ? new DroppedPages(memory.frames()) : DiscardPages.EVERY;
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

    /**
     * The pages of one move ({@code move_page_tables}): they are removed at the source, and installed at the target
     * after the flush. Until then no fault fills an entry of either range.
     *
     * <p>Both steps may be retried after a failure, and continue where the earlier attempt failed.
     */
    private final class Move {
        private final PageMove move;

        /*
         * The entries that were removed at the source, each with its offset from the start of the move. A move may have
         * a million entries, so an entry is one word in each of two arrays instead of an object.
         */
        private long[] distances = new long[16];
        private long[] ptes = new long[16];
        private int size;

        /** The number of entries that were stored at the target, or whose pages were dropped. */
        private int down;

        /** The file's latest truncation when the first page was removed at the source; null if there is no file. */
        private final FilePages.@Nullable LoggedTruncation from;

        /** The leaf of the busy entry for whose owner the move waits, at rest; null if the move is not at rest. */
        private long @Nullable [] busyLeaf;

        private int busyIndex;
        private long busyEntry;

        Move(PageMove move) {
            this.move = move;
            VmArea target = layout.find(move.to());
            FilePages file = target == null ? null : FilePages.of(target);
            from = file == null ? null : file.lastTruncation();
        }

        /** Returns whether the move may continue: it does not rest, or the busy entry has changed. Does not wait. */
        boolean isReady() {
            return busyLeaf == null || Leaf.get(busyLeaf, busyIndex) != busyEntry;
        }

        /**
         * Empties the entries of the source, and records them.
         *
         * @param mayRest whether to return instead of waiting
         * @return whether the source is empty; false only if {@code mayRest}
         */
        boolean pickUp(boolean mayRest) {
            busyLeaf = null;
            walk.over(move.from(), move.from() + move.length());
            while (walk.next()) {
                if (deferFlush() && !pickUpLeaf(mayRest)) {
                    return false;
                }
            }
            return true;
        }

        /** Defers the flush of a part of a leaf; returns false if the leaf is dead, and so is empty. */
        private boolean deferFlush() {
            long[] leaf = walk.leaf();
            Leaf.lock(leaf);
            try {
                if (Leaf.isDead(leaf)) {
                    return false;
                }
                gather.deferFlush(table, leaf, walk.start(), walk.end(), MmuNotifier.Reason.UNMAPPED);
                return true;
            } finally {
                Leaf.unlock(leaf);
            }
        }

        private boolean pickUpLeaf(boolean mayRest) {
            long[] leaf = walk.leaf();
            int stop = walk.endIndex();
            int i = walk.first();
            while (i < stop) {
                long pte = Leaf.get(leaf, i);
                if (Pte.isBusy(pte)) {
                    // The owner copies the page, or removes it from its cache. The wait is short, unless the owner
                    // waits for a CPU.
                    if (mayRest) {
                        busyLeaf = leaf;
                        busyIndex = i;
                        busyEntry = pte;
                        return false;
                    }
                    memory.contexts().await(leaf, i, pte, layout.host().busyEntryReporter());
                } else if (pte == Pte.NONE || pickUp(leaf, i, pte, walk.addressOf(i))) {
                    i++;
                }
            }
            return true;
        }

        /** Empties and records one entry. Returns false if another thread changed the entry concurrently. */
        private boolean pickUp(long[] leaf, int index, long pte, long address) {
            // An emptied entry must be recorded, so capacity is ensured first.
            if (size == ptes.length) {
                long[] more = Arrays.copyOf(distances, 2 * size);
                ptes = Arrays.copyOf(ptes, 2 * size);
                distances = more;
            }
            // A page of shared memory need not be marked dirty: no file backs it, so no write-back searches for the
            // page.
            boolean isWritten = Pte.has(pte, Pte.DIRTY) && Pte.isCached(pte) && !Pte.has(pte, Pte.SHMEM);
            if (!(isWritten ? takeWritten(leaf, index, pte) : Leaf.empty(leaf, index, pte, Pte.NONE))) {
                return false;
            }
            distances[size] = address - move.from();
            ptes[size++] = pte;
            return true;
        }

        /**
         * Empties the entry of a dirty page of a file. A concurrent write-back finds the entry at neither address, so
         * the frame is marked dirty. This is done under the leaf's lock, under which the frame of a present entry stays
         * in its cache.
         */
        private boolean takeWritten(long[] leaf, int index, long pte) {
            Leaf.lock(leaf);
            try {
                if (Leaf.get(leaf, index) != pte) {
                    return false;
                }
                memory.frames().setDirty(Pte.frame(pte));
                return Leaf.empty(leaf, index, pte, Pte.NONE);
            } finally {
                Leaf.unlock(leaf);
            }
        }

        /** Stores the entries at the target. Drops the pages that no longer belong there. */
        void putDown() {
            while (down < size) {
                long distance = distances[down];
                long address = move.to() + distance;
                long pte = ptes[down];
                VmArea vma = layout.find(address);
                boolean isPut = vma != null && Addresses.isBelow(distance, move.length()) && putDown(vma, address, pte);
                // Counted before the page is dropped, because it must not be dropped twice.
                down++;
                if (!isPut && Pte.isOwn(pte)) {
                    memory.frames().drop(Pte.frame(pte), gather.context().magazine());
                }
            }
        }

        /**
         * Stores an entry at its target; returns false if the page no longer belongs to the file, or if {@link
         * Leaf#fill} returns false.
         */
        private boolean putDown(VmArea vma, long address, long pte) {
            for (; ; ) {
                long[] leaf = table.leafFromReserve(address, tables);
                Leaf.lock(leaf);
                try {
                    if (Leaf.isDead(leaf)) {
                        continue;
                    }
                    if (!isStillThere(vma, address, pte)) {
                        return false;
                    }
                    return Leaf.fill(leaf, table.indexOf(address), DirtyScan.moved(vma, pte));
                } finally {
                    Leaf.unlock(leaf);
                }
            }
        }

        private boolean isStillThere(VmArea vma, long address, long pte) {
            FilePages file = FilePages.of(vma);
            if (file == null || from == null || !Pte.isPresent(pte) || vma.isAnonymous()) {
                return true;
            }
            long page = vma.pageOffset() + layout.geometry().pages(address - vma.start());
            // Checked under the leaf's lock, after the leaf was linked. Pairs with a truncation: it adds a link to the
            // truncation log and marks the frames before it walks.
            return Pte.isOwn(pte)
                    ? page < file.lowestSince(from)
                    : memory.frames().isCached(Pte.frame(pte), file.number(), page);
        }
    }
}
