// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.lowmemory;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.event.Report;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
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

/** Threads whose faults, guards, moves and forks compete for few page tables. */
@DisplayName("I9: threads at the limit of page tables")
final class PageTablePressureTest {
    private static final long SEED = Long.getLong("samara.seed", System.nanoTime());
    private static final int STEPS = Boolean.getBoolean("samara.torture")
            ? 20_000
            : Share.of("PageTablePressureTest", 4).steps(600);
    private static final long LEAF = 512 * PAGE;
    private static final int THREADS = 3;
    private static final long OWN = 1L << 34;
    private static final int LEAVES = 6;
    private static final int FIXED = ANONYMOUS | Mman.FIXED;

    private final List<Report> reports = new CopyOnWriteArrayList<>();

    /** Fewer tables than one thread could use. */
    private final Machine machine = Machine.builder()
            .memory(1 << 20)
            .pageTableLimit(16 * PAGE)
            .checked(true)
            .poisonFrames(true)
            .reportTo(reports::add)
            .build();

    private final AddressSpace space = machine.newSpace(GEOMETRY);

    @Test
    @DisplayName("are refused, and nothing that was published fails; tables and frames are back at the end")
    void pressure() throws Exception {
        System.out.println("PageTablePressureTest: -Dsamara.seed=" + SEED);
        ExecutorService threads = Executors.newFixedThreadPool(THREADS);
        int refusals = 0;
        try {
            List<Future<Integer>> ends = new ArrayList<>();
            for (int thread = 0; thread < THREADS; thread++) {
                int number = thread;
                ends.add(threads.submit(() -> new Work(number).run()));
            }
            for (Future<Integer> end : ends) {
                refusals += end.get();
            }
        } finally {
            threads.shutdown();
        }
        space.close();
        machine.awaitQuiescence();
        assertTrue(refusals > 0, "the limit was met");
        assertEquals(List.of(), reports);
        assertEquals(0, machine.statistics().pageTableBytes());
        assertEquals(0, machine.statistics().framesInUse());
        machine.close();
    }

    /** The steps of one thread, in its own ranges. */
    private final class Work {
        private final Random random;
        private final long at;
        private final long target;
        private int refusals;

        Work(int number) {
            random = new Random(SEED + number);
            at = (number + 1) * OWN;
            target = at + OWN / 2;
        }

        int run() {
            try (Cpu cpu = machine.claimCpu()) {
                cpu.switchTo(space);
                for (int step = 0; step < STEPS; step++) {
                    step(cpu);
                }
                cpu.switchTo(null);
            }
            return refusals;
        }

        private void step(Cpu cpu) {
            long page = at + random.nextInt(LEAVES) * LEAF + random.nextInt(3) * PAGE;
            long leaves = (1 + random.nextInt(3)) * LEAF;
            switch (random.nextInt(9)) {
                case 0 -> expect(space.mmap(at, LEAVES * LEAF, RW, FIXED, null, 0));
                case 1 -> expect(space.madvise(page, leaves, Mman.GUARD_INSTALL));
                case 2 -> expect(space.madvise(page, leaves, Mman.GUARD_REMOVE));
                case 3 -> expect(space.madvise(page, leaves, Mman.DONTNEED));
                case 4 -> {
                    int flags = Mman.MAYMOVE | Mman.MREMAP_FIXED;
                    if (space.find(page) != null) {
                        expect(space.mremap(page, PAGE, PAGE, flags, target + random.nextInt(3) * LEAF));
                    }
                }
                case 5 -> expect(space.munmap(target, OWN / 4));
                case 6 -> fork();
                default -> {
                    int fault = random.nextBoolean()
                            ? cpu.memory().load(page, 8)
                            : cpu.memory().store(page, 8, 1);
                    assertTrue(
                            fault == Fault.NONE || fault == Fault.OUT_OF_MEMORY || fault == Fault.MAPERR,
                            () -> Fault.toString(fault));
                    refusals += fault == Fault.OUT_OF_MEMORY ? 1 : 0;
                }
            }
        }

        private void fork() {
            try (AddressSpace child = space.fork()) {
                assertTrue(child.pageTableBytes() > 0);
            } catch (MmException refused) {
                assertEquals(Errno.ENOMEM, refused.errno());
                refusals++;
            }
        }

        private void expect(long result) {
            if (Errno.isError(result)) {
                assertEquals(Errno.ENOMEM, Errno.of(result));
                refusals++;
            }
        }
    }
}
