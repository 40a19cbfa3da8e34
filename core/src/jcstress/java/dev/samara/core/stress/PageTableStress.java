// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTable.Leaf;
import dev.samara.core.internal.page.PageTable.TableReserve;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.Geometry;
import java.lang.reflect.Proxy;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;
import org.openjdk.jcstress.infra.results.II_Result;

/** The words by which a walk of a page table, a fault and a flush agree what is mapped. */
public final class PageTableStress {
    private PageTableStress() {}

    /** A page table of a few small tables, in which one page is installed and removed. */
    private static final class OnePage {
        static final long AT = 5 << 9;

        private static final Geometry SMALL = new Geometry(9, 3, 18, 0, 1L << 27, 1L << 27);

        final PageTable table = new PageTable(SMALL);

        static long pte(int frame) {
            return Pte.present(frame, Pte.READ | Pte.OWN);
        }

        /** Installs the page; returns its leaf. */
        long[] install() {
            long[] leaf = table.leafFromReserve(AT, TableReserve.NONE);
            Leaf.lock(leaf);
            Leaf.fill(leaf, table.indexOf(AT), pte(1));
            Leaf.unlock(leaf);
            return leaf;
        }

        /** Removes the page if a walk finds it. Returns the number of removed pages. */
        int unmap() {
            long at = table.nextLeaf(0, SMALL.limit());
            long[] leaf = at == SMALL.limit() ? null : table.leaf(at);
            if (leaf == null) {
                return 0;
            }
            Leaf.lock(leaf);
            try {
                return Leaf.getAndSet(leaf, table.indexOf(AT), Pte.NONE) == Pte.NONE ? 0 : 1;
            } finally {
                Leaf.unlock(leaf);
            }
        }

        int found() {
            return table.get(AT) == Pte.NONE ? 0 : 1;
        }
    }

    /** P3: a fault links a table, then checks that its VMA is attached; an unmap detaches the VMA, then walks. */
    @JCStressTest
    @Outcome(id = "1, 1, 0", expect = ACCEPTABLE, desc = "installed, and found by the walk")
    @Outcome(id = "0, 0, 0", expect = ACCEPTABLE, desc = "not installed")
    @Outcome(expect = FORBIDDEN, desc = "the page outlives its mapping")
    @State
    public static class LinkedThenChecked {
        private final OnePage page = new OnePage();
        private final VmArea vma = VmArea.describe(0, 0x1000, 0, 0, null, null, null);

        public LinkedThenChecked() {
            vma.attach(null, null);
        }

        @Actor
        public void fault(III_Result r) {
            long[] leaf = page.table.leafFromReserve(OnePage.AT, TableReserve.NONE);
            Leaf.lock(leaf);
            try {
                if (!vma.isDetached()) {
                    Leaf.fill(leaf, page.table.indexOf(OnePage.AT), OnePage.pte(1));
                    r.r1 = 1;
                }
            } finally {
                Leaf.unlock(leaf);
            }
        }

        @Actor
        public void unmap(III_Result r) {
            vma.detach();
            r.r2 = page.unmap();
        }

        @Arbiter
        public void end(III_Result r) {
            r.r3 = page.found();
        }
    }

    /**
     * P7: a fault links a table, then checks that the frame still belongs to the page cache; a truncation marks the
     * frame, then walks.
     */
    @JCStressTest
    @Outcome(id = "1, 1, 0", expect = ACCEPTABLE, desc = "installed, and found by the walk")
    @Outcome(id = "0, 0, 0", expect = ACCEPTABLE, desc = "not installed")
    @Outcome(expect = FORBIDDEN, desc = "mapped when the frame is freed")
    @State
    public static class RemovedThenWalked {
        private static final int CACHE = 1;

        /** A store of frames that no thread reads. */
        private static final FrameStore NO_BYTES = (FrameStore) Proxy.newProxyInstance(
                FrameStore.class.getClassLoader(),
                new Class<?>[] {FrameStore.class},
                (store, method, arguments) -> method.getName().equals("extend") ? true : null);

        private final OnePage page = new OnePage();
        private final Frames frames = new Frames(NO_BYTES, 9, 1, 1, false);
        private final int frame = frames.allocateDirty(frames.newMagazine());

        public RemovedThenWalked() {
            frames.assign(frame, CACHE, 0);
        }

        @Actor
        public void fault(III_Result r) {
            long[] leaf = page.table.leafFromReserve(OnePage.AT, TableReserve.NONE);
            Leaf.lock(leaf);
            try {
                if (frames.isCached(frame, CACHE, 0)) {
                    Leaf.fill(leaf, page.table.indexOf(OnePage.AT), OnePage.pte(frame));
                    r.r1 = 1;
                }
            } finally {
                Leaf.unlock(leaf);
            }
        }

        @Actor
        public void truncation(III_Result r) {
            frames.remove(frame);
            r.r2 = page.unmap();
        }

        @Arbiter
        public void end(III_Result r) {
            r.r3 = page.found();
        }
    }

    /**
     * I2: a CPU adds itself to a leaf's cpumask, then reads an entry; a shooter changes the entry, then reads the
     * cpumask.
     */
    @JCStressTest
    @Outcome(id = "1, 1|0, 0|0, 1", expect = ACCEPTABLE, desc = "the new entry, or it is asked")
    @Outcome(id = "1, 0", expect = FORBIDDEN, desc = "has the old entry, and is not asked")
    @State
    public static class HeldThenRead {
        private static final long BIT = 4;

        private final OnePage page = new OnePage();
        private final int index = page.table.indexOf(OnePage.AT);
        private final long[] leaf;

        public HeldThenRead() {
            leaf = page.install();
        }

        @Actor
        public void owner(II_Result r) {
            Leaf.addToCpumask(leaf, index, BIT, false);
            r.r1 = Leaf.get(leaf, index) == Pte.NONE ? 0 : 1;
        }

        @Actor
        public void shooter(II_Result r) {
            Leaf.getAndSet(leaf, index, Pte.NONE);
            r.r2 = (Leaf.cpumask(leaf, index, index) & BIT) == 0 ? 0 : 1;
        }
    }

    /**
     * P17: a walker marks an entry accessed and dirty while an unmap takes it: the entry does not reappear, and the
     * mark is not lost.
     */
    @JCStressTest
    @Outcome(id = "1, 1, 0", expect = ACCEPTABLE, desc = "marked, then taken with the mark")
    @Outcome(id = "0, 0, 0", expect = ACCEPTABLE, desc = "taken, and not marked")
    @Outcome(expect = FORBIDDEN, desc = "the entry is back, or a store was forgotten")
    @State
    public static class UnmappedBesideAWalker {
        private final OnePage page = new OnePage();
        private final int index = page.table.indexOf(OnePage.AT);
        private final long[] leaf;

        public UnmappedBesideAWalker() {
            leaf = page.install();
        }

        @Actor
        public void walker(III_Result r) {
            long pte = Leaf.get(leaf, index);
            if (Pte.isPresent(pte) && Leaf.widen(leaf, index, pte, pte | Pte.ACCESSED | Pte.DIRTY)) {
                r.r1 = 1;
            }
        }

        @Actor
        public void unmap(III_Result r) {
            r.r2 = Pte.has(Leaf.getAndSet(leaf, index, Pte.NONE), Pte.DIRTY) ? 1 : 0;
        }

        @Arbiter
        public void end(III_Result r) {
            r.r3 = page.found();
        }
    }
}
