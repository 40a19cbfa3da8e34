// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.file.SharedAnonymous;
import dev.samara.core.internal.vma.Open;
import java.util.ArrayList;
import java.util.List;

/**
 * The contents of the shared objects that an edit maps. They stay open until the edit is closed, because the VMAs that
 * will share them are not attached yet, and the content to which an object's cached traits refer may have ended.
 */
final class SharedContents {
    private List<Open> opens = List.of();

    /** Opens the current content of an object. */
    void open(SharedAnonymous object) {
        // Ensures the capacity first, because an open that is not in the list would never be dropped, and would keep
        // the content forever.
        ArrayList<Open> more = new ArrayList<>(opens.size() + 1);
        more.addAll(opens);
        opens = more;
        more.add(object.open());
    }

    /** Drops the opens. The caller holds no lock of a layout. */
    void drop() {
        for (int i = 0; i < opens.size(); i++) {
            opens.get(i).put();
        }
    }
}
