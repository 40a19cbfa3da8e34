// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.vma.PageCache;

/**
 * The part of a {@link FilePages} that is made with its first page or first change. A mapped file without a used
 * page has no such part.
 */
final class PresentPages {
    final CachedPages cached;
    final Removals removals;
    final Truncation truncation;
    final CleanPageReclaim reclaim;
    final FileBytes bytes;
    final FreshPages fresh;
    final TruncationLog truncations = new TruncationLog();

    /**
     * Makes the part, without a page.
     *
     * @param file the cache, of which a part that may be all that a thread has must keep it reachable
     * @param cached its pages
     * @param mappings its mappings
     */
    PresentPages(PageCache file, MachineMemory memory, CachedPages cached, ReverseMap mappings) {
        this.cached = cached;
        removals = new Removals(file, memory, cached, mappings);
        truncation = new Truncation(memory, cached, removals, truncations);
        reclaim = new CleanPageReclaim(memory, cached, mappings, removals);
        fresh = new FreshPages(file, memory, cached);
        bytes = new FileBytes(memory, cached, fresh, removals, truncation);
        cached.registerAs(new RegisteredPages(memory, cached, reclaim));
    }
}
