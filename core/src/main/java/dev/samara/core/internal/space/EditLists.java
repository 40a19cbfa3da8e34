// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.sync.Ranges;
import dev.samara.core.internal.vma.VmArea;
import java.util.ArrayList;
import java.util.List;

/** The changes of the one open edit of a layout; empty between edits, and reused. Guarded by the layout lock. */
public final class EditLists {
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
