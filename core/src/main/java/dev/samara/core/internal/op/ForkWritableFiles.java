// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.file.Seals;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.VmaFlags;
import dev.samara.maple.Snapshot;
import java.util.ArrayList;
import java.util.List;

/**
 * Files that a fork will map writable. They count as mapped from the fork's instant until the child's own mappings
 * exist. Otherwise the parent could unmap its own mappings concurrently, and a thread that adds a seal would find no
 * mapping.
 */
public final class ForkWritableFiles {
    private final List<Seals> held = new ArrayList<>(0);

    /** Holds the files of a layout. The caller holds the layout lock, so each file is mapped. */
    public void hold(Snapshot<VmArea> vmas) {
        vmas.forEach((first, last, vma) -> {
            BackingTraits file = vma.traits();
            Seals seals = file != null && vma.has(VmaFlags.SHARED | VmaFlags.MAYWRITE) ? FilePages.sealsOf(file) : null;
            if (seals != null) {
                // Added to the list first, because a hold that is not in the list would never end.
                held.add(seals);
                if (!seals.tryMap()) {
                    held.remove(held.size() - 1);
                }
            }
        });
    }

    /** Ends the holds. Needs no memory. */
    public void end() {
        for (int i = 0; i < held.size(); i++) {
            held.get(i).unmap();
        }
    }
}
