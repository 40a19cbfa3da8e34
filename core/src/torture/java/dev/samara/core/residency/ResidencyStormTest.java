// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.residency;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.PageTableRef;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.CountedPages;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.PagedFile;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import dev.samara.testing.Share;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Threads that fault in pages, concurrently with threads that remove, move, copy, guard, truncate and reap the pages.
 */
@ExtendWith(OneThread.class)
final class ResidencyStormTest {
    private static final long SEED = Long.getLong("samara.seed", System.nanoTime());
    private static final int ROUNDS = Boolean.getBoolean("samara.torture")
            ? 20
            : Share.of("ResidencyStormTest", 4).steps(3);
    private static final int STEPS = 400;
    private static final long PAGE = SpaceFixture.PAGE;

    /** The number of pages of a place, which spans a border between leaves. */
    private static final long PAGES = 96;

    private static final int PLACES = 7;
    private static final long FIRST = 0x4000_0000L - PAGES / 2 * PAGE;
    private static final long STRIDE = 0x4000_0000L;

    /** A place without its own mapping, to which pages are moved. */
    private static final int TARGET = 6;

    private final SpaceFixture fixture = new SpaceFixture(1 << 13);
    private final AddressSpace space = fixture.space;
    private final MemoryFile file = fixture.file(PAGES);
    private final PagedFile paged = new PagedFile(fixture, PAGES);

    private static long start(int place) {
        return FIRST + place * STRIDE;
    }

    private @Nullable Backing backingOf(int place) {
        return place < 2 ? null : place < 4 ? file.open() : paged;
    }

    private void mapPlace(int place) {
        int type = place % 2 == 0 ? Mman.PRIVATE : Mman.SHARED;
        int anonymous = place < 2 ? Mman.ANONYMOUS : 0;
        space.mmap(start(place), PAGES * PAGE, SpaceFixture.RW, type | anonymous | Mman.FIXED, backingOf(place), 0);
    }

    private static long page(Random random) {
        return random.nextInt((int) PAGES) * PAGE;
    }

    private void touch(Random random) {
        try (Cpu cpu = fixture.machine.claimCpu()) {
            cpu.switchTo(space);
            for (int i = 0; i < STEPS * 8; i++) {
                long address = start(random.nextInt(PLACES)) + page(random);
                if (random.nextBoolean()) {
                    cpu.memory().load(address, 8);
                } else {
                    cpu.memory().store(address, 8, i);
                }
            }
        }
    }

    private void change(Random random) {
        for (int i = 0; i < STEPS; i++) {
            int place = random.nextInt(PLACES - 1);
            long offset = page(random);
            long length = Math.min(PAGES * PAGE - offset, (1 + random.nextInt(24)) * PAGE);
            change(random, place, start(place) + offset, offset, length);
        }
    }

    private void change(Random random, int place, long at, long offset, long length) {
        switch (random.nextInt(15)) {
            case 0, 1 -> space.madvise(at, length, Mman.DONTNEED);
            case 2 -> mapPlace(place);
            case 3 -> space.munmap(at, length);
            case 4 -> space.mprotect(at, length, random.nextBoolean() ? SpaceFixture.READ : SpaceFixture.RW);
            case 5 -> space.madvise(at, length, Mman.GUARD_INSTALL);
            case 6 -> space.madvise(at, length, Mman.GUARD_REMOVE);
            case 7 -> space.mremap(at, length, length, Mman.MAYMOVE | Mman.MREMAP_FIXED, start(TARGET) + offset);
            case 8 -> space.mremap(start(TARGET) + offset, length, length, Mman.MAYMOVE | Mman.MREMAP_FIXED, at);
            case 9 -> file.truncate(random.nextInt((int) PAGES + 1) * PAGE);
            case 10 -> file.punch(offset, length);
            case 11 -> paged.cache.remove(offset / PAGE, length / PAGE);
            case 12 -> space.madvise(at, length, Mman.POPULATE_WRITE);
            case 13 -> space.writeForced(at, new byte[] {1}, 0, 1);
            default -> {
                space.mlock2(at, length, random.nextBoolean() ? 0 : Mman.ONFAULT);
                space.munlock(at, length);
            }
        }
    }

    private void fork(Random random) {
        for (int i = 0; i < STEPS / 16; i++) {
            AddressSpace child;
            try {
                child = space.fork();
            } catch (MmException full) {
                continue;
            }
            try (child;
                    PageTableRef pages = child.hold()) {
                for (int j = 0; j < 8; j++) {
                    child.write(start(random.nextInt(PLACES)) + page(random), new byte[] {2}, 0, 1);
                }
                child.madvise(start(0) + page(random), 4 * PAGE, Mman.DONTNEED);
                if (random.nextInt(4) == 0) {
                    child.close();
                    pages.reap();
                }
            }
        }
    }

    @Test
    @DisplayName("what the tables count is what a walk finds, in the space and in a child, after each storm")
    void storms() throws InterruptedException, ExecutionException {
        System.out.println("ResidencyStormTest: -Dsamara.seed=" + SEED);
        Random random = new Random(SEED);
        ExecutorService threads = Executors.newCachedThreadPool();
        try (fixture) {
            for (int round = 0; round < ROUNDS; round++) {
                for (int place = 0; place < TARGET; place++) {
                    mapPlace(place);
                }
                file.truncate(PAGES * PAGE);
                List<Future<?>> tasks = new ArrayList<>();
                for (int i = 0; i < 2; i++) {
                    Random own = new Random(random.nextLong());
                    Random ofChanges = new Random(random.nextLong());
                    tasks.add(threads.submit(() -> touch(own)));
                    tasks.add(threads.submit(() -> change(ofChanges)));
                }
                Random ofForks = new Random(random.nextLong());
                tasks.add(threads.submit(() -> fork(ofForks)));
                for (Future<?> task : tasks) {
                    task.get();
                }
                String when = "after round " + round + " of -Dsamara.seed=" + SEED;
                CountedPages.check(when, space);
                try (AddressSpace child = space.fork()) {
                    CountedPages.check(when + ", child", child);
                    CountedPages.check(when + ", forked", space);
                    child.munmap(start(0), PAGES * PAGE);
                    CountedPages.check(when + ", child unmapped", child);
                    file.truncate(0);
                    paged.cache.remove(0, PAGES);
                    CountedPages.check(when + ", truncated", space);
                    CountedPages.check(when + ", child truncated", child);
                }
                assertTrue(space.residency().peak() >= space.residency().resident());
                assertTrue(space.residency().peak() > 0);
            }
        } finally {
            threads.shutdownNow();
        }
    }
}
