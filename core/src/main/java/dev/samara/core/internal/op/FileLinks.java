// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.vma.VmArea;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The links from mapped files to their VMAs ({@code vma_link_file}, {@code unlink_file_vma}). A VMA is linked before
 * its layout is published, and unlinked after its pages are retired. A thread that removes a page from a file thus
 * finds every entry that maps it.
 */
final class FileLinks {
    private FileLinks() {}

    /** Links VMAs to their files. The caller is about to publish them. */
    static void link(Layout layout, List<VmArea> fresh) {
        if (layout.memoryOrNull() == null) {
            return;
        }
        for (int i = 0; i < fresh.size(); i++) {
            VmArea vma = fresh.get(i);
            FilePages file = FilePages.of(vma);
            if (file != null && file.memory() == layout.memoryOrNull()) {
                vma.link(file.link(vma, layout.pages(), !InFlightOperation.stopsFaultsAt(vma)));
            }
        }
    }

    /** Unlinks new VMAs that are not published. */
    static void undo(List<VmArea> fresh) {
        for (int i = 0; i < fresh.size(); i++) {
            fresh.get(i).unlink();
        }
    }

    /**
     * Unlinks VMAs that were removed from the layout, or passes them to the range in flight that retires their pages.
     */
    static void unlink(List<VmArea> gone, @Nullable PreparedRetirement run) {
        List<VmArea> linked = null;
        for (int i = 0; i < gone.size(); i++) {
            VmArea vma = gone.get(i);
            if (vma.isLinked()) {
                if (run == null) {
                    vma.unlink();
                } else {
                    linked = linked == null ? new ArrayList<>(2) : linked;
                    linked.add(vma);
                }
            }
        }
        if (run != null && linked != null) {
            run.keepLinked(linked);
        }
    }
}
