// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.AddressSpace;
import dev.samara.core.LayoutSnapshot;
import dev.samara.core.mman.Mman;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * A mapping that moves between two places. It must never be in both places or in neither, because mremap is atomic, and
 * so is a fork's copy.
 */
final class MovedMapping implements Actor {
    private static final int PAGES = 8;

    private final AddressSpace space;
    private final long here;
    private final long there;
    private boolean isHere = true;

    MovedMapping(TortureSpace setup) {
        space = setup.space;
        here = setup.area();
        there = setup.area();
        TortureSpace.succeed(space.mmap(here, PAGES * TortureSpace.PAGE, Mman.READ, TortureSpace.FIXED, null, 0));
    }

    @Override
    public void step(Random random) {
        long length = PAGES * TortureSpace.PAGE;
        TortureSpace.succeed(
                space.mremap(isHere ? here : there, length, length, TortureSpace.MOVE_TO, isHere ? there : here));
        isHere = !isHere;
    }

    private @Nullable String broken(LayoutSnapshot now) {
        boolean seenHere = now.find(here) != null;
        boolean seenThere = now.find(there) != null;
        for (int page = 1; page < PAGES; page++) {
            if (seenHere != (now.find(here + page * TortureSpace.PAGE) != null)) {
                return "half of a moved range";
            }
        }
        if (seenHere == seenThere) {
            return seenHere ? "in both places" : "in none";
        }
        return null;
    }

    private void check(Checker checker, LayoutSnapshot now) {
        String broken = broken(now);
        checker.check(broken == null, broken == null ? "" : broken);
    }

    /** Checks snapshots. */
    Actor watcher(Checker checker) {
        return random -> check(checker, space.snapshot());
    }

    /** Checks the copies that forks create, and that each copy leaves nothing behind when it is closed. */
    Actor forker(Checker atomic, Checker leaks) {
        return random -> {
            AddressSpace child = space.fork();
            child.validate();
            check(atomic, child.snapshot());
            child.close();
            leaks.check(child.usage().total() == 0 && child.usage().maps() == 0, "a closed child holds memory");
        };
    }
}
