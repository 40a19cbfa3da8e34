// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Guest;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("In reports, the reader of a CPU has the name of the thread that uses the CPU")
final class ReaderNamesTest {
    private final Machine machine = Machine.builder().memory(1 << 20).build();
    private final AddressSpace space = machine.newSpace(GEOMETRY);

    @AfterEach
    void end() {
        space.close();
        machine.close();
    }

    /** Returns the name of the reader of the machine's only CPU that is in a space. */
    private String reader() {
        CpuState cpu = Objects.requireNonNull(
                MachineInternals.layoutOf(space).memory().cpus.online()[0]);
        return Objects.requireNonNull(cpu.reader).name();
    }

    private static String name() {
        return Thread.currentThread().getName();
    }

    private String entered() {
        try (Guest guest = space.enter()) {
            return reader() + ", " + guest.number();
        }
    }

    @Test
    @DisplayName("also if the pool lends the CPU to several threads in turn")
    void lent() throws InterruptedException {
        String mine = entered();
        assertEquals("cpu 1 of thread " + name() + ", 1", mine);
        for (int i = 0; i < 2; i++) {
            assertEquals(mine, entered());
            String[] other = new String[1];
            Thread visitor = new Thread(() -> other[0] = entered(), "visitor " + i);
            visitor.start();
            visitor.join();
            assertEquals("cpu 1 of thread visitor " + i + ", 1", other[0]);
            assertEquals(mine, entered());
        }
    }

    @Test
    @DisplayName("also if the thread got another name since")
    void renamed() {
        String name = name();
        String before = entered();
        Thread.currentThread().setName("renamed");
        assertEquals("cpu 1 of thread renamed, 1", entered());
        Thread.currentThread().setName(name);
        assertEquals(before, entered());
    }

    @Test
    @DisplayName("and none while the CPU is handed over")
    void handedOver() {
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            for (int i = 0; i < 3; i++) {
                assertEquals("cpu 1 of thread " + name(), reader());
                cpu.handOver();
                assertEquals("cpu 1", reader());
                cpu.claim();
            }
        }
    }
}
