// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.EXEC;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.event.WatchpointFixture;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.RepeatedStep;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(value = 300, threadMode = Timeout.ThreadMode.SAME_THREAD)
@DisplayName("A forced write beside")
final class ForcedBesideOthersTest extends WatchpointFixture {
    private static final int FORKS = 150;

    private final ExecutorService thread = Executors.newSingleThreadExecutor();

    @AfterEach
    void endThread() {
        thread.shutdownNow();
    }

    private static ByteBuffer number(long number) {
        return ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(0, number);
    }

    private static long readForced(AddressSpace from, long address) {
        ByteBuffer target = number(-1);
        assertEquals(8, from.readForced(address, target));
        return target.getLong(0);
    }

    /** Whose page a CPU's TLB contains when a forced write copies it. */
    private enum Page {
        ZERO,
        OF_FILE,
        OF_CHILD
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("a CPU in GUEST: it sees the bytes once the call has returned, and the page below is unchanged")
    void besideGuest(Page of) throws Exception {
        MemoryFile file = fixture.file(1);
        int flags = of == Page.OF_FILE ? Mman.PRIVATE : ANONYMOUS;
        long page = fixture.map(0, 1, READ, flags, of == Page.OF_FILE ? file.open() : null, 0);
        if (of == Page.OF_CHILD) {
            assertEquals(8, space.writeForced(page, number(1)));
        }
        try (AddressSpace child = space.fork();
                OtherCpu other = new OtherCpu(space)) {
            long before = fixture.load(page);
            CountDownLatch inGuest = new CountDownLatch(1);
            AtomicBoolean isWritten = new AtomicBoolean();
            Future<Long> seen = other.submit(cpu -> {
                cpu.enterGuest();
                try {
                    long value = load(cpu, page);
                    inGuest.countDown();
                    while (value == before) {
                        cpu.poll();
                        boolean was = isWritten.get();
                        value = load(cpu, page);
                        assertFalse(was && value == before, "the old page after the write");
                    }
                    return value;
                } finally {
                    cpu.leaveGuest();
                }
            });
            inGuest.await();
            Future<Long> write = thread.submit(() -> {
                long result = space.writeForced(page, number(7));
                isWritten.set(true);
                return result;
            });
            assertEquals(8, write.get());
            assertEquals(7, seen.get());
            assertEquals(before, readForced(child, page));
        }
        assertEquals(0, space.munmap(page, PAGE));
        file.close();
    }

    private static long load(Cpu cpu, long address) {
        assertTrue(cpu.memory().load(address, 8) == Fault.NONE);
        return cpu.memory().value();
    }

    @ParameterizedTest
    @ValueSource(ints = {41, 42})
    @DisplayName("P36: forks and mprotect: a child keeps a number of its instant, and the parent loses none")
    void besideFork(int seed) throws Exception {
        long page = fixture.map(0, 1, READ, ANONYMOUS, null, 0);
        AtomicBoolean stop = new AtomicBoolean();
        AtomicLong begun = new AtomicLong();
        AtomicLong done = new AtomicLong();
        Future<?> writes = thread.submit(() -> {
            ByteBuffer buffer = number(0);
            while (!stop.get()) {
                long next = begun.incrementAndGet();
                assertEquals(8, space.writeForced(page, buffer.clear().putLong(0, next)));
                assertEquals(8, space.readForced(page, buffer.clear()));
                assertEquals(next, buffer.getLong(0));
                done.set(next);
            }
        });
        Random random = new Random(seed);
        try {
            for (int round = 0; round < FORKS && !writes.isDone(); round++) {
                int[] rights = {0, READ, EXEC, RW};
                assertEquals(0, space.mprotect(page, PAGE, rights[random.nextInt(rights.length)]));
                long before = done.get();
                try (AddressSpace child = space.fork()) {
                    long kept = readForced(child, page);
                    long after = begun.get();
                    assertTrue(before <= kept && kept <= after, () -> before + " <= " + kept + " <= " + after);
                    Await.until("a later write", () -> done.get() > after || writes.isDone());
                    assertEquals(kept, readForced(child, page));
                    assertEquals(8, child.writeForced(page, number(-round)));
                }
            }
        } finally {
            stop.set(true);
            writes.get();
        }
    }

    @Test
    @DisplayName("munmap: it has a count or an errno, and no byte reaches the next mapping")
    void besideMunmap() throws Exception {
        long page = fixture.map(0, 1, 0, ANONYMOUS, null, 0);
        try (RepeatedStep writes = new RepeatedStep("writes", () -> {
            long result = space.writeForced(page, number(-1));
            assertTrue(result == 8 || result == Errno.EFAULT.result());
        })) {
            for (int round = 0; round < 2_000 && writes.goesOn(); round++) {
                assertEquals(0, space.munmap(page, PAGE));
                long shared = fixture.map(page, 1, READ, Mman.SHARED | Mman.ANONYMOUS | Mman.FIXED, null, 0);
                assertEquals(0, fixture.load(shared));
                fixture.map(page, 1, 0, ANONYMOUS | Mman.FIXED, null, 0);
            }
        }
    }
}
