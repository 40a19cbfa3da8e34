// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.event.Report;
import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.internal.space.InFlightOperation.PendingJoin;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.syscall.Mmap;
import dev.samara.core.internal.syscall.Mprotect;
import dev.samara.core.internal.syscall.Syscall;
import dev.samara.core.mman.Mman;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("I9: a distant mapping gives no work to an operation in flight, though it is the next" + " mapping")
final class DistantNeighbourTest {
    private static final long PAGE = 0x1000;
    private static final long PLACE = 0x1000_0000L;
    private static final int FIXED = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;

    private final List<Report> reports = new ArrayList<>();
    private final List<List<PendingJoin>> joins = new ArrayList<>();
    private final Layout layout = Layouts.layout(Layouts.host(this::retire, reports));

    private long map(long address, int protection) {
        return Syscall.run(layout, Mmap.of(layout, address, PAGE, protection, FIXED, null, 0));
    }

    private void retire(InFlightOperation range) {
        for (int page = 2; page < 20; page += 2) {
            assertEquals(PLACE + page * PAGE, map(PLACE + page * PAGE, Mman.READ));
            assertEquals(PLACE - page * PAGE, map(PLACE - page * PAGE, Mman.READ));
        }
        joins.add(List.copyOf(range.joins()));
        assertEquals(PLACE + PAGE, map(PLACE + PAGE, Mman.READ));
        joins.add(List.copyOf(range.joins()));
    }

    @Test
    @DisplayName("only what touches it is noted")
    void joins() {
        assertEquals(PLACE, map(PLACE, Mman.READ | Mman.WRITE));
        assertEquals(0, Syscall.run(layout, new Mprotect(PLACE, PAGE, Mman.READ)));
        assertTrue(reports.isEmpty(), reports::toString);
        assertEquals(List.of(List.of(), List.of(new PendingJoin(PLACE + PAGE, false))), joins);
        layout.validate();
    }
}
