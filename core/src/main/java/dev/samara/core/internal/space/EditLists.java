// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.sync.Ranges;
import dev.samara.core.internal.vma.VmArea;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;

/**
 * The lists of the one open edit of a district: VMAs taken out, VMAs stored, and ranges claimed. Empty between edits,
 * and reused. Guarded by the district's lock.
 *
 * <p>The list of removed VMAs is exact only after {@link #forgetPutBack}, because a VMA that was stored again stays
 * listed until then. An edit may put many VMAs back, and would otherwise have to search the list for each.
 */
public final class EditLists {
    /** Up to this many VMAs that were put back are removed one by one from the list of VMAs taken out. */
    private static final int FEW_PUT_BACK = 8;

    private final List<VmArea> gone = new ArrayList<>();

    /** VMAs that were taken out and stored again, and are still listed as taken out. */
    private final List<VmArea> putBack = new ArrayList<>();

    private final ArrayList<VmArea> fresh = new ArrayList<>();
    private final Gathered gathered = new Gathered();
    private final List<VmArea> displaced = new ArrayList<>();
    private final List<VmArea> withoutAnonVma = new ArrayList<>();
    private final Ranges claimed = new Ranges();

    /** VMAs of the layout that may be taken out together, and their counters. */
    public static final class Gathered {
        private final List<VmArea> vmas = new ArrayList<>();
        private final LayoutCounters counters = new LayoutCounters();

        private Gathered() {}

        public List<VmArea> vmas() {
            return vmas;
        }

        /** Returns the sum of the VMAs' counters, which the caller keeps up to date. */
        public LayoutCounters counters() {
            return counters;
        }

        public void clear() {
            if (!vmas.isEmpty()) {
                vmas.clear();
                counters.subtractAll(counters);
            }
        }
    }

    /** Returns the VMAs of the layout that were taken out. */
    public List<VmArea> gone() {
        return gone;
    }

    /** Returns the new VMAs that were stored. */
    public List<VmArea> fresh() {
        return fresh;
    }

    /** Reserves capacity for an approximate number of new VMAs. */
    public void expect(int vmas) {
        fresh.ensureCapacity(vmas);
    }

    public Gathered gathered() {
        return gathered;
    }

    /** Returns the VMAs with an open that were unmapped or replaced, and whose open no new VMA takes over. */
    public List<VmArea> displaced() {
        return displaced;
    }

    /**
     * Returns the VMAs that were taken out without an anon_vma. A fault may set their anon_vma until they are detached.
     */
    public List<VmArea> withoutAnonVma() {
        return withoutAnonVma;
    }

    /** Returns the ranges that the edit claimed. */
    public Ranges claimed() {
        return claimed;
    }

    /**
     * Records that a VMA is stored. The VMA is new, or was taken out; in the latter case the caller later calls {@link
     * #forgetPutBack}.
     */
    public void put(VmArea vma) {
        if (vma.isFresh()) {
            fresh.add(vma);
        } else {
            putBack.add(vma);
        }
    }

    /** Records that a VMA is taken out: one of the layout, or a new one that this edit stored. */
    public void takeOut(VmArea vma) {
        if (vma.isFresh()) {
            removeLast(fresh, vma);
        } else {
            gone.add(vma);
        }
    }

    /** Removes the VMAs that were put back from the list of VMAs taken out. */
    public void forgetPutBack() {
        if (putBack.size() <= FEW_PUT_BACK) {
            for (int i = 0; i < putBack.size(); i++) {
                removeLast(gone, putBack.get(i));
            }
        } else {
            // In one pass, because an edit may put back every second VMA of a space.
            Set<VmArea> all = Collections.newSetFromMap(new IdentityHashMap<>());
            all.addAll(putBack);
            gone.removeIf(all::contains);
        }
        putBack.clear();
    }

    private static void removeLast(List<VmArea> list, VmArea vma) {
        for (int i = list.size() - 1; i >= 0; i--) {
            if (list.get(i) == vma) {
                list.remove(i);
                return;
            }
        }
        throw new IllegalStateException("not known to this edit: " + vma);
    }

    public void clear() {
        claimed.clear();
        gone.clear();
        putBack.clear();
        gathered.clear();
        fresh.clear();
        displaced.clear();
        withoutAnonVma.clear();
    }
}
