// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.sync.Ranges;
import dev.samara.core.internal.vma.VmArea;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;

/** The changes of the one open edit of a layout; empty between edits, and reused. Guarded by the layout lock. */
public final class EditLists {
    /** The number of VMAs put back that are removed from the list of those taken out one by one. */
    private static final int FEW_PUT_BACK = 8;

    /** VMAs of the layout that were taken out. */
    public final List<VmArea> gone = new ArrayList<>();

    /** VMAs that were taken out and stored again, and are still listed as taken out. */
    public final List<VmArea> putBack = new ArrayList<>();

    /** VMAs that were stored. */
    public final ArrayList<VmArea> fresh = new ArrayList<>();

    /** VMAs of the layout that may be taken out at once, and their counters. */
    public final List<VmArea> gathered = new ArrayList<>();

    public final Counters ofGathered = new Counters();

    /** VMAs with an open that were unmapped or replaced: no new VMA takes over their open. */
    public final List<VmArea> displaced = new ArrayList<>();

    /** VMAs taken out without an anon_vma: a fault may give them one until they are detached. */
    public final List<VmArea> withoutAnonVma = new ArrayList<>();

    /** The ranges that the edit has claimed. */
    public final Ranges claimed = new Ranges();

    /** Notes that a VMA is stored: a new one, or one that was taken out, which {@link #forgetPutBack} follows. */
    public void put(VmArea vma) {
        if (vma.isFresh()) {
            fresh.add(vma);
        } else {
            putBack.add(vma);
        }
    }

    /** Notes that a VMA leaves the layout, or was stored in vain. */
    public void takeOut(VmArea vma) {
        if (vma.isFresh()) {
            removeLast(fresh, vma);
        } else {
            gone.add(vma);
        }
    }

    /** Removes the VMAs that were put back from those that were taken out. */
    public void forgetPutBack() {
        if (putBack.size() <= FEW_PUT_BACK) {
            for (int i = 0; i < putBack.size(); i++) {
                removeLast(gone, putBack.get(i));
            }
        } else {
            // In one pass, since an edit may put back every second VMA of a space.
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

    public void clearGathered() {
        if (!gathered.isEmpty()) {
            gathered.clear();
            ofGathered.subtractAll(ofGathered);
        }
    }

    public void clear() {
        claimed.clear();
        gone.clear();
        putBack.clear();
        clearGathered();
        fresh.clear();
        displaced.clear();
        withoutAnonVma.clear();
    }
}
