// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.vma.Vma;
import java.util.ArrayList;
import java.util.List;

/** What the one open edit of a layout has changed; empty between edits, and used again. Guarded by the layout lock. */
public final class EditLists {
    /** VMAs of the layout that it has taken out. */
    public final List<Vma> gone = new ArrayList<>();

    /** VMAs that it has put. */
    public final ArrayList<Vma> fresh = new ArrayList<>();

    /** Of those taken out, with an open, what was unmapped or replaced: nothing takes over its open. */
    public final List<Vma> displaced = new ArrayList<>();

    /** Of those taken out, which had no identity then: a fault may give them one until they are detached. */
    public final List<Vma> withoutIdentity = new ArrayList<>();

    public void clear() {
        gone.clear();
        fresh.clear();
        displaced.clear();
        withoutIdentity.clear();
    }
}
