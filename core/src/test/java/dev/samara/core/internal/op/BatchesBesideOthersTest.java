// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.PendingCall;
import dev.samara.core.mman.Resource;
import dev.samara.testing.Share;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * Threads that make calls over many mappings in overlapping ranges, concurrently with forks, faults and small calls.
 */
@DisplayName("Calls in batches beside each other, forks and faults keep layout, counters and contents right")
final class BatchesBesideOthersTest {
    private static final long SEED = Long.getLong("samara.seed", System.nanoTime());
    private static final int STEPS = Boolean.getBoolean("samara.torture")
            ? 5_000
            : Share.of("BatchesBesideOthersTest", 4).steps(60);
    private static final int MAPPINGS = 3 * Operation.BATCH;
    private static final int FIXED = ANONYMOUS | Mman.FIXED;
    private static final long AT = 0x1_0000_0000L;

    /** The length of each area between which mappings move. */
    private static final long AREA = 4L * MAPPINGS * PAGE;

    static {
        System.out.println("BatchesBesideOthersTest: -Dsamara.seed=" + SEED);
    }

    private final List<Report> reports = new CopyOnWriteArrayList<>();

    private final Machine machine = Machine.builder()
            .memory(1 << 27)
            .checked(true)
            .commitLimit(1L << 32)
            .poisonFrames(true)
            .reportWaitsLongerThan(Await.LONG)
            .reportGracePeriodsLongerThan(Await.LONG)
            .reportShootdownsLongerThan(Await.LONG)
            .reportTo(reports::add)
            .build();

    private final AddressSpace space = machine.newSpace(SpaceFixture.GEOMETRY);

    private static long area(int number) {
        return AT + number * AREA;
    }

    /** Replaces the mappings by pages with alternating rights, with or without holes between them. */
    private void map(Random random, long area) {
        boolean hasHoles = random.nextBoolean();
        for (int i = 0; i < MAPPINGS; i++) {
            long at = area + (hasHoles ? 2 : 1) * PAGE * i;
            space.mmap(at, PAGE, i % 2 == 0 ? RW : READ, FIXED, null, 0);
        }
    }

    private void step(Random random) {
        long area = area(random.nextInt(3));
        long other = area(3 + random.nextInt(3));
        long start = area + random.nextInt(8) * PAGE;
        long length = (MAPPINGS + random.nextInt(MAPPINGS)) * PAGE;
        int protection = random.nextBoolean() ? RW : READ;
        switch (random.nextInt(12)) {
            case 0, 1 -> map(random, area);
            case 2 -> space.mremap(start, length, length, Mman.MAYMOVE | Mman.MREMAP_FIXED, other);
            case 3 -> space.mremap(other, length, length, Mman.MAYMOVE | Mman.MREMAP_FIXED, area);
            case 4 -> space.mprotect(start, length, protection);
            case 5 -> space.madvise(start, length, random.nextBoolean() ? Mman.DONTNEED : Mman.DONTFORK);
            case 6 -> space.madvise(start, length, random.nextBoolean() ? Mman.POPULATE_READ : Mman.DOFORK);
            case 7 -> space.mlock2(start, length, Mman.ONFAULT);
            case 8 -> space.munlockall();
            case 9 -> fork(start);
            case 10 -> {
                byte[] bytes = {(byte) (start >> 12)};
                space.write(start, bytes, 0, 1);
                PendingCall moves = space.mremapAsync(start, length, length, Mman.MAYMOVE | Mman.MREMAP_FIXED, other);
                // Other threads continue concurrently.
                assertEquals(moves.result(), moves.join());
            }
            default -> {
                long placed = space.mmap(0, PAGE, RW, ANONYMOUS, null, 0);
                assertTrue(Errno.isError(placed) || space.munmap(placed, PAGE) == 0);
                space.munmap(start, 3 * PAGE);
            }
        }
    }

    private void fork(long start) {
        try (AddressSpace child = space.fork()) {
            byte[] bytes = new byte[1];
            child.write(start, bytes, 0, 1);
            child.validate();
        }
    }

    private Void work(long seed) {
        Random random = new Random(seed);
        for (int step = 0; step < STEPS; step++) {
            step(random);
            if (step % 16 == 0) {
                space.validate();
            }
        }
        return null;
    }

    @Test
    @DisplayName("with three threads")
    void threads() throws Exception {
        space.setLimit(Resource.MEMLOCK, -1L);
        ExecutorService threads = Executors.newFixedThreadPool(3);
        List<Future<Void>> ends = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            long seed = SEED + i;
            ends.add(threads.submit(() -> work(seed)));
        }
        for (Future<Void> end : ends) {
            end.get();
        }
        threads.shutdown();
        machine.awaitQuiescence();
        space.validate();
        assertEquals(0, space.munmap(AT, 6 * AREA));
        machine.awaitQuiescence();
        space.validate();
        assertEquals(0, machine.committed());
        assertEquals(0, machine.statistics().framesInUse());
        assertEquals(List.of(), reports, "an access that a revocation forbids is reported");
        space.close();
        machine.close();
    }
}
