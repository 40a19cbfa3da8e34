// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.file.SharedAnonymous;
import dev.samara.core.internal.pagewalk.VmaLookup;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.Geometry;
import dev.samara.maple.RangeEntry;
import java.util.Locale;

/** The invariants of a layout that hold whenever its lock is free; for tests. */
final class LayoutInvariants {
    private LayoutInvariants() {}

    /** Checks a layout whose VMAs {@code lookup} finds. Caller holds the layout lock. */
    static void check(Geometry geometry, District whole, VmaLookup lookup) {
        LayoutCounters recounted = recount(geometry, whole);
        LayoutCounters counters = whole.counters();
        for (InFlightOperation range : whole.inFlight().operations()) {
            LayoutCounters uncharged = range.uncharged();
            if (uncharged != null) {
                recounted.add(uncharged);
            }
            check(lookup, range);
        }
        if (!recounted.sameAs(counters)) {
            throw new AssertionError("counted " + recounted + ", but the layout says " + counters);
        }
    }

    private static LayoutCounters recount(Geometry geometry, District whole) {
        LayoutCounters recounted = new LayoutCounters();
        for (RangeEntry<VmArea> entry : whole.tree().entries()) {
            VmArea vma = entry.value();
            if (vma.start() != entry.first() || vma.end() - 1 != entry.last()) {
                throw new AssertionError(
                        String.format(Locale.ROOT, "tree has %x..%x for VMA %s", entry.first(), entry.last(), vma));
            }
            if (!geometry.isAligned(vma.start()) || !geometry.isAligned(vma.end())) {
                throw new AssertionError("VMA " + vma + " is not aligned");
            }
            if (vma.isDetached()) {
                throw new AssertionError("VMA " + vma + " is in the tree and detached");
            }
            InFlightOperation range = InFlightOperation.of(vma);
            if (range != null && !range.occupied().contain(vma.start())) {
                throw new AssertionError("VMA " + vma + " belongs to " + range + ", which does not know it");
            }
            if (vma.backing() instanceof SharedAnonymous object && object.contentOf(vma) != vma.open()) {
                throw new AssertionError("VMA " + vma + " has no share of its object's content");
            }
            recounted.count(vma, geometry.pages(vma.length()), 1);
        }
        return recounted;
    }

    private static void check(VmaLookup lookup, InFlightOperation range) {
        if (range.gate().isOpen()) {
            throw new AssertionError(range + " is complete and still listed");
        }
        for (int i = 0; i < range.occupied().size() && !range.isJoining(); i++) {
            VmArea vma = lookup.find(range.occupied().start(i));
            if (vma == null || vma.gate() != range.gate()) {
                throw new AssertionError(range + " has lost its VMA: " + vma);
            }
        }
    }
}
