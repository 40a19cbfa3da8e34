// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.internal.space.District;
import dev.samara.core.internal.space.Divisions;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.vma.Geometry;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The ticket of an operation that has restarted several times")
class RangeWaitTest {
    private static final long PLACE = 0x1000_0000L;
    private static final long PAGE = 0x1000;
    private static final Gate OTHER = new Gate();

    private final AddressSpace space = Machine.builder().build().newSpace(Geometry.LINUX_X86_64);
    private final Layout layout = MachineInternals.layoutOf(space);
    private final Operation operation = new Operation(layout, edit -> Edit.DONE);

    @Test
    @DisplayName("is withdrawn without a lock if its attempt has not restarted: no other operation has found it")
    void unlisted() {
        assumeFalse(Boolean.getBoolean("samara.divided"), "each operation divides the layout");
        Operation.RangeWait waits = operation.new RangeWait();
        District whole = layout.districts.lockWhole();
        waits.restarted(whole, OTHER);
        waits.restarted(whole, OTHER);
        waits.beginAttempt();
        waits.name(PLACE, PLACE + PAGE);
        whole.unlock();
        assertTrue(Divisions.divide(layout, PLACE));
        waits.withdraw();
        assertTrue(Divisions.isDivided(layout));
    }

    @Test
    @DisplayName("is in one part of a layout, which is divided and joined beside it, but not between its ranges")
    void inPart() {
        assumeFalse(Boolean.getBoolean("samara.divided"), "each operation divides the layout");
        assertTrue(Divisions.divide(layout, PLACE - 8 * PAGE));
        Operation.RangeWait waits = operation.new RangeWait();
        District part = waits.lockDistrict(PLACE, PLACE + PAGE);
        assertTrue(part.isPart);
        waits.restarted(part, OTHER);
        waits.restarted(part, OTHER);
        waits.beginAttempt();
        waits.name(PLACE, PLACE + PAGE);
        waits.name(PLACE + 4 * PAGE, PLACE + 5 * PAGE);
        waits.restarted(part, OTHER);
        part.unlock();
        // The division first joins the parts again.
        assertTrue(Divisions.divide(layout, PLACE, PLACE + 2 * PAGE, PLACE + 5 * PAGE));
        assertEquals(3, Divisions.parts(layout));
        District next = waits.lockDistrict(PLACE, PLACE + PAGE);
        assertTrue(next.isPart);
        assertNotNull(next.inFlight.blocking(Long.MAX_VALUE, PLACE + 4 * PAGE, PLACE + 5 * PAGE));
        next.unlock();
        waits.withdraw();
        assertEquals(3, Divisions.parts(layout));
        assertFalse(Divisions.isInFlight(layout));
    }
}
