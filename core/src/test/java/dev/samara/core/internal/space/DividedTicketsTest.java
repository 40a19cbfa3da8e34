// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.internal.space.InFlightOperations.Ticket;
import dev.samara.core.vma.Geometry;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("I5: a ticket in a layout that is divided and joined")
final class DividedTicketsTest {
    private static final long PAGE = 0x1000;
    private static final long PLACE = 0x2000_0000_0000L;
    private static final long OTHER = 0x3000_0000_0000L;
    private static final long BORDER = 0x2800_0000_0000L;

    private final Layout layout =
            MachineInternals.layoutOf(Machine.builder().build().newSpace(Geometry.LINUX_X86_64));

    /** The ticket of an operation that names two pages, with one page between them. */
    private final Ticket ticket = new Ticket(1, "an older operation");

    @BeforeEach
    void list() {
        assumeFalse(Boolean.getBoolean("samara.divided"), "each operation divides the layout");
        ticket.name(PLACE, PLACE + PAGE);
        ticket.name(PLACE + 2 * PAGE, PLACE + 3 * PAGE);
        District whole = layout.districts.lockWhole();
        try {
            whole.inFlight.add(ticket);
            ticket.leave();
        } finally {
            whole.unlock();
        }
    }

    /** Returns the ticket that stops a younger operation. */
    private @Nullable Ticket before(long at) {
        District district = layout.districts.lockDistrict(at, at + PAGE);
        try {
            return district.inFlight.ticketBefore(2, at, at + PAGE);
        } finally {
            district.unlock();
        }
    }

    private boolean isListed(long at) {
        District district = layout.districts.lockDistrict(at, at + PAGE);
        try {
            return !district.inFlight.isEmpty();
        } finally {
            district.unlock();
        }
    }

    @Test
    @DisplayName("stops younger operations at its ranges, and those of its part only look at it")
    void stops() {
        for (int round = 0; round < 3; round++) {
            assertTrue(Divisions.divide(layout, BORDER));
            assertSame(ticket, before(PLACE + 2 * PAGE));
            assertNull(before(PLACE + PAGE), "between its ranges");
            assertFalse(isListed(OTHER), "in another part");
            assertEquals(2, Divisions.parts(layout));
            Divisions.join(layout);
            assertSame(ticket, before(PLACE));
        }
        District whole = layout.districts.lockWhole();
        try {
            whole.inFlight.remove(ticket);
            assertTrue(whole.inFlight.isEmpty(), "listed once");
        } finally {
            whole.unlock();
        }
    }

    @Test
    @DisplayName("keeps borders from between its ranges, and lets them come beside these")
    void borders() {
        assertTrue(Divisions.divide(layout, PLACE, PLACE + PAGE, PLACE + 2 * PAGE, PLACE + 3 * PAGE));
        assertEquals(3, Divisions.parts(layout));
        assertEquals(PLACE, Divisions.start(layout, 1));
        assertEquals(PLACE + 3 * PAGE, Divisions.start(layout, 2));
    }

    @Test
    @DisplayName("keeps all borders away while its latest attempt has named nothing")
    void withoutRanges() {
        ticket.restart();
        assertFalse(Divisions.divide(layout, BORDER));
    }
}
