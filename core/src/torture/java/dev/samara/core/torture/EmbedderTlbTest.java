// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.fixture.Awake;
import dev.samara.core.fixture.EmbedderTlb;
import dev.samara.core.fixture.ThrowingMemory;
import dev.samara.core.mman.Mman;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * CPUs load and store through TLBs of their embedder, whose entries the flush listener drops, concurrently with a
 * thread that changes the pages. Each number that a CPU stores identifies its page.
 *
 * <p>Rules: a load returns 0 or a number of its page (I1, I3); after {@code mprotect} or fork returned, no store
 * changes the pages that the call protected (I2).
 */
class EmbedderTlbTest {
    private static final int PAGES = 12;
    private static final int CPUS = 2;
    private static final int ROUNDS = 400;

    /** The number of rounds within which a mutant of the TLB must be found. It is found in the first few of them. */
    private static final int MOST_ROUNDS = 20_000;

    private final Machine machine =
            Machine.builder().memory(8 << 20).poisonFrames(true).build();
    private final AddressSpace space = machine.newSpace(GEOMETRY);
    private final long at = space.mmap(0, PAGES * PAGE, RW, ANONYMOUS, null, 0);
    private final AtomicBoolean isOver = new AtomicBoolean();
    private final AtomicLong hits = new AtomicLong();
    private final Queue<String> violations = new ConcurrentLinkedQueue<>();

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4})
    @DisplayName("I1, I2, I3: with its flush listener, a TLB of an embedder finds no page that was taken away")
    void flushed(long seed) throws Exception {
        run(seed, true, ROUNDS);
        assertEquals(List.of(), List.copyOf(violations));
        assertTrue(hits.get() > 0, "no access was made by a kept result");
    }

    @Test
    @DisplayName("the same TLB without the listener breaks a rule, so the checks find a flush that is not reported")
    void notFlushed() throws Exception {
        run(5, false, MOST_ROUNDS);
        assertFalse(violations.isEmpty());
    }

    private void run(long seed, boolean isFlushed, int rounds) throws Exception {
        assumeFalse(Boolean.getBoolean("samara.checked"), "nothing is translated on a checked machine");
        ExecutorService threads = Executors.newFixedThreadPool(CPUS);
        List<Future<?>> all = new ArrayList<>();
        for (int i = 0; i < CPUS; i++) {
            int number = i;
            all.add(threads.submit(() -> access(number, isFlushed, new Random(seed * 31 + number))));
        }
        try {
            Random random = new Random(seed);
            for (int round = 0; round < rounds && violations.isEmpty(); round++) {
                change(at + random.nextInt(PAGES) * PAGE, random.nextInt(4));
            }
        } finally {
            isOver.set(true);
            for (Future<?> each : all) {
                each.get();
            }
            threads.shutdown();
        }
        space.close();
    }

    /** Loads and stores in GUEST until the run is over. */
    private void access(int number, boolean isFlushed, Random random) {
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            ThrowingMemory memory = new ThrowingMemory(cpu);
            EmbedderTlb tlb = new EmbedderTlb(cpu, memory, at, PAGES, isFlushed);
            cpu.enterGuest();
            for (int step = 0; !isOver.get(); step++) {
                int page = random.nextInt(PAGES);
                long address = at + page * PAGE + 8L * number;
                try {
                    if (random.nextBoolean()) {
                        tlb.store(address, (page + 1L) << 32 | step);
                    } else {
                        check(page, tlb.load(address));
                    }
                } catch (ThrowingMemory.Signal fault) {
                    // The page is being replaced, or is protected.
                }
                memory.poll();
                if ((step & 15) == 0) {
                    Awake.turn();
                }
            }
            cpu.leaveGuest();
            hits.addAndGet(tlb.hits());
        }
    }

    private void check(int page, long number) {
        if (number != 0 && number >>> 32 != page + 1) {
            violations.add("page " + page + " has 0x" + Long.toHexString(number));
        }
    }

    /** Changes a page in one of four ways, and checks that it does not change afterwards if it must not. */
    private void change(long page, int kind) {
        switch (kind) {
            case 0 -> assertEquals(0, space.madvise(page, PAGE, Mman.DONTNEED));
            case 1 -> {
                assertEquals(0, space.munmap(page, PAGE));
                assertEquals(page, space.mmap(page, PAGE, RW, ANONYMOUS | Mman.FIXED, null, 0));
            }
            case 2 -> {
                assertEquals(0, space.mprotect(page, PAGE, READ));
                assertStays("mprotect", space, page);
                assertEquals(0, space.mprotect(page, PAGE, RW));
            }
            default -> {
                AddressSpace child = space.fork();
                assertStays("fork", child, page);
                child.close();
            }
        }
    }

    private void assertStays(String what, AddressSpace of, long page) {
        ByteBuffer before = read(of, page);
        for (int i = 0; i < 64; i++) {
            Awake.turn();
        }
        if (!before.equals(read(of, page))) {
            violations.add("a store after the return of " + what);
        }
    }

    private static ByteBuffer read(AddressSpace of, long page) {
        ByteBuffer bytes = ByteBuffer.allocate(8 * CPUS).order(ByteOrder.LITTLE_ENDIAN);
        assertEquals(8 * CPUS, of.read(page, bytes));
        return bytes.flip();
    }
}
