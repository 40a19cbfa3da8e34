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
import dev.samara.core.internal.pagewalk.UnmapPages;
import dev.samara.core.internal.space.InFlightRange;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.PageAction;
import dev.samara.core.internal.space.PageRights;
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
 * The second phase of an operation in transit: what it has taken away, moved or narrowed is taken out of the page
 * table, nobody can translate to it any more, and only then it is freed, or put where it has been moved. Holds no lock
 * but one leaf's at a time.
 *
 * <p>It is made before the operation publishes, with what it needs; and it keeps how far it is, so that it goes on
 * where it has rested, or where a step has failed. For one thread at a time.
 */
public final class Retirement {
    /* The steps. Each may be begun again where it has failed; what it has done by then, it finds done. */
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

    /** What it has in its hands: also over a failure. */
    private final List<Moved> moved;

    /**
     * How many of the ranges, first those reserved and then those occupied, are done, and where the next is; 0 at its
     * start.
     */
    private int ranges;

    private long reached;
    private int actions;

    /** An entry that somebody else is at, and what it was: what this waits for, if it rests; null for nothing. */
    private long @Nullable [] busyLeaf;

    private int busyIndex;
    private long busyEntry;

    /**
     * Takes what retiring needs. Before publication.
     *
     * @param transit what is to be published
     * @param memory its machine's
     * @param worker a borrowed worker, or null if none is to be had and it has to go on without
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
     * Goes on with what is left.
     *
     * @param mayRest whether to return instead of waiting
     * @return whether nothing is left; false only if it may rest
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

    /** Gives up for a while, or at the end for ever, what others may need. */
    public void rest() {
        gather.rest();
    }

    /** Whether what it rests for may be over. Waits for nothing. */
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
                // The worker stays for the actions: there may be no other.
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
     * Who ends a space that no CPU uses has nobody to flush; the end of a used one takes pages away as any operation
     * does.
     */
    private void endContext() {
        if (transit.operation().endsSpace()) {
            TlbContext context = table.context();
            memory.cpus().releaseDead();
            // Also if others use it: what is LAZY has no part in what becomes of a closed space.
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

    /** Empties or narrows its ranges, and flushes and frees whenever the gather is full. */
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
                at = UnmapPages.zapSome(table, at, end, gather);
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
     * Tells the VMAs that replace something that their ranges are empty. They are in flight: nobody unlinks them
     * meanwhile.
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

    /** Rewrites each entry from the VMA that is there now, under the lock of its leaf. */
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
            gather.owe(table, leaf, start, end, MmuNotifier.Reason.PROTECTED);
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
            } else if (Pte.isInTransit(pte) && Pte.has(pte, Pte.COPY)) {
                // The page is as it was before the copy began, and its copy will be dropped. A zap's entry is
                // the zap's.
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

    /** What a move has in its hands: entries by their distance from the start. */
    private static final class Moved {
        private final InFlightRange.Move move;
        private long[] distances = new long[16];
        private long[] entries = new long[16];
        private int size;

        /** How many of them are put down. */
        private int down;

        /** How small the file had become when the first page was picked up; null if there is no file. */
        private final FilePages.@Nullable Shrink from;

        Moved(InFlightRange.Move move, FilePages.@Nullable Shrink from) {
            this.move = move;
            this.from = from;
        }

        /** True; what this needs it takes before the entry is picked up. */
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
        FilePages file = target == null ? null : fileOf(target);
        return file == null ? null : file.lastShrink();
    }

    private boolean pickUp(Moved pages, boolean mayRest) {
        InFlightRange.Move move = pages.move;
        long end = move.from() + move.length();
        long at = table.nextLeaf(move.from(), end);
        while (Long.compareUnsigned(at, end) < 0) {
            long stop = Edit.lower(table.leafEnd(at), end);
            long[] leaf = table.leaf(at);
            if (leaf != null && owe(leaf, at, stop) && !pickUp(leaf, at, stop, pages, mayRest)) {
                return false;
            }
            at = table.nextLeaf(stop, end);
        }
        return true;
    }

    /** False if the leaf is dead, and there is nothing in it. */
    private boolean owe(long[] leaf, long start, long end) {
        Leaf.lock(leaf);
        try {
            if (Leaf.isDead(leaf)) {
                return false;
            }
            gather.owe(table, leaf, start, end, MmuNotifier.Reason.UNMAPPED);
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
            if (Pte.isInTransit(pte)) {
                // A copy, or a page that is being taken out of its cache: over in a moment, unless that waits for a
                // CPU.
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

    /** Waits for who is at an entry; caller must hold no lock. */
    public static void awaitOwner(Memory memory, Layout layout, long[] leaf, int index, long pte) {
        if (!Pte.isInTransit(pte)) {
            throw new IllegalArgumentException("nobody is at " + Pte.toString(pte));
        }
        Gate gate = memory.owners().gateOf(pte);
        if (Leaf.get(leaf, index) == pte) {
            gate.awaitUninterruptibly(watch(layout));
        }
    }

    /** Reports who waits long for a page. */
    static Watch watch(Layout layout) {
        return new LongWait(layout);
    }

    /** Reports a wait for who is at an entry. */
    private record LongWait(Layout layout) implements Watch {
        @Override
        public long reportAfterNanos() {
            return layout.host().longWaitNanos();
        }

        @Override
        public void waitsLong(Gate gate, Thread waiter, long nanos) {
            layout.host().reportLongWait("a page in transit", gate, waiter, nanos);
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
            // Before the page is given up: that must not happen twice.
            pages.down++;
            if (!put && Pte.isOwn(pte)) {
                frames.drop(Pte.frame(pte), gather.worker().magazine());
            }
        }
    }

    /** False if the page is its file's no more. */
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
        FilePages file = fileOf(vma);
        if (file == null || moved.from == null || !Pte.isPresent(pte) || vma.isAnonymous()) {
            return true;
        }
        long page = vma.pageOffset() + layout.geometry().pages(address - vma.start());
        // Truncation notes the size, or marks the frame, and then walks: under this leaf's lock, after its linking.
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
        while (Pte.has(pte, Pte.TRANSIT | Pte.GUARD)) {
            // A truncation has taken over what is becoming a guard.
            awaitOwner(memory, layout, leaf, index, pte);
            pte = Leaf.get(leaf, index);
        }
        Leaf.compareAndSet(leaf, index, Pte.GUARD, Pte.NONE);
    }

    /** What a range's mapping asks of its pages, at an advice; null for nothing. */
    public static @Nullable FilePages fileOf(Vma vma) {
        return vma.traits() != null && vma.traits().pageCache() instanceof FilePages file ? file : null;
    }
}
