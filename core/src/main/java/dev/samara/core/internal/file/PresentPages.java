// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.vma.PageCache;

/**
 * The part of a {@link FilePages} that is created with its first page or first change. A file of which no page was ever
 * used has no such part, even if it is mapped.
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
     * Creates the part, without a page.
     *
     * @param file the cache. A thread may refer to nothing but one of the parts created here, so those parts refer to
     *     the cache, which keeps it reachable
     * @param cached the pages of the cache
     * @param mappings the mappings of the file
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
