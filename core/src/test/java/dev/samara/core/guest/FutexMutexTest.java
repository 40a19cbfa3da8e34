// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Cpu;
import dev.samara.core.fixture.Awake;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The mutex of "Futexes Are Tricky": 0 is free, 1 is locked, 2 is locked and may have waiters. */
@ExtendWith(OneThread.class)
@DisplayName("A guest's mutex")
final class FutexMutexTest {
    private static final int THREADS = 3;
    private static final int ROUNDS = 500;
    private static final int FORKS = 30;

    private final SpaceFixture fixture = new SpaceFixture();
    private final FutexTable table = fixture.machine.futexes();

    @AfterEach
    void everyFrameComesBack() throws InterruptedException {
        assertEquals(0, table.waiters());
        fixture.closeEmpty();
        assertEquals(List.of(), fixture.reports);
    }

    private static int exchange(GuestMemory memory, long at, int number) {
        assertEquals(Fault.NONE, memory.getAndSet(at, 4, number));
        return (int) memory.value();
    }

    private void lock(GuestMemory memory, long at) {
        assertEquals(Fault.NONE, memory.compareAndExchange(at, 4, 0, 1));
        if (memory.value() != 0) {
            while (exchange(memory, at, 2) != 0) {
                long result = table.await(memory, at, false, 2, FutexTable.ANY, FutexTable.FOREVER);
                assertTrue(result == 0 || result == Errno.EAGAIN.result(), () -> "waited: " + result);
            }
        }
    }

    private void unlock(GuestMemory memory, long at) {
        if (exchange(memory, at, 0) == 2) {
            assertTrue(table.wake(memory, at, false, 1, FutexTable.ANY) <= 1);
        }
    }

    private boolean count(Cpu cpu, long mutex, long counter) {
        GuestMemory memory = cpu.memory();
        for (int i = 0; i < ROUNDS; i++) {
            lock(memory, mutex);
            assertEquals(Fault.NONE, memory.load(counter, 4));
            long number = memory.value();
            Awake.turn();
            assertEquals(Fault.NONE, memory.store(counter, 4, number + 1));
            unlock(memory, mutex);
        }
        return true;
    }

    @Test
    @DisplayName("loses no wake and no turn beside forks, which make each page of the word a copy")
    void besideForks() throws Exception {
        long mutex = fixture.anonymous(1);
        long counter = mutex + 64;
        List<OtherCpu> cpus = new ArrayList<>();
        List<Future<Boolean>> counts = new ArrayList<>();
        for (int i = 0; i < THREADS; i++) {
            OtherCpu cpu = new OtherCpu(fixture.space);
            cpus.add(cpu);
            counts.add(cpu.submit(of -> count(of, mutex, counter)));
        }
        for (int i = 0; i < FORKS; i++) {
            fixture.space.fork().close();
        }
        for (Future<Boolean> each : counts) {
            assertTrue(each.get());
        }
        cpus.forEach(OtherCpu::close);
        assertEquals(Fault.NONE, fixture.memory.load(counter, 4));
        assertEquals(THREADS * ROUNDS, fixture.memory.value());
    }
}
