// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.AddressSpace;
import dev.samara.core.LayoutSnapshot;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * An area that one actor changes with one call after another. Before each call, it records the pages that the call will
 * leave as a new version. So each snapshot must equal one of the versions that were current while it was taken.
 */
final class RecordedVersions implements Actor {
    private static final int PAGES = 16;
    private static final int RING = 1 << 14;
    private static final int UNMAPPED = -1;

    private final AddressSpace space;
    private final long start;

    /** Version n is at index n modulo the length. */
    private final AtomicReferenceArray<int[]> ring = new AtomicReferenceArray<>(RING);

    /** The latest asynchronous unmapping, which may not be complete yet. */
    private CompletableFuture<Long> latest = CompletableFuture.completedFuture(0L);

    /** The latest version that may be seen. */
    private volatile int begun;

    /** The latest version that must be seen: no later snapshot may show an older one. */
    private volatile int done;

    RecordedVersions(TortureSpace setup) {
        space = setup.space;
        start = setup.area();
        int[] nothing = new int[PAGES];
        Arrays.fill(nothing, UNMAPPED);
        ring.set(0, nothing);
    }

    @Override
    public void step(Random random) {
        int[] pages = ring.get(done % RING).clone();
        int first = random.nextInt(PAGES);
        int count = 1 + random.nextInt(PAGES - first);
        int rights = random.nextInt(4);
        long address = start + first * TortureSpace.PAGE;
        long length = count * TortureSpace.PAGE;
        switch (random.nextInt(4)) {
            case 0 -> {
                begin(pages, first, count, UNMAPPED);
                TortureSpace.succeed(space.munmap(address, length));
            }
            case 1 -> {
                begin(pages, first, count, UNMAPPED);
                TortureSpace.succeed(latest.getNow(0L));
                latest = space.munmapAsync(address, length);
            }
            case 2 -> {
                begin(pages, first, count, rights);
                TortureSpace.succeed(space.mmap(address, length, rights, TortureSpace.FIXED, null, 0));
            }
            default -> {
                // Takes effect up to the first hole, as on Linux.
                int mapped = 0;
                while (mapped < count && pages[first + mapped] != UNMAPPED) {
                    mapped++;
                }
                begin(pages, first, mapped, rights);
                space.mprotect(address, length, rights);
            }
        }
        done = begun;
    }

    private void begin(int[] pages, int first, int count, int value) {
        Arrays.fill(pages, first, first + count, value);
        int next = begun + 1;
        ring.set(next % RING, pages);
        begun = next;
    }

    /** Takes snapshots, which must not go back to an older version either. */
    Actor watcher(Checker checker) {
        int[] newest = {0};
        return random -> {
            int from = Math.max(done, newest[0]);
            int[] seen = pages(space.snapshot());
            int to = begun;
            int match = match(seen, from, to);
            // The version may have been overwritten before the comparison, if this thread was not scheduled for a long
            // time.
            if (begun - from < RING) {
                checker.check(match >= 0, "a snapshot that was the layout at no instant: " + Arrays.toString(seen));
            }
            newest[0] = Math.max(newest[0], match);
        };
    }

    private int match(int[] seen, int from, int to) {
        for (int version = from; version <= to; version++) {
            if (Arrays.equals(seen, ring.get(version % RING))) {
                return version;
            }
        }
        return -1;
    }

    private int[] pages(LayoutSnapshot now) {
        int[] pages = new int[PAGES];
        Arrays.setAll(pages, page -> rights(now.find(start + page * TortureSpace.PAGE)));
        return pages;
    }

    private static int rights(@Nullable Vma vma) {
        if (vma == null) {
            return UNMAPPED;
        }
        return (vma.has(VmaFlags.READ) ? Mman.READ : 0) | (vma.has(VmaFlags.WRITE) ? Mman.WRITE : 0);
    }
}
