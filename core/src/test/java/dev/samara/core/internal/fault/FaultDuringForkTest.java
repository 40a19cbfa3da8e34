// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.Cpu;
import dev.samara.core.MachineInternals;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.PagedFile;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import java.util.List;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("A fault on a page of a file while a fork narrows entries")
final class FaultDuringForkTest {
    private final SpaceFixture fixture = new SpaceFixture();
    private final AtomicInteger asked = new AtomicInteger();

    private final PagedFile file = new PagedFile(fixture, 4) {
        @Override
        public int fault(Backing.PageRequest request) {
            asked.incrementAndGet();
            return super.fault(request);
        }
    };

    @Test
    @DisplayName("waits for the fork, and asks the backing once, after it")
    void asksOnce() {
        long at = fixture.map(0, 4, READ, Mman.SHARED, file, 0);
        PageTable table = MachineInternals.layoutOf(fixture.space).pages();
        Gate fork = new Gate();
        table.setForking(fork);
        FutureTask<Integer> fault = new FutureTask<>(() -> {
            try (Cpu cpu = fixture.machine.claimCpu()) {
                cpu.switchTo(fixture.space);
                return cpu.memory().handleFault(at + 3 * PAGE, READ);
            }
        });
        Thread thread = new Thread(fault, "fault");
        thread.start();
        Await.stopped(thread);
        assertEquals(0, asked.get(), "asked during the fork");
        table.setForking(null);
        Gate.wake(fork.open());
        assertEquals(Fault.NONE, Await.result("the fault", fault, fixture.reports));
        assertEquals(1, asked.get(), "asked");
        fixture.close();
        file.cache.truncate(0);
        assertEquals(List.of(), fixture.reports);
    }
}
