// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.file.SharedAnonymous;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.Open;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The contents of the shared objects that an edit maps. Each stays open until the edit is closed: the VMA that will
 * have a share is not attached yet, and the content in the known traits of an object may have ended.
 */
public final class SharedContents {
    private List<Open> opens = List.of();

    SharedContents() {}

    /**
     * Creates the object of the shared mapping that is stored next, charged if {@code reserve}; returns null for
     * ENOMEM.
     */
    public static @Nullable SharedAnonymous create(Edit edit, long length, boolean reserve) {
        SharedAnonymous made = edit.commitment().shareAnonymous(edit.counters, length, reserve);
        if (made != null) {
            edit.contents().open(made);
        }
        return made;
    }

    /**
     * Returns the traits of a new mapping. For a shared object these are the traits of its current content, and this
     * opens that content.
     */
    public static BackingTraits current(Edit edit, BackingTraits known) {
        if (!(known.backing() instanceof SharedAnonymous object)) {
            return known;
        }
        edit.contents().open(object);
        return object.traits(known);
    }

    private void open(SharedAnonymous object) {
        // Capacity first: an open that is not dropped would keep the content forever.
        ArrayList<Open> more = new ArrayList<>(opens.size() + 1);
        more.addAll(opens);
        opens = more;
        more.add(object.open());
    }

    /** Drops the opens. Caller holds no lock of a layout. */
    void drop() {
        for (int i = 0; i < opens.size(); i++) {
            opens.get(i).put();
        }
    }
}
