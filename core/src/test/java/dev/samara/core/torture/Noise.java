// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.AddressSpace;
import dev.samara.core.mman.RemapFlags;
import java.util.Random;

/** Maps anywhere, protects, resizes, moves and unmaps, so that nodes split and merge around everybody else. */
final class Noise implements Actor {
    private static final int MOST = 256;

    private final AddressSpace space;
    private final long[] starts = new long[MOST];
    private final long[] lengths = new long[MOST];

    Noise(Ground ground) {
        space = ground.space;
    }

    @Override
    public void step(Random random) {
        int n = random.nextInt(MOST);
        int pages = 1 + random.nextInt(32);
        if (lengths[n] == 0) {
            lengths[n] = pages * Ground.PAGE;
            starts[n] = Ground.succeed(
                    space.mmap(0, lengths[n], Ground.rights(random.nextInt(4)), Ground.ANYWHERE, null, 0));
            return;
        }
        switch (random.nextInt(4)) {
            case 0 -> {
                long half = (lengths[n] / Ground.PAGE + 1) / 2 * Ground.PAGE;
                Ground.succeed(space.mprotect(starts[n], half, Ground.rights(random.nextInt(4))));
                // In one piece again, which mremap asks for.
                Ground.succeed(space.mprotect(starts[n], lengths[n], Ground.rights(n)));
            }
            case 1 -> resize(n, pages * Ground.PAGE);
            default -> {
                Ground.succeed(space.munmap(starts[n], lengths[n]));
                lengths[n] = 0;
            }
        }
    }

    private void resize(int n, long length) {
        long moved = space.mremap(starts[n], lengths[n], length, RemapFlags.MAYMOVE, 0);
        // Memory that had different neighbours before may be of several mappings still: refused, and nothing
        // has changed.
        if (moved > 0) {
            starts[n] = moved;
            lengths[n] = length;
        }
    }
}
