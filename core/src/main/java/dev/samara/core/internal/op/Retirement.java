// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.DiscardPages;
import dev.samara.core.internal.pagewalk.PageRights;
import dev.samara.core.internal.pagewalk.UnmapPages;
import dev.samara.core.internal.space.InFlightRange;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.PageAction;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Ranges;
import dev.samara.core.internal.sync.Watch;
import dev.samara.core.internal.syscall.PagemapScan;
import dev.samara.core.internal.tlb.Memory;
import dev.samara.core.internal.tlb.TlbGather;
import dev.samara.core.internal.vma.Life;
import dev.samara.core.vma.Vma;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The retire phase of an operation in flight. It removes, moves or narrows entries of the page table, and flushes the
 * translations of all CPUs. Only then it frees the pages, or stores them at the target of their move. Holds no lock
 * except one leaf's at a time.
 *
 * <p>It is created before the operation publishes, with its resources. It records its progress: it continues after a
 * rest, or after a step that failed. Used by one thread at a time.
 */
public final class Retirement {
    /* The steps. Each may be repeated after a failure, and finds its earlier effects done. */
    private static final int COPIES = 0;
    private static final int PICK_UP = 1;
    private static final int TAKE_AWAY = 2;
    private static final int FLUSH = 3;
    private static final int PUT_DOWN = 4;
    private static final int FREE = 5;
    private static final int ACT = 6;
    private static final int DONE = 7;

    private final Layout layout;
    private final InFlightRange transit;
    private final PageTable table;
    private final Memory memory;
    private final TlbGather gather;

    private int step = COPIES;

    /** The pages that each move has picked up; kept after a failure. */
    private final List<Moved> moved;

    /**
     * How many of the ranges are done, in the order reserved, occupied; and the next address in the current one, 0 for
     * its start.
     */
    private int ranges;

    private long reached;
    private int actions;

    /**
     * The leaf of a busy entry for whose owner this rests, with the index and the value of the entry; null for none.
     */
    private long @Nullable [] busyLeaf;

    private int busyIndex;
    private long busyEntry;

    /**
     * Allocates the resources of the retirement. Called before publication.
     *
     * @param transit the range to be published
     * @param memory the machine's memory
     * @param worker a borrowed worker, or null if none is available and the retirement must continue without
     */
    Retirement(InFlightRange transit, Memory memory, @Nullable PageTableContext worker) {
        this.transit = transit;
        this.memory = memory;
        layout = transit.operation().layout();
        table = layout.pages();
        gather = TlbGather.with(memory, worker);
        moved = new ArrayList<>(transit.moves().size());
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
        rest();
        return true;
    }

    /** Releases resources that others may need, until the next step or, after the last one, forever. */
    public void rest() {
        gather.rest();
    }

    /** Returns whether the reason for the rest may be over. Does not wait. */
    public boolean isReady() {
        return switch (step) {
            case COPIES -> transit.areCopiesOver();
            case PICK_UP -> busyLeaf == null || Leaf.get(busyLeaf, busyIndex) != busyEntry;
            default -> gather.isInvalidated();
        };
    }

    private boolean advanceStep(boolean mayRest) {
        return switch (step) {
            case COPIES -> awaitCopies(mayRest);
            case PICK_UP -> pickUp(mayRest);
            case TAKE_AWAY -> takeAway(mayRest);
            case FLUSH -> flush(mayRest);
            case PUT_DOWN -> {
                moved.forEach(this::putDown);
                yield true;
            }
            case FREE -> {
                // The worker stays for the actions, since another one might not be available.
                gather.invalidate();
                gather.free();
                yield true;
            }
            case ACT -> {
                for (; actions < transit.actions().size(); actions++) {
                    act(transit.actions().get(actions));
                }
                yield true;
            }
            default -> throw new IllegalStateException("step " + step);
        };
    }

    private boolean awaitCopies(boolean mayRest) {
        if (transit.takesPagesAway()) {
            if (mayRest) {
                if (!transit.areCopiesOver()) {
                    return false;
                }
            } else {
                transit.awaitCopies();
            }
        }
        endContext();
        return true;
    }

    /**
     * Ends the TLB context if the operation ends the space. If no CPU uses the space there is nothing to flush;
     * otherwise pages are removed as by any operation.
     */
    private void endContext() {
        if (transit.operation().endsSpace()) {
            TlbContext context = table.context();
            memory.cpus().releaseDead();
            // Also if other CPUs use it: a LAZY CPU is not affected by the end of the space.
            memory.cpus().takeOff(context);
            if (context.end()) {
                gather.leaveOut(context);
            }
        }
    }

    private boolean flush(boolean mayRest) {
        if (mayRest) {
            return gather.isInvalidated();
        }
        gather.invalidate();
        return true;
    }

    private boolean pickUp(boolean mayRest) {
        List<InFlightRange.Move> moves = transit.moves();
        for (int i = 0; i < moves.size(); i++) {
            if (i == moved.size()) {
                moved.add(new Moved(moves.get(i), lastShrink(moves.get(i))));
            }
            if (!pickUp(moved.get(i), mayRest)) {
                return false;
            }
        }
        return true;
    }

    /** Unmaps or narrows its ranges, and flushes and frees whenever the gather is full. */
    private boolean takeAway(boolean mayRest) {
        Ranges reserved = transit.reserved();
        Ranges occupied = transit.occupied();
        while (ranges < reserved.size() + occupied.size()) {
            boolean isReserved = ranges < reserved.size();
            Ranges of = isReserved ? reserved : occupied;
            int i = isReserved ? ranges : ranges - reserved.size();
            long at = reached == 0 ? of.start(i) : reached;
            long end = of.end(i);
            if (!isReserved && !transit.stopsFaults()) {
                narrow(at, end);
                at = end;
            }
            while (at != end || gather.isFull()) {
                if (gather.isFull()) {
                    if (!flush(mayRest)) {
                        reached = at;
                        return false;
                    }
                    gather.free();
                }
                at = UnmapPages.unmapUntilFull(table, at, end, gather);
            }
            reached = 0;
            ranges++;
        }
        if (transit.stopsFaults()) {
            enter(occupied);
        }
        return true;
    }

    /**
     * Marks the VMAs that replace others as entered: their ranges are empty. They are in flight, so no operation
     * unlinks them meanwhile.
     */
    private void enter(Ranges emptied) {
        for (int i = 0; i < emptied.size(); i++) {
            Vma vma = layout.find(emptied.start(i));
            while (vma != null && Long.compareUnsigned(vma.start(), emptied.end(i)) < 0) {
                Life.enter(vma);
                vma = layout.find(vma.end());
            }
        }
    }

    /** Rewrites each entry with the rights of the VMA that is there now, under the lock of its leaf. */
    private void narrow(long start, long end) {
        long at = table.nextLeaf(start, end);
        while (Long.compareUnsigned(at, end) < 0) {
            long stop = Edit.lower(table.leafEnd(at), end);
            long[] leaf = table.leaf(at);
            if (leaf != null) {
                narrow(leaf, at, stop);
            }
            at = table.nextLeaf(stop, end);
        }
    }

    private void narrow(long[] leaf, long start, long end) {
        long pageSize = layout.geometry().pageSize();
        Leaf.lock(leaf);
        try {
            if (Leaf.isDead(leaf)) {
                return;
            }
            gather.deferFlush(table, leaf, start, end, MmuNotifier.Reason.PROTECTED);
            Vma vma = null;
            for (long at = start; Long.compareUnsigned(at, end) < 0; at += pageSize) {
                int index = table.indexOf(at);
                if (Leaf.get(leaf, index) == Pte.NONE) {
                    continue;
                }
                if (vma == null || !vma.contains(at)) {
                    vma = layout.find(at);
                }
                narrow(leaf, index, vma == null ? 0 : PageRights.most(vma));
            }
        } finally {
            Leaf.unlock(leaf);
        }
    }

    private static void narrow(long[] leaf, int index, long most) {
        long pte = Leaf.get(leaf, index);
        for (; ; pte = Leaf.get(leaf, index)) {
            long narrowed;
            if (Pte.isPresent(pte)) {
                narrowed = pte & ~(Pte.RIGHTS & ~most);
            } else if (Pte.isBusy(pte) && Pte.has(pte, Pte.COPY)) {
                // The page is unchanged since the copy began, and the copy will be dropped. A busy entry of an unmap
                // belongs to that unmap.
                narrowed = Pte.present(
                        Pte.frame(pte), (pte & (Pte.OWN | Pte.ZERO | Pte.DIRTY | Pte.ACCESSED)) | (most & ~Pte.WRITE));
            } else {
                return;
            }
            if (narrowed == pte || Leaf.compareAndSet(leaf, index, pte, narrowed)) {
                return;
            }
        }
    }

    /** The picked-up entries of a move, with their distances from its start. */
    private static final class Moved {
        private final InFlightRange.Move move;
        private long[] distances = new long[16];
        private long[] entries = new long[16];
        private int size;

        private int down;

        /** The file's latest shrink when the first page was picked up; null if there is no file. */
        private final FilePages.@Nullable Shrink from;

        Moved(InFlightRange.Move move, FilePages.@Nullable Shrink from) {
            this.move = move;
            this.from = from;
        }

        /** Returns true. Grows the arrays before the next entry is picked up. */
        boolean hasRoom() {
            if (size == entries.length) {
                distances = Arrays.copyOf(distances, 2 * size);
                entries = Arrays.copyOf(entries, 2 * size);
            }
            return true;
        }

        void add(long distance, long pte) {
            distances[size] = distance;
            entries[size++] = pte;
        }
    }

    private FilePages.@Nullable Shrink lastShrink(InFlightRange.Move move) {
        Vma target = layout.find(move.to());
        FilePages file = target == null ? null : FilePages.of(target);
        return file == null ? null : file.lastShrink();
    }

    private boolean pickUp(Moved pages, boolean mayRest) {
        InFlightRange.Move move = pages.move;
        long end = move.from() + move.length();
        long at = table.nextLeaf(move.from(), end);
        while (Long.compareUnsigned(at, end) < 0) {
            long stop = Edit.lower(table.leafEnd(at), end);
            long[] leaf = table.leaf(at);
            if (leaf != null && deferFlush(leaf, at, stop) && !pickUp(leaf, at, stop, pages, mayRest)) {
                return false;
            }
            at = table.nextLeaf(stop, end);
        }
        return true;
    }

    /** Defers the flush of a part of a leaf; returns false if the leaf is dead, and empty. */
    private boolean deferFlush(long[] leaf, long start, long end) {
        Leaf.lock(leaf);
        try {
            if (Leaf.isDead(leaf)) {
                return false;
            }
            gather.deferFlush(table, leaf, start, end, MmuNotifier.Reason.UNMAPPED);
            return true;
        } finally {
            Leaf.unlock(leaf);
        }
    }

    private boolean pickUp(long[] leaf, long start, long end, Moved pages, boolean mayRest) {
        long pageSize = layout.geometry().pageSize();
        long at = start;
        while (Long.compareUnsigned(at, end) < 0) {
            int index = table.indexOf(at);
            long pte = Leaf.get(leaf, index);
            if (Pte.isBusy(pte)) {
                // A copy, or a page that is being removed from its cache. Short, unless the owner waits for a CPU.
                if (mayRest) {
                    busyLeaf = leaf;
                    busyIndex = index;
                    busyEntry = pte;
                    return false;
                }
                awaitOwner(memory, layout, leaf, index, pte);
            } else if (pte == Pte.NONE) {
                at += pageSize;
            } else if (pages.hasRoom() && Leaf.compareAndSet(leaf, index, pte, Pte.NONE)) {
                pages.add(at - pages.move.from(), pte);
                at += pageSize;
            }
        }
        return true;
    }

    /**
     * Waits for the owner of a busy entry. Caller must hold no lock.
     *
     * @throws IllegalArgumentException if the entry is not busy
     */
    public static void awaitOwner(Memory memory, Layout layout, long[] leaf, int index, long pte) {
        if (!Pte.isBusy(pte)) {
            throw new IllegalArgumentException("nobody is at " + Pte.toString(pte));
        }
        Gate gate = memory.owners().gateOf(pte);
        if (Leaf.get(leaf, index) == pte) {
            gate.awaitUninterruptibly(watch(layout));
        }
    }

    /** Returns a watch that reports a long wait for a page. */
    static Watch watch(Layout layout) {
        return new LongWait(layout);
    }

    /** A watch that reports a long wait for the owner of a busy entry. */
    private record LongWait(Layout layout) implements Watch {
        @Override
        public long reportAfterNanos() {
            return layout.host().longWaitNanos();
        }

        @Override
        public void waitsLong(Gate gate, Thread waiter, long nanos) {
            layout.host().reportLongWait("a busy page table entry", gate, waiter, nanos);
        }
    }

    private void putDown(Moved pages) {
        Frames frames = memory.frames();
        while (pages.down < pages.size) {
            int i = pages.down;
            long address = pages.move.to() + pages.distances[i];
            long pte = pages.entries[i];
            Vma vma = layout.find(address);
            boolean put = vma != null
                    && Long.compareUnsigned(pages.distances[i], pages.move.length()) < 0
                    && putDown(vma, address, pte, pages);
            // Before the page is dropped, which must not happen twice.
            pages.down++;
            if (!put && Pte.isOwn(pte)) {
                frames.drop(Pte.frame(pte), gather.worker().magazine());
            }
        }
    }

    /**
     * Stores an entry at its target; returns false if the page does not belong to the file any more, or if {@link
     * Leaf#fill} does.
     */
    private boolean putDown(Vma vma, long address, long pte, Moved moved) {
        for (; ; ) {
            long[] leaf = table.leafForInstall(address);
            Leaf.lock(leaf);
            try {
                if (Leaf.isDead(leaf)) {
                    continue;
                }
                if (!isStillThere(vma, address, pte, moved)) {
                    return false;
                }
                return Leaf.fill(leaf, table.indexOf(address), PagemapScan.moved(vma, pte));
            } finally {
                Leaf.unlock(leaf);
            }
        }
    }

    private boolean isStillThere(Vma vma, long address, long pte, Moved moved) {
        FilePages file = FilePages.of(vma);
        if (file == null || moved.from == null || !Pte.isPresent(pte) || vma.isAnonymous()) {
            return true;
        }
        long page = vma.pageOffset() + layout.geometry().pages(address - vma.start());
        // Truncation notes the size, or marks the frame, and then walks: under this leaf's lock, after the leaf's
        // linking.
        return Pte.isOwn(pte)
                ? page < file.lowestSince(moved.from)
                : memory.frames().isCached(Pte.frame(pte), file.number(), page);
    }

    private void act(PageAction action) {
        switch (action.kind()) {
            case DISCARD -> discard(action.start(), action.end());
            case PUNCH -> punch(action);
            case GUARD -> guard(action.start(), action.end());
            case UNGUARD -> unguard(action.start(), action.end());
        }
    }

    private void discard(long start, long end) {
        try (DiscardPages discarding = new DiscardPages(gather, Pte.NONE)) {
            discarding.discard(table, start, end, (pte, address) -> true);
        }
    }

    private void punch(PageAction action) {
        FilePages file = Objects.requireNonNull(action.file());
        int pageShift = layout.geometry().pageShift();
        long pages = layout.geometry().pages(action.end() - action.start());
        file.remove(gather, action.offset() >>> pageShift, pages);
    }

    private void guard(long start, long end) {
        try (DiscardPages discarding = new DiscardPages(gather, Pte.GUARD)) {
            discarding.guard(table, start, end);
        }
    }

    private void unguard(long start, long end) {
        long pageSize = layout.geometry().pageSize();
        long at = table.nextLeaf(start, end);
        while (Long.compareUnsigned(at, end) < 0) {
            long stop = Edit.lower(table.leafEnd(at), end);
            long[] leaf = table.leaf(at);
            for (long page = at; leaf != null && Long.compareUnsigned(page, stop) < 0; page += pageSize) {
                unguard(leaf, table.indexOf(page));
            }
            at = table.nextLeaf(stop, end);
        }
    }

    private void unguard(long[] leaf, int index) {
        long pte = Leaf.get(leaf, index);
        while (Pte.has(pte, Pte.BUSY | Pte.GUARD)) {
            // A truncation has taken over an entry that is becoming a guard marker.
            awaitOwner(memory, layout, leaf, index, pte);
            pte = Leaf.get(leaf, index);
        }
        Leaf.compareAndSet(leaf, index, Pte.GUARD, Pte.NONE);
    }
}
