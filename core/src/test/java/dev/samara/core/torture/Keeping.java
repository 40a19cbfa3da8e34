// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.AddressSpace;
import dev.samara.core.VmaRef;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import java.util.Random;

/** A page that is replaced without a pause, each time by a backing of its own, beside keepers that never let it go. */
final class Keeping implements Actor {
    private final AddressSpace space;
    private final Counted.Tally tally;
    private final Mischief slow;
    private final long start;

    Keeping(Ground ground, Counted.Tally tally) {
        space = ground.space;
        start = ground.plot();
        slow = ground.mischief;
        this.tally = tally;
    }

    @Override
    public void step(Random random) {
        Counted backing = new Counted(slow, tally, () -> {});
        int flags = MapFlags.PRIVATE | MapFlags.FIXED;
        Ground.succeed(space.mmap(start, Ground.PAGE, Protection.READ, flags, backing, 0));
    }

    /** Keeps it, for a moment only, so that often the keep comes beside the replacing. */
    Actor keeper() {
        return random -> {
            for (int n = 0; n < 100; n++) {
                VmaRef keep = space.keep(start);
                if (keep != null) {
                    if (keep.vma().backing() instanceof Counted backing) {
                        tally.keeps.check(backing.isOpen(), "closed while it was kept");
                    }
                    keep.close();
                }
            }
        };
    }
}
