// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.memory.MachineMemory;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The part of a {@link FilePages} that it has from its first page or its first change on. A mapped file without a used
 * page has no such part.
 */
final class PresentPages {
    final CachedPages cached;
    final Removals removals;
    final Truncation truncation;
    final Reclaim reclaim;
    final FileBytes bytes;
    final FreshPages fresh;
    final WriteBack writeBack;

    /* Null for a file whose pages are not evicted. Set before its first page. */

    private @Nullable Eviction eviction;
    private @Nullable EvictionHand hand;
    private @Nullable ReadPages reads;

    final ShrinkLog shrinks = new ShrinkLog();

    PresentPages(FilePages file, MachineMemory memory, long size, ReverseMap mappings) {
        cached = new CachedPages(file, memory, size);
        removals = new Removals(file, memory, cached, mappings);
        truncation = new Truncation(memory, cached, removals, shrinks);
        reclaim = new Reclaim(memory, cached, mappings, removals);
        bytes = new FileBytes(file, memory, cached);
        fresh = new FreshPages(file, memory, cached);
        writeBack = new WriteBack(memory, cached, mappings, removals);
    }

    /** Has pages read and evicted from now on. */
    void evict(
            FilePages file,
            MachineMemory memory,
            ReverseMap mappings,
            EvictionHand evictionHand,
            RecentReads recent,
            SpareWalk spare) {
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
