// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.lifetime;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Machine;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.PageContents;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Mman;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The end of a space, concurrent with operations in flight. */
final class ClosedBesideUseTest {
    private static long shootdowns(SpaceFixture fixture) {
        return fixture.layout().memory().shootdowns.count();
    }

    private static Thread start(String name, Runnable what) {
        Thread thread = new Thread(what, name);
        thread.start();
        return thread;
    }

    @Test
    @DisplayName("I3, I8: a leaf with a pending flush outlives the removal of empty tables, and goes with that flush")
    void leafOfAPendingFlush() {
        SpaceFixture fixture =
                new SpaceFixture(Machine.builder().memory(64 * PAGE).poisonFrames(true));
        MemoryFile file = fixture.file(1);
        long at = fixture.map(0, 1, RW, Mman.SHARED, file.open(), 0);
        OtherCpu guest = new OtherCpu(fixture.space);
        guest.call(cpu -> {
            cpu.enterGuest();
            return cpu.memory().store(at, 8, 0x600d);
        });
        AtomicLong unmapped = new AtomicLong(-1);
        Thread unmapper = start("unmapper", () -> unmapped.set(fixture.space.munmap(at, PAGE)));
        // By then the leaf is empty, but the guest has not dropped its translation.
        Await.until("munmap waits for the guest", () -> shootdowns(fixture) == 1, fixture.reports);
        // Performs the last step of a close.
        fixture.layout().unhookTables();
        assertEquals(3, PageContents.tables(fixture.space), "the truncation finds the leaf by these");
        Thread truncater = start("truncater", () -> file.truncate(0));
        Await.until(
                "the truncation waits for the guest",
                () -> shootdowns(fixture) == 2 || !truncater.isAlive(),
                fixture.reports);
        assertTrue(truncater.isAlive(), "the frame was freed while a CPU can write it");
        assertEquals(1, fixture.frames());
        long read = guest.call(cpu -> {
            assertTrue(SpaceFixture.hits(cpu, () -> cpu.memory().getAndAdd(at, 8, 1)));
            long value = cpu.memory().value();
            cpu.leaveGuest();
            return value;
        });
        assertEquals(0x600d, read);
        Await.until("both return", () -> !unmapper.isAlive() && !truncater.isAlive(), fixture.reports);
        assertEquals(0, unmapped.get());
        assertEquals(
                0, PageContents.tables(fixture.space), "the operation with the pending flush has unhooked the leaf");
        guest.close();
        fixture.closeEmpty();
        assertEquals(List.of(), fixture.reports);
    }
}
