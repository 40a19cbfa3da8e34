// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.AddressSpace;
import dev.samara.core.LayoutSnapshot;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Vma;
import java.util.Random;

/**
 * A range that is always mapped. mprotect splits it, and MAP_FIXED replaces it as a whole. Readers must never find a
 * hole.
 */
final class ReplacedRange implements Actor {
    private static final int PAGES = 64;

    private final AddressSpace space;
    private final long start;

    ReplacedRange(TortureSpace setup) {
        space = setup.space;
        start = setup.area();
        replace(1);
    }

    private void replace(int rights) {
        TortureSpace.succeed(
                space.mmap(start, PAGES * TortureSpace.PAGE, TortureSpace.rights(rights), TortureSpace.FIXED, null, 0));
    }

    @Override
    public void step(Random random) {
        int pieces = random.nextInt(6);
        for (int n = 0; n < pieces; n++) {
            int first = random.nextInt(PAGES);
            int pages = 1 + random.nextInt(PAGES - first);
            long from = start + first * TortureSpace.PAGE;
            TortureSpace.succeed(
                    space.mprotect(from, pages * TortureSpace.PAGE, TortureSpace.rights(random.nextInt(4))));
        }
        replace(random.nextInt(4));
    }

    /** Looks up single pages. */
    Actor finder(Checker checker) {
        return random -> {
            for (int n = 0; n < 100; n++) {
                long address = start + random.nextInt(PAGES) * TortureSpace.PAGE;
                Vma found = space.find(address);
                checker.check(found != null && found.contains(address), "a hole, or another VMA, where all is mapped");
            }
        };
    }

    /**
     * Accesses single pages: an access may have to wait while its page is replaced, but never finds the page missing.
     */
    Actor accessor(Checker checker) {
        return random -> {
            for (int n = 0; n < 20; n++) {
                int events = space.resolve(start + random.nextInt(PAGES) * TortureSpace.PAGE, Mman.READ);
                checker.check(events == Fault.NONE || events == Fault.ACCERR, "a page that is replaced: " + events);
            }
        };
    }

    /** Walks snapshots: the VMAs of the range must join without a hole. */
    Actor walker(Checker checker) {
        return random -> {
            LayoutSnapshot now = space.snapshot();
            long end = start;
            Vma next = now.find(end);
            while (next != null && end < start + PAGES * TortureSpace.PAGE) {
                checker.check(next.start() == end, "two mappings that overlap, or one that reaches in from outside");
                end = next.end();
                next = now.find(end);
            }
            checker.check(end == start + PAGES * TortureSpace.PAGE, "a snapshot with a hole where all is mapped");
        };
    }
}
