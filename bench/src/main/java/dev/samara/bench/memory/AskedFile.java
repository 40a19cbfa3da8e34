// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.memory;

import dev.samara.core.backing.CachedBacking;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.PageWindow;

/** A file without fault-around, so that each fault requests its page. */
final class AskedFile extends CachedBacking {
    AskedFile(PageCache cache) {
        super("/asked", cache);
    }

    @Override
    public void rcuMapPages(PageWindow window) {
        // Maps nothing, so that the fault requests the page.
    }

    @Override
    protected boolean read(long page, int frame, FrameStore store) {
        return true;
    }
}
