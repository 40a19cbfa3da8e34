// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import dev.samara.core.cache.FilePages;
import dev.samara.core.cpu.Context;
import dev.samara.core.page.Frames;
import dev.samara.core.page.Leaf;
import dev.samara.core.page.Memory;
import dev.samara.core.page.PageTable;
import dev.samara.core.page.Pte;
import dev.samara.core.tlb.Discarding;
import dev.samara.core.tlb.TlbGather;
import dev.samara.core.tlb.Zapping;
import dev.samara.core.vma.MmuNotifier;
import dev.samara.core.vma.Vma;
import dev.samara.core.wait.Gate;
import dev.samara.core.wait.Watch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The second phase of an operation in transit: what it has taken away, moved or narrowed is taken out of the page table, nobody can
 * translate to it any more, and only then it is freed, or put where it has been moved. Holds no lock but one leaf's at a time.
 */
final class Retiring {
    private final Layout layout;
    private final Transit transit;
    private final PageTable table;
    private final Memory memory;

    private Retiring(Transit transit, Memory memory) {
        this.transit = transit;
        this.memory = memory;
        layout = transit.operation().layout();
        table = layout.pages();
    }

    /** Retires what a transit of a space with memory has to. */
    static void retire(Transit transit) {
        Memory memory = transit.operation().layout().memoryOrNull();
        if (memory != null) {
            new Retiring(transit, memory).run();
        }
    }

    private void run() {
        boolean unmaps = transit.takesPagesAway();
        if (unmaps) {
            transit.awaitCopies();
        }
        List<Moved> moved = new ArrayList<>(transit.moves().size());
        try (TlbGather gather = gather()) {
            for (Transit.Move move : transit.moves()) {
                moved.add(pickUp(move, gather));
            }
            if (unmaps) {
                zap(transit.reserved(), gather);
            }
            if (transit.stopsFaults()) {
                zap(transit.occupied(), gather);
            } else {
                narrow(transit.occupied(), gather);
            }
            gather.invalidate();
            for (Moved pages : moved) {
                putDown(pages, gather);
            }
        }
        for (PageAction action : transit.actions()) {
            act(action);
        }
    }

    /** Who ends a space that no CPU uses has nobody to flush; the end of a used one takes pages away as any operation does. */
    private TlbGather gather() {
        if (transit.operation().endsSpace()) {
            Context context = table.context();
            memory.cpus().releaseDead();
            // Also if others use it: what is LAZY has no part in what becomes of a closed space.
            memory.cpus().takeOff(context);
            if (context.end()) {
                return new TlbGather(memory, context);
            }
        }
        return new TlbGather(memory);
    }

    private void zap(Ranges ranges, TlbGather gather) {
        for (int i = 0; i < ranges.size(); i++) {
            Zapping.zap(table, ranges.start(i), ranges.end(i), gather);
        }
    }

    /** Rewrites each entry from the VMA that is there now, under the lock of its leaf. */
    private void narrow(Ranges ranges, TlbGather gather) {
        for (int i = 0; i < ranges.size(); i++) {
            long end = ranges.end(i);
            long at = table.nextLeaf(ranges.start(i), end);
            while (Long.compareUnsigned(at, end) < 0) {
                long stop = Edit.lower(table.leafEnd(at), end);
                long[] leaf = table.leaf(at);
                if (leaf != null) {
                    narrow(leaf, at, stop, gather);
                }
                at = table.nextLeaf(stop, end);
            }
        }
    }

    private void narrow(long[] leaf, long start, long end, TlbGather gather) {
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
        private final Transit.Move move;
        private long[] distances = new long[16];
        private long[] entries = new long[16];
        private int size;

        /** How small the file had become when the first page was picked up; null if there is no file. */
        private final FilePages.@Nullable Shrink from;

        Moved(Transit.Move move, FilePages.@Nullable Shrink from) {
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

    private Moved pickUp(Transit.Move move, TlbGather gather) {
        Vma target = layout.find(move.to());
        FilePages file = target == null ? null : fileOf(target);
        Moved moved = new Moved(move, file == null ? null : file.lastShrink());
        long end = move.from() + move.length();
        long at = table.nextLeaf(move.from(), end);
        while (Long.compareUnsigned(at, end) < 0) {
            long stop = Edit.lower(table.leafEnd(at), end);
            long[] leaf = table.leaf(at);
            if (leaf != null && owe(leaf, at, stop, gather)) {
                pickUp(leaf, at, stop, moved);
            }
            at = table.nextLeaf(stop, end);
        }
        return moved;
    }

    /** False if the leaf is dead, and there is nothing in it. */
    private boolean owe(long[] leaf, long start, long end, TlbGather gather) {
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

    private void pickUp(long[] leaf, long start, long end, Moved moved) {
        long pageSize = layout.geometry().pageSize();
        long at = start;
        while (Long.compareUnsigned(at, end) < 0) {
            int index = table.indexOf(at);
            long pte = Leaf.get(leaf, index);
            if (Pte.isInTransit(pte)) {
                // A copy, or a page that is being taken out of its cache: over in a moment, and waits for no operation.
                awaitOwner(memory, layout, leaf, index, pte);
            } else if (pte == Pte.NONE) {
                at += pageSize;
            } else if (moved.hasRoom() && Leaf.compareAndSet(leaf, index, pte, Pte.NONE)) {
                moved.add(at - moved.move.from(), pte);
                at += pageSize;
            }
        }
    }

    /** Waits for who is at an entry; caller must hold no lock. */
    static void awaitOwner(Memory memory, Layout layout, long[] leaf, int index, long pte) {
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

    private void putDown(Moved moved, TlbGather gather) {
        Frames frames = memory.frames();
        for (int i = 0; i < moved.size; i++) {
            long address = moved.move.to() + moved.distances[i];
            long pte = moved.entries[i];
            Vma vma = layout.find(address);
            boolean put = vma != null
                    && Long.compareUnsigned(moved.distances[i], moved.move.length()) < 0
                    && putDown(vma, address, pte, moved);
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
                return Leaf.fill(leaf, table.indexOf(address), Collecting.moved(vma, pte));
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
            case PUNCH -> Objects.requireNonNull(action.file()).punch(action.offset(), action.end() - action.start());
            case GUARD -> guard(action.start(), action.end());
            case UNGUARD -> unguard(action.start(), action.end());
        }
    }

    private void discard(long start, long end) {
        try (Discarding discarding = new Discarding(memory, Pte.NONE)) {
            discarding.discard(table, start, end, (pte, address) -> true);
        }
    }

    private void guard(long start, long end) {
        try (Discarding discarding = new Discarding(memory, Pte.GUARD)) {
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
    static @Nullable FilePages fileOf(Vma vma) {
        return vma.traits() != null && vma.traits().pageCache() instanceof FilePages file ? file : null;
    }
}
