// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.backing;

import dev.samara.core.AddressSpace;
import dev.samara.core.fixture.CountingBacking;
import dev.samara.core.mman.Mman;
import java.util.List;
import java.util.Random;

/**
 * Random calls in a small window of a space, nearly all of them on mappings of a few backings. The offsets of
 * neighbouring mappings are contiguous, so most calls split or merge VMAs. Not thread-safe.
 */
public final class BackedCalls {
    public static final long PAGE = 0x1000;

    private static final int[] RIGHTS = {Mman.NONE, Mman.READ, Mman.READ | Mman.WRITE, Mman.READ | Mman.EXEC};
    private static final int[] ADVICE = {
        Mman.NORMAL, Mman.RANDOM, Mman.DONTFORK, Mman.DOFORK, Mman.DONTDUMP, Mman.DODUMP
    };

    private final Random random;
    private final List<? extends CountingBacking> backings;
    private final long place;
    private final int pages;

    /**
     * @param place the start of the window
     * @param pages the number of pages in the window
     */
    public BackedCalls(Random random, List<? extends CountingBacking> backings, long place, int pages) {
        this.random = random;
        this.backings = backings;
        this.place = place;
        this.pages = pages;
    }

    private <T> T oneOf(List<? extends T> list) {
        return list.get(random.nextInt(list.size()));
    }

    private int oneOf(int[] values) {
        return values[random.nextInt(values.length)];
    }

    /** Makes one call, which may fail, and returns its description. */
    public String on(AddressSpace space) {
        int first = random.nextInt(pages - 1);
        long length = (1 + random.nextInt(Math.min(12, pages - first))) * PAGE;
        long start = place + first * PAGE;
        String range = "[" + first + ", +" + length / PAGE + ")";
        int choice = random.nextInt(24);
        return switch (choice) {
            case 0, 1, 2, 3, 4, 5 -> "mmap " + range + " " + map(space, start, length, first);
            case 6, 7, 8 -> "munmap " + range + " " + space.munmap(start, length);
            case 9, 10, 11, 12, 13 -> "mprotect " + range + " " + space.mprotect(start, length, oneOf(RIGHTS));
            case 14, 15 -> "madvise " + range + " " + space.madvise(start, length, oneOf(ADVICE));
            case 16 -> "mlock " + range + " " + space.mlock(start, length);
            case 17 -> "munlock " + range + " " + space.munlock(start, length);
            case 18 -> {
                long wanted = (1 + random.nextInt(12)) * PAGE;
                yield "resize " + range + " " + space.mremap(start, length, wanted, 0, 0);
            }
            case 19, 20 -> "move " + range + " " + move(space, start, length, 0);
            case 21 -> "leave " + range + " " + move(space, start, length, Mman.DONTUNMAP);
            case 22 -> "duplicate " + range + " " + duplicate(space, start, length);
            default -> "asynchronous " + range + " " + asynchronous(space, start, length, first);
        };
    }

    private long map(AddressSpace space, long start, long length, int page) {
        int type = random.nextInt(3) == 0 ? Mman.SHARED : Mman.PRIVATE;
        if (random.nextInt(5) == 0) {
            return space.mmap(start, length, oneOf(RIGHTS), type | Mman.ANONYMOUS | Mman.FIXED, null, 0);
        }
        return space.mmap(start, length, oneOf(RIGHTS), type | Mman.FIXED, oneOf(backings), page * PAGE);
    }

    private long target(long length) {
        return place + random.nextInt(pages - (int) (length / PAGE) + 1) * PAGE;
    }

    private long move(AddressSpace space, long start, long length, int flags) {
        long wanted = flags == 0 && random.nextBoolean() ? (1 + random.nextInt(12)) * PAGE : length;
        return space.mremap(
                start, length, wanted, Mman.MAYMOVE | Mman.MREMAP_FIXED | flags, target(Math.max(length, wanted)));
    }

    private long duplicate(AddressSpace space, long start, long length) {
        return space.mremap(start, 0, length, Mman.MAYMOVE | Mman.MREMAP_FIXED, target(length));
    }

    private String asynchronous(AddressSpace space, long start, long length, int page) {
        return switch (random.nextInt(3)) {
            case 0 -> "munmap " + space.munmapAsync(start, length).isDone();
            case 1 -> {
                int flags = Mman.SHARED | Mman.FIXED;
                yield "mmap "
                        + space.mmapAsync(start, length, oneOf(RIGHTS), flags, oneOf(backings), page * PAGE)
                                .isDone();
            }
            default -> {
                int flags = Mman.MAYMOVE | Mman.MREMAP_FIXED;
                yield "move "
                        + space.mremapAsync(start, length, length, flags, target(length))
                                .isDone();
            }
        };
    }
}
