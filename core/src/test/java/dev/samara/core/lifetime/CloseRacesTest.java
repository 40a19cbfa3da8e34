// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.lifetime;

import static dev.samara.core.MachineInternals.layoutOf;
import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Awake;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * The close of a space, concurrent with calls of other threads. Each call takes effect either before or after the
 * close.
 */
@ExtendWith(OneThread.class)
final class CloseRacesTest {
    private static final int THREADS = 3;
    private static final int ROUNDS = 100;

    /** Two mappings that only the close removes. */
    private static final long FIRST = 0x10_0000;

    private static final long SECOND = 0x20_0000;

    /** The mappings that threads create and remove. */
    private static final long PLACE = 0x30_0000;

    private static final int FIXED = ANONYMOUS | Mman.FIXED;

    private final SpaceFixture fixture = new SpaceFixture();
    private final ExecutorService threads = Executors.newFixedThreadPool(THREADS);

    /** The calls of one thread to a space until the thread sees the space closed. */
    private static final class Caller {
        private final AddressSpace space;
        private final Random random;
        private final Cpu cpu;

        /** Whether this thread saw that the space is closed. */
        private boolean isClosed;

        Caller(AddressSpace space, Random random, Cpu cpu) {
            this.space = space;
            this.random = random;
            this.cpu = cpu;
        }

        /** Checks a result, which must be success or ESRCH, and only ESRCH after the first ESRCH. */
        private void saw(String call, long result) {
            boolean refused = result == Errno.ESRCH.result();
            assertTrue(
                    refused || !Errno.isError(result),
                    () -> call + " beside a close: " + (Errno.isError(result) ? Errno.of(result) : ""));
            assertTrue(refused || !isClosed, () -> call + " was done after a call had found the space closed");
            isClosed = refused;
        }

        private void fork() {
            try (AddressSpace child = space.fork()) {
                assertEquals(true, child.find(FIRST) != null && child.find(SECOND) != null, "half of a space");
                saw("fork", 0);
            } catch (MmException refused) {
                saw("fork", refused.errno().result());
            }
        }

        private void goThereAndLoad() {
            try {
                cpu.switchTo(space);
            } catch (MmException refused) {
                saw("switchTo", refused.errno().result());
                return;
            }
            saw("switchTo", 0);
            int first = cpu.memory().load(FIRST, 8);
            int second = cpu.memory().load(SECOND, 8);
            assertTrue(first == Fault.NONE || second == Fault.MAPERR, "a mapping was there after the close");
            assertTrue(first == Fault.NONE || first == Fault.MAPERR, () -> Fault.toString(first));
            if (random.nextBoolean()) {
                cpu.switchTo(null);
            }
        }

        private void lookUp() {
            int mappings = space.snapshot().vmas().size();
            boolean wasClosed = isClosed;
            assertTrue(mappings == 0 || (mappings >= 2 && !wasClosed), () -> mappings + " mappings");
        }

        private void lookAtPages() {
            boolean wasClosed = isClosed;
            long resident = space.residency().resident();
            assertTrue(resident == 0 || !wasClosed, () -> resident + " pages");
        }

        private void step() {
            long at = PLACE + random.nextInt(4) * PAGE;
            byte[] bytes = new byte[2];
            switch (random.nextInt(11)) {
                case 0, 1 -> saw("mmap", space.mmap(at, 2 * PAGE, RW, FIXED | Mman.POPULATE, null, 0));
                case 2 -> saw("munmap", space.munmap(at, PAGE));
                case 3 ->
                    saw(
                            "mmapAsync",
                            space.mmapAsync(at, PAGE, RW, FIXED, null, 0).join());
                case 4 -> fork();
                case 5 -> goThereAndLoad();
                case 6 -> saw("read", space.read(FIRST, bytes, 0, 2));
                case 7 -> saw("mincore", space.mincore(FIRST, PAGE, bytes));
                case 8 -> lookAtPages();
                case 9 -> saw("pagemap", space.pagemap(FIRST, PAGE, new long[1]));
                default -> lookUp();
            }
        }

        int run() {
            int calls = 0;
            for (int after = 0; after < 4; after += isClosed ? 1 : 0) {
                step();
                calls++;
            }
            return calls;
        }
    }

    @AfterEach
    @DisplayName("nothing is left")
    void nothingIsLeft() {
        threads.shutdown();
        fixture.closeEmpty();
        assertEquals(0, fixture.machine.committed());
        assertEquals(List.of(), fixture.reports);
    }

    private int run(AddressSpace space, long seed, CountDownLatch begun) {
        try (Cpu cpu = fixture.machine.claimCpu()) {
            begun.countDown();
            return new Caller(space, new Random(seed), cpu).run();
        }
    }

    @RepeatedTest(4)
    @DisplayName("each call is made before the close or refused, and nothing is left of the space")
    void calls(RepetitionInfo repetition) throws Exception {
        for (int round = 0; round < ROUNDS; round++) {
            long seed = repetition.getCurrentRepetition() * 1_000L + round;
            Random random = new Random(seed);
            AddressSpace space = fixture.machine.newSpace(SpaceFixture.GEOMETRY);
            assertEquals(FIRST, space.mmap(FIRST, PAGE, RW, FIXED, null, 0));
            assertEquals(SECOND, space.mmap(SECOND, PAGE, READ, FIXED, null, 0));
            CountDownLatch begun = new CountDownLatch(THREADS);
            List<Future<Integer>> running = new ArrayList<>();
            for (int n = 0; n < THREADS; n++) {
                long ofThread = seed * THREADS + n;
                running.add(threads.submit(() -> run(space, ofThread, begun)));
            }
            begun.await();
            Awake.delay(random.nextInt(50_000));
            space.close();
            SpaceFixture.assertResult(Errno.ESRCH, space.munmap(FIRST, PAGE));
            for (Future<Integer> one : running) {
                Await.result("the calls of seed " + seed, one, fixture.reports);
            }
            assertTrue(layoutOf(space).whole().tree.isEmpty(), "mapped after the end, seed " + seed);
            assertEquals(0, layoutOf(space).usage()[0], "seed " + seed);
            assertEquals(0, space.cpus(), "seed " + seed);
            layoutOf(space).validate();
        }
    }
}
