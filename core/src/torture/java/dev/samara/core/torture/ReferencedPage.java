// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.AddressSpace;
import dev.samara.core.VmaRef;
import dev.samara.core.mman.Mman;
import java.util.Random;

/**
 * A page that is replaced continuously, each time with a new backing, concurrently with a thread that acquires
 * references to it.
 */
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
        int flags = Mman.PRIVATE | Mman.FIXED;
        TortureSpace.succeed(space.mmap(start, TortureSpace.PAGE, Mman.READ, flags, backing, 0));
    }

    /** Acquires references and releases each one immediately, often while the page is replaced. */
    Actor holder() {
        return random -> {
            for (int n = 0; n < 100; n++) {
                VmaRef reference = space.acquire(start);
                if (reference != null) {
                    if (reference.vma().backing() instanceof OpenCountingBacking backing) {
                        tally.openWhileHeld.check(backing.isOpen(), "closed while it was referenced");
                    }
                    reference.close();
                }
            }
        };
    }
}
