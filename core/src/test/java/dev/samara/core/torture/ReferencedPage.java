// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.AddressSpace;
import dev.samara.core.VmaRef;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import java.util.Random;

/** A page that is replaced without a pause, each time by a backing of its own, beside keepers that never let it go. */
final class ReferencedPage implements Actor {
    private final AddressSpace space;
    private final OpenCountingBacking.Tally tally;
    private final RandomFailures slow;
    private final long start;

    ReferencedPage(TortureSpace setup, OpenCountingBacking.Tally tally) {
        space = setup.space;
        start = setup.area();
        slow = setup.failures;
        this.tally = tally;
    }

    @Override
    public void step(Random random) {
        OpenCountingBacking backing = new OpenCountingBacking(slow, tally, () -> {});
        int flags = MapFlags.PRIVATE | MapFlags.FIXED;
        TortureSpace.succeed(space.mmap(start, TortureSpace.PAGE, Protection.READ, flags, backing, 0));
    }

    /** Keeps it, for a moment only, so that often the keep comes beside the replacing. */
    Actor keeper() {
        return random -> {
            for (int n = 0; n < 100; n++) {
                VmaRef keep = space.acquire(start);
                if (keep != null) {
                    if (keep.vma().backing() instanceof OpenCountingBacking backing) {
                        tally.keeps.check(backing.isOpen(), "closed while it was kept");
                    }
                    keep.close();
                }
            }
        };
    }
}
