// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static dev.samara.core.fixture.HeldOperations.waits;
import static dev.samara.core.internal.op.RetiringCall.ANONYMOUS;
import static dev.samara.core.internal.op.RetiringCall.FIXED;
import static dev.samara.core.internal.op.RetiringCall.LINUX;
import static dev.samara.core.internal.op.RetiringCall.PAGE;
import static dev.samara.core.internal.op.RetiringCall.RW;
import static dev.samara.core.internal.op.RetiringCall.map;
import static dev.samara.core.internal.op.RetiringCall.page;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.HeldOperations;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName(
        "A thread that waits for a range in flight is woken when the range is complete, and a long wait is reported")
final class WaitingTest {
    private static String hex(long address) {
        return "0x" + Long.toHexString(address);
    }

    /** Waits for a number of reports. */
    private static void untilReported(List<Report> reports, int count) {
        Await.until(count + " reports", () -> reports.size() >= count, reports);
    }

    @Test
    @DisplayName("a long wait is reported once, naming the waiting call and the operation that it waits for")
    void longWait() throws Exception {
        HeldOperations holding = HeldOperations.impatient();
        AddressSpace space = RetiringCall.MAP_FIXED.space(holding.machine());
        HeldOperations.Hold hold = holding.hold(() -> RetiringCall.MAP_FIXED.run(space));
        HeldOperations.Caller<Long> caller = waits(() -> space.munmap(page(16), PAGE));
        untilReported(holding.reports, 1);
        HeldOperations.Caller<Integer> fault = waits(() -> space.resolve(page(20), RW));
        untilReported(holding.reports, 2);
        hold.endWith(page(16));
        assertEquals(0, caller.result());
        assertEquals(Fault.ACCERR, fault.result());
        assertEquals(2, holding.reports.size(), holding.reports::toString);
        String mmap = String.format(
                Locale.ROOT, "mmap(0x%x, 0x%x, 0x1, 0x%x, 0x0), in flight at ", page(16), 8 * PAGE, FIXED);
        assertReport(holding.reports.get(0), "munmap(" + hex(page(16)) + ", " + hex(PAGE) + ") on thread caller", mmap);
        assertReport(holding.reports.get(1), "resolve(" + hex(page(20)) + ") on thread caller", mmap);
    }

    private static void assertReport(Report report, String start, String what) {
        assertEquals(Report.Kind.LONG_WAIT, report.kind());
        assertTrue(report.message().startsWith(start), report::message);
        assertTrue(report.message().contains(" ms for " + what), report::message);
    }

    @Test
    @DisplayName("no wait is reported before its time")
    void shortWait() throws Exception {
        HeldOperations holding = new HeldOperations();
        AddressSpace space = RetiringCall.MUNMAP.space(holding.machine());
        HeldOperations.Hold hold = holding.hold(() -> RetiringCall.MUNMAP.run(space));
        HeldOperations.Caller<Long> caller = waits(() -> space.munmap(page(16), PAGE));
        hold.endWith(0);
        assertEquals(0, caller.result());
        assertTrue(holding.reports.isEmpty(), holding.reports::toString);
    }

    @Test
    @DisplayName("each of many that wait goes on, and of those that want the same place one gets it")
    void everyWaiterIsWoken() throws Exception {
        HeldOperations holding = new HeldOperations();
        AddressSpace space = RetiringCall.MUNMAP.space(holding.machine());
        HeldOperations.Hold hold = holding.hold(() -> RetiringCall.MUNMAP.run(space));
        List<HeldOperations.Caller<Long>> callers = new ArrayList<>();
        int noReplace = ANONYMOUS | Mman.FIXED_NOREPLACE;
        for (int i = 0; i < 12; i++) {
            callers.add(waits(() -> space.mmap(page(16), 8 * PAGE, RW, noReplace, null, 0)));
        }
        hold.endWith(0);
        List<Long> results = new ArrayList<>();
        for (HeldOperations.Caller<Long> caller : callers) {
            results.add(caller.result());
        }
        assertEquals(1, Collections.frequency(results, page(16)));
        assertEquals(11, Collections.frequency(results, Errno.EEXIST.result()));
        space.validate();
    }

    @Test
    @DisplayName("a wait for several in flight ends when the last of them is complete")
    void severalInOneRange() throws Exception {
        HeldOperations holding = new HeldOperations();
        AddressSpace space = holding.machine().newSpace(LINUX);
        map(space, 0, 12, RW);
        HeldOperations.Hold first = holding.hold(() -> space.munmap(page(0), 4 * PAGE));
        HeldOperations.Hold second = holding.hold(() -> space.munmap(page(8), 4 * PAGE));
        HeldOperations.Caller<Long> caller = waits(() -> space.mmap(page(2), 8 * PAGE, RW, FIXED, null, 0));
        first.endWith(0);
        caller.comesToWaitFor("munmap(" + hex(page(8)));
        space.validate();
        second.endWith(0);
        assertEquals(page(2), caller.result());
        space.validate();
    }
}
