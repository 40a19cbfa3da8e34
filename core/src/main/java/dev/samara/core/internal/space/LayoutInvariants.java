// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.file.SharedAnonymous;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.Geometry;
import dev.samara.maple.RangeEntry;
import java.util.Locale;

/** The invariants of a layout that hold whenever its lock is free; for tests. */
final class LayoutInvariants {
    private LayoutInvariants() {}

    /** Checks a layout. Caller holds the layout lock. */
    static void of(Layout layout) {
        Counters recounted = recount(layout);
        Counters counters = layout.counters();
        for (InFlightRange range : layout.inFlight().ranges()) {
            Counters uncharged = range.uncharged();
            if (uncharged != null) {
                recounted.add(uncharged);
            }
            check(layout, range);
        }
        if (!recounted.sameAs(counters)) {
            throw new AssertionError("counted " + recounted + ", but the layout says " + counters);
        }
    }

    private static Counters recount(Layout layout) {
        Geometry geometry = layout.geometry();
        Counters recounted = new Counters();
        for (RangeEntry<VmArea> entry : layout.tree().entries()) {
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
            InFlightRange range = InFlightGate.rangeOf(vma);
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

    private static void check(Layout layout, InFlightRange range) {
        if (range.gate().isOpen()) {
            throw new AssertionError(range + " is complete and still listed");
        }
        for (int i = 0; i < range.occupied().size() && !range.isJoining(); i++) {
            VmArea vma = layout.find(range.occupied().start(i));
            if (vma == null || vma.gate() != range.gate()) {
                throw new AssertionError(range + " has lost its VMA: " + vma);
            }
        }
    }
}
