// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.fixture.ThrowingMemory;
import dev.samara.core.mman.Fault;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A mirror of memory that copies only the pages that dirty collections report, as live migration does. */
class MirrorTest {
    private static final int PAGES = 96;
    private static final int STORERS = 3;
    private static final int ROUNDS = 200;

    private final Machine machine =
            Machine.builder().memory(64 << 20).poisonFrames(true).build();
    private final AddressSpace space = machine.newSpace(GEOMETRY);
    private final long at = space.mmap(0, PAGES * PAGE, RW, ANONYMOUS, null, 0);
    private final byte[][] mirror = new byte[PAGES][(int) PAGE];
    private final boolean[] isMirrored = new boolean[PAGES];
    private final AtomicBoolean isOver = new AtomicBoolean();

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4})
    @DisplayName("I2: a store that no collection has told of is told of by the next, beside forks and mprotect")
    void nothingIsLost(long seed) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(STORERS + 1);
        List<Future<?>> all = new ArrayList<>();
        for (int i = 0; i < STORERS; i++) {
            int number = i;
            all.add(threads.submit(() -> store(number, new Random(seed * 31 + number))));
        }
        all.add(threads.submit(() -> disturb(new Random(seed))));
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            for (int round = 0; round < ROUNDS; round++) {
                collect(cpu);
            }
            isOver.set(true);
            for (Future<?> each : all) {
                each.get();
            }
            collect(cpu);
            byte[] now = new byte[(int) PAGE];
            for (int page = 0; page < PAGES; page++) {
                assertEquals(PAGE, cpu.memory().copyOut(at + page * PAGE, now, 0, now.length));
                assertTrue(isMirrored[page] || isZero(now), "page " + page + " was written and never told of");
                assertEquals(-1, Arrays.mismatch(now, mirror[page]), "page " + page + " differs from its mirror");
            }
        } finally {
            isOver.set(true);
            threads.shutdown();
        }
        space.close();
    }

    private static boolean isZero(byte[] bytes) {
        for (byte each : bytes) {
            if (each != 0) {
                return false;
            }
        }
        return true;
    }

    private void collect(Cpu cpu) {
        long[] before = {at - PAGE};
        space.collectDirty(at, PAGES * PAGE, address -> {
            assertTrue(address > before[0], "in ascending order");
            before[0] = address;
            int page = (int) ((address - at) / PAGE);
            isMirrored[page] = true;
            assertEquals(PAGE, cpu.memory().copyOut(address, mirror[page], 0, (int) PAGE));
        });
    }

    /** Stores growing numbers at this storer's own place in each page. */
    private void store(int number, Random random) {
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            ThrowingMemory flat = new ThrowingMemory(cpu);
            for (long count = 1; !isOver.get(); count++) {
                boolean staysInGuest = random.nextInt(4) != 0;
                if (staysInGuest) {
                    cpu.enterGuest();
                }
                try {
                    int base = random.nextInt(PAGES - 4);
                    for (int i = 0; i < 50; i++) {
                        long address = at + (base + random.nextInt(4)) * PAGE + 8L * number;
                        store(cpu, flat, address, (count << 8) + i, random.nextInt(3), staysInGuest);
                    }
                } finally {
                    // Other threads may be waiting for the CPU, even if this thread failed.
                    if (staysInGuest) {
                        cpu.leaveGuest();
                    }
                }
            }
        }
    }

    private static void store(Cpu cpu, ThrowingMemory flat, long address, long value, int way, boolean isGuest) {
        if (isGuest && way == 0) {
            cpu.poll();
            try {
                for (int i = 0; i < 20; i++) {
                    flat.storeLong(address, value + i);
                }
            } catch (ThrowingMemory.Signal failed) {
                assertEquals(Fault.ACCERR, failed.fault());
            }
        } else if (way == 1) {
            cpu.memory().getAndAdd(address, 8, value);
        } else {
            int result = cpu.memory().store(address, 8, value);
            assertTrue(result == Fault.NONE || result == Fault.ACCERR, () -> Fault.toString(result));
        }
    }

    /** Removes the write right temporarily, and makes pages be copied on write. */
    private void disturb(Random random) {
        while (!isOver.get()) {
            long start = at + random.nextInt(PAGES - 8) * PAGE;
            if (random.nextInt(3) == 0) {
                space.fork().close();
            } else {
                space.mprotect(start, 8 * PAGE, READ);
                space.mprotect(start, 8 * PAGE, RW);
            }
        }
    }
}
