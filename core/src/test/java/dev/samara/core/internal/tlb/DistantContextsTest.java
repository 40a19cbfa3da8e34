// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.MachineInternals;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.internal.cpu.ContextNumbers;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("Two spaces whose contexts' numbers have their lower 32 bits in common")
final class DistantContextsTest {
    private static final long AT = 0x10_0000;
    private static final int FIXED = ANONYMOUS | Mman.FIXED;

    private final SpaceFixture fixture = new SpaceFixture();
    private final AddressSpace near = fixture.space;
    private final AddressSpace distant;

    DistantContextsTest() {
        ContextNumbers.nextAbove(contextOf(near), 1L << 32);
        distant = fixture.machine.newSpace(GEOMETRY);
        assertEquals(1L << 32, contextOf(distant).id - contextOf(near).id);
        assertEquals(AT, near.mmap(AT, PAGE, RW, FIXED, null, 0));
        assertEquals(AT, distant.mmap(AT, PAGE, RW, FIXED, null, 0));
    }

    /** Not called after a failure, because a space might never end. */
    private void assertNothingIsLeft() {
        distant.close();
        fixture.closeEmpty();
        assertEquals(List.of(), fixture.reports);
    }

    private static TlbContext contextOf(AddressSpace space) {
        return MachineInternals.layoutOf(space).pages().context;
    }

    @Test
    @DisplayName("a CPU that goes from one to the other sees each one's bytes")
    void translations() {
        fixture.store(AT, 1);
        fixture.cpu.switchTo(distant);
        assertEquals(0, fixture.load(AT));
        fixture.store(AT, 2);
        for (int i = 0; i < 2; i++) {
            fixture.cpu.switchTo(near);
            assertEquals(1, fixture.load(AT));
            fixture.cpu.switchTo(distant);
            assertEquals(2, fixture.load(AT));
        }
        assertNothingIsLeft();
    }

    @Test
    @DisplayName("a shootdown of one waits for no CPU that is in GUEST in the other")
    void shootdown() {
        try (OtherCpu other = new OtherCpu(distant)) {
            other.call(cpu -> {
                assertFault(Fault.NONE, cpu.memory().load(AT, 8));
                cpu.switchTo(near);
                cpu.enterGuest();
                return 0;
            });
            Thread unmaps = new Thread(() -> distant.munmap(AT, PAGE));
            unmaps.start();
            Await.until("the unmapping returns", () -> !unmaps.isAlive(), fixture.reports);
            assertEquals(0, fixture.machine.statistics().shootdownTargets());
            other.call(cpu -> {
                cpu.leaveGuest();
                return 0;
            });
        }
        assertNothingIsLeft();
    }

    @Test
    @DisplayName("one ends although a CPU uses the other")
    void end() {
        fixture.store(AT, 1);
        fixture.cpu.switchTo(distant);
        fixture.store(AT, 2);
        fixture.cpu.switchTo(near);
        assertEquals(2, fixture.frames());
        distant.close();
        // Checked on this thread: a failed teardown would be retried forever.
        assertEquals(1, fixture.frames());
        assertEquals(1, fixture.load(AT));
        assertNothingIsLeft();
    }

    @Test
    @DisplayName("the events of a CPU count for the space in which it is")
    void counts() {
        fixture.store(AT, 1);
        assertEquals(1, near.statistics().minorFaults());
        assertEquals(0, distant.statistics().minorFaults());
        assertNothingIsLeft();
    }
}
