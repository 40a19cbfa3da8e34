// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.AddressSpace;
import dev.samara.core.mman.Mman;
import java.util.Random;

/**
 * Maps, protects, resizes, moves and unmaps at any free address, so that tree nodes split and merge around all other
 * actors.
 */
final class RandomCalls implements Actor {
    private static final int MOST = 256;

    private final AddressSpace space;
    private final long[] starts = new long[MOST];
    private final long[] lengths = new long[MOST];

    RandomCalls(TortureSpace setup) {
        space = setup.space;
    }

    @Override
    public void step(Random random) {
        int n = random.nextInt(MOST);
        int pages = 1 + random.nextInt(32);
        if (lengths[n] == 0) {
            lengths[n] = pages * TortureSpace.PAGE;
            starts[n] = TortureSpace.succeed(
                    space.mmap(0, lengths[n], TortureSpace.rights(random.nextInt(4)), TortureSpace.ANYWHERE, null, 0));
            return;
        }
        switch (random.nextInt(4)) {
            case 0 -> {
                long half = (lengths[n] / TortureSpace.PAGE + 1) / 2 * TortureSpace.PAGE;
                TortureSpace.succeed(space.mprotect(starts[n], half, TortureSpace.rights(random.nextInt(4))));
                // In one mapping again, as mremap requires.
                TortureSpace.succeed(space.mprotect(starts[n], lengths[n], TortureSpace.rights(n)));
            }
            case 1 -> resize(n, pages * TortureSpace.PAGE);
            default -> {
                TortureSpace.succeed(space.munmap(starts[n], lengths[n]));
                lengths[n] = 0;
            }
        }
    }

    private void resize(int n, long length) {
        long moved = space.mremap(starts[n], lengths[n], length, Mman.MAYMOVE, 0);
        // Memory that had different neighbours before may still consist of several mappings. Then the call is refused
        // and changes nothing.
        if (moved > 0) {
            starts[n] = moved;
            lengths[n] = length;
        }
    }
}
