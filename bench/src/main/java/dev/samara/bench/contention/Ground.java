// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import static dev.samara.core.mman.Mman.ANONYMOUS;
import static dev.samara.core.mman.Mman.FIXED;
import static dev.samara.core.mman.Mman.NORESERVE;
import static dev.samara.core.mman.Mman.PRIVATE;
import static dev.samara.core.mman.Mman.READ;
import static dev.samara.core.mman.Mman.WRITE;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.mman.Errno;
import dev.samara.core.vma.Geometry;
import java.util.SplittableRandom;

/**
 * The space that the threads share. It contains mappings of eight pages with a hole after each; all threads look them
 * up, and none changes them. Far away from these mappings, each thread changes its own range.
 */
final class Ground {
    static final long PAGE = 4096;
    static final long LENGTH = 8 * PAGE;
    static final int HERE = PRIVATE | ANONYMOUS | FIXED | NORESERVE;

    /** The number of picks drawn; threads cycle through them. A power of two. */
    static final int PICKS = 1 << 12;

    private static final long COMMON = 0x1000_0000_0000L;
    private static final long OWN = 0x2000_0000_0000L;

    private Ground() {}

    static AddressSpace prepare(int vmas) {
        AddressSpace space =
                Machine.builder().maxMapCount(vmas + 10_000).build().newSpace(Geometry.LINUX_X86_64);
        for (int i = 0; i < vmas; i++) {
            done(space.mmap(common(i), LENGTH, i % 2 == 0 ? READ : READ | WRITE, HERE, null, 0));
        }
        return space;
    }

    /** Creates mappings between the ranges of the first two threads. */
    static void fillBetween(AddressSpace space, int vmas) {
        long start = own(0) + (1L << 29);
        for (int i = 0; i < vmas; i++) {
            done(space.mmap(start + i * 2L * LENGTH, LENGTH, READ, HERE, null, 0));
        }
    }

    private static long common(int i) {
        return COMMON + i * 2L * LENGTH;
    }

    /** Returns addresses that are always mapped. */
    static long[] picks(int vmas, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        long[] picks = new long[PICKS];
        for (int i = 0; i < PICKS; i++) {
            picks[i] = common(random.nextInt(vmas)) + random.nextLong(LENGTH);
        }
        return picks;
    }

    /** Returns the start of a thread's own range, which is 1 GiB long. */
    static long own(int thread) {
        return OWN + ((long) thread << 30);
    }

    /** Returns the result of an operation, or throws if the operation failed. */
    static long done(long result) {
        if (Errno.isError(result)) {
            throw new IllegalStateException("an operation failed: " + Errno.of(result));
        }
        return result;
    }
}
