// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.cpu;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Guest;
import dev.samara.core.Machine;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.Await;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;

/** A machine, a space with four writable pages, and another thread. No test may cause a report. */
abstract class GuestFixture {
    static final long AT = 0x10_0000;
    static final int FIXED = ANONYMOUS | Mman.FIXED;

    final List<Report> reports = new CopyOnWriteArrayList<>();
    final Machine machine = Machine.builder()
            .memory(1 << 24)
            .reportTo(reports::add)
            .reportWaitsLongerThan(Await.LONG)
            .reportShootdownsLongerThan(Await.LONG)
            .build();
    final AddressSpace space = newSpace();
    final ExecutorService other = Executors.newSingleThreadExecutor();

    AddressSpace newSpace() {
        AddressSpace made = machine.newSpace(GEOMETRY);
        assertEquals(AT, made.mmap(AT, 4 * PAGE, RW, FIXED, null, 0));
        return made;
    }

    @AfterEach
    void end() {
        other.shutdown();
        space.close();
        machine.close();
        assertEquals(List.of(), reports);
    }

    static void store(Guest guest, long address, long number) {
        assertFault(Fault.NONE, guest.memory().store(address, 8, number));
    }

    static long load(Guest guest, long address) {
        assertFault(Fault.NONE, guest.memory().load(address, 8));
        return guest.memory().value();
    }

    <T> T elsewhere(Callable<T> call) {
        return Await.result("another thread's call", other.submit(call), reports);
    }
}
