// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.vma.PageCache;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The part of a {@link FilePages} that it has from its first page or its first change on. A mapped file without a used
 * page has no such part.
 */
final class PresentPages {
    final CachedPages cached;
    final Removals removals;
    final Truncation truncation;
    final CleanPageReclaim reclaim;
    final FileBytes bytes;
    final FreshPages fresh;
    final WriteBack writeBack;

    /* Null for a file whose pages are not evicted. Set before its first page. */

    private @Nullable Eviction eviction;
    private @Nullable EvictionHand hand;
    private @Nullable ReadPages reads;

    final ShrinkLog shrinks = new ShrinkLog();

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
        truncation = new Truncation(memory, cached, removals, shrinks);
        reclaim = new CleanPageReclaim(memory, cached, mappings, removals);
        fresh = new FreshPages(file, memory, cached);
        bytes = new FileBytes(memory, cached, fresh, removals, truncation);
        writeBack = new WriteBack(memory, cached, mappings, removals);
        cached.registerAs(new RegisteredPages(memory, cached, reclaim));
    }

    /** Has pages read and evicted from now on. */
    void evict(
            PageCache file,
            MachineMemory memory,
            ReverseMap mappings,
            AtomicLong counter,
            UrgentEviction evictor,
            RecentReads recent,
            SpareWalk spare) {
        EvictionHand evictionHand = cached.evictBy(counter, evictor);
        PagesOut out = new PagesOut();
        reads = new ReadPages(file, memory, cached, recent, out);
        EvictionBatch batch = new EvictionBatch(memory.frames(), cached, evictionHand, recent, out);
        eviction = new Eviction(memory, mappings, removals, batch, spare);
        hand = evictionHand;
        mappings.whenUnlocked(evictionHand::noteUnlocked);
    }

    ReadPages reads() {
        return Objects.requireNonNull(reads, "reads");
    }

    EvictionHand hand() {
        return Objects.requireNonNull(hand, "hand");
    }

    Eviction eviction() {
        return Objects.requireNonNull(eviction, "eviction");
    }
}
