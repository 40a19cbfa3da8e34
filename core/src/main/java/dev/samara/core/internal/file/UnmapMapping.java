// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.DiscardPages;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The walk that removes the frames of a {@link Removal} from every mapping of the file, and also, for a truncation,
 * private copies beyond the new end ({@code unmap_mapping_pages}).
 *
 * <p>A lookup in the reverse map only records the links that it finds. The walk waits for CPUs after the lookup,
 * because no unlinked link can leave the map while a lookup is under way. By the time a recorded link is walked, its
 * VMA may have been replaced and unlinked. Nevertheless no page is missed:
 *
 * <ul>
 *   <li>A page that was removed from the file is marked removed before the first lookup. No entry is set to the page
 *       after the mark, so the page can only be where it was at that time. If it was in the range of a linked VMA, the
 *       lookup finds this VMA or its successor. If a move or a fork held it, that operation checks the mark under the
 *       lock of the leaf before it sets an entry, and drops the page.
 *   <li>A private copy beyond the end is removed while its link is linked. If the link was unlinked, the entry may
 *       belong to another mapping and stays. If this mapping is the successor of the VMA, the successor was linked
 *       before the link was unlinked. The walk is repeated with a new lookup, which finds the successor, until a walk
 *       meets no unlinked link. A move or a fork that holds copies checks, under the lock of the leaf, the smallest
 *       size of the file since it took them ({@link TruncationLog}).
 *   <li>Copies in the range of a link that is not entered belong to the mapping that its VMA replaces. They stay,
 *       because a fork that started before the replacement must find them. Copies that are installed there later were
 *       either checked as above, or faulted in within the file's size.
 * </ul>
 */
final class UnmapMapping implements ReverseMap.Visitor {
    private final @Nullable AccessChecker checker;
    private final Frames frames;
    private final int pageShift;
    private final DiscardPages discarding;
    private final long first;
    private final long last;
    private final boolean alsoCopies;

    /** The revocations, for the access checker, until the flush of the removed pages is complete. */
    private final ArrayList<AccessChecker.Revocation> revocations = new ArrayList<>(0);

    private final Set<ReverseMap.Link> visited = Collections.newSetFromMap(new IdentityHashMap<>());

    /** The links that the last lookup found and that the walk has not yet visited. */
    private final List<ReverseMap.Link> found = new ArrayList<>();

    /** Whether a private VMA was replaced before its copies could be removed. Its successor was linked before that. */
    private boolean metUnlinked;

    UnmapMapping(MachineMemory memory, DiscardPages discarding, Removal removal) {
        checker = memory.accessChecker();
        frames = memory.frames();
        pageShift = Integer.numberOfTrailingZeros(frames.pageSize());
        this.discarding = discarding;
        first = removal.first();
        last = removal.last();
        alsoCopies = removal.alsoCopies();
    }

    /** Walks the mappings. The removed entries are flushed when the {@link DiscardPages} is finished. */
    void walk(ReverseMap mappings) {
        do {
            mappings.visit(first, last, this);
        } while (discardFound());
    }

    /** Ends the revocations. The caller's flush of the removed pages is complete or has failed. */
    void endRevocations() {
        revocations.forEach(AccessChecker.Revocation::close);
    }

    @Override
    public void visit(ReverseMap.Link link) {
        if (visited.add(link)) {
            found.add(link);
        }
    }

    /** Walks the links that the last lookup found, and may wait for CPUs. Returns whether another lookup is needed. */
    private boolean discardFound() {
        metUnlinked = false;
        for (ReverseMap.Link link : found) {
            discard(link);
        }
        found.clear();
        return metUnlinked;
    }

    private void discard(ReverseMap.Link link) {
        if (!discarding.hold(link.table())) {
            return;
        }
        VmArea vma = link.vma();
        long offset = vma.pageOffset();
        long from = first <= offset ? vma.start() : vma.start() + ((first - offset) << pageShift);
        long span = (last - offset + 1) << pageShift;
        long end = last - offset >= vma.length() >>> pageShift ? vma.end() : vma.start() + span;
        boolean copies = alsoCopies && !vma.hasAny(VmaFlags.SHARED);
        if (checker != null) {
            // A revocation that started must be recorded, so the place in the list is allocated first.
            revocations.ensureCapacity(revocations.size() + 1);
            long space = link.table().number();
            revocations.add(checker.begin("a page leaves its cache", AccessChecker.ALL, space, from, end));
        }
        discarding.discard(link.table(), from, end, (pte, address) -> takes(link, pte, copies));
    }

    private boolean takes(ReverseMap.Link link, long pte, boolean copies) {
        if (Pte.isCached(pte)) {
            return frames.isRemoved(Pte.frame(pte));
        }
        if (!copies || !Pte.isOwn(pte)) {
            return false;
        }
        if (!link.isEntered()) {
            // The page belongs to a mapping that is being replaced. A fork may still have to copy the page, and the
            // replacing operation drops it.
            return false;
        }
        // The page is taken even if the VMA is detached, because an operation that moves the page, or passes it to
        // another VMA, may not have reached it yet.
        boolean isUnlinked = link.isUnlinked();
        metUnlinked |= isUnlinked;
        return !isUnlinked;
    }
}
