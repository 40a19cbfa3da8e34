// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.Watchpoint;
import dev.samara.core.fixture.Latches;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.mman.Fault;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.function.IntSupplier;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("A watchpoint")
@SuppressWarnings("try") // a watchpoint is active until it is closed
final class WatchpointListenerTest extends WatchpointFixture {
    @Test
    @DisplayName("whose listener throws has that reported; the store counts, and others are told")
    void throwing() {
        try (Watchpoint first = space.watch(at, 8, (address, length) -> {
                    throw new IllegalCallerException("of a listener");
                });
                Watchpoint second = space.watch(at, 8, as("w"))) {
            fixture.store(at, 5);
            assertFault(Fault.NONE, memory.getAndAdd(at, 8, 1));
            assertEquals(5, memory.value());
            assertEquals(6, fixture.load(at));
            assertTold("w 0 8", "w 0 8");
        }
        assertEquals(2, fixture.reports.size());
        for (Report report : fixture.reports) {
            assertEquals(Report.Kind.CALLBACK_FAILED, report.kind());
            assertEquals("a write listener", report.message());
            assertEquals("of a listener", String.valueOf(report.cause()).replaceAll(".*: ", ""));
        }
        fixture.reports.clear();
    }

    @Test
    @DisplayName("whose listener blocks delays its CPU, and no thread that waits for that CPU")
    void blocking() throws Exception {
        CountDownLatch asked = new CountDownLatch(1);
        CountDownLatch answers = new CountDownLatch(1);
        try (OtherCpu other = new OtherCpu(space);
                Watchpoint watch = space.watch(at, 8, (address, length) -> {
                    asked.countDown();
                    Latches.await(answers);
                })) {
            Future<Integer> stored = other.submit(of -> {
                of.enterGuest();
                of.memory().store(at + PAGE, 8, 1);
                int result = of.memory().store(at, 8, 1);
                of.leaveGuest();
                return result;
            });
            Latches.await(asked);
            assertEquals(0, space.munmap(at + PAGE, PAGE));
            assertEquals(0, space.mprotect(at, PAGE, READ));
            assertEquals(1, fixture.load(at), "it has happened");
            space.fork().close();
            try (Watchpoint another = space.watch(at, 8, as("x"))) {}
            answers.countDown();
            assertFault(Fault.NONE, stored.get());
        }
    }

    @Test
    @DisplayName("whose listener calls back: operations and accesses go on, and the CPU keeps the value it has read")
    void callingBack() {
        List<Watchpoint> watches = new ArrayList<>();
        List<IntSupplier> refused = List.of(
                () -> {
                    cpu.switchTo(null);
                    return 0;
                },
                () -> {
                    cpu.enterGuest();
                    return 0;
                },
                () -> {
                    cpu.leaveGuest();
                    return 0;
                },
                () -> {
                    cpu.poll();
                    return 0;
                },
                () -> {
                    cpu.close();
                    return 0;
                });
        watches.add(space.watch(at, 8, (address, length) -> {
            told.add("first");
            assertEquals(6, fixture.load(at), "after the access");
            fixture.store(at, 7);
            assertFault(Fault.MAPERR, memory.load(8, 8));
            assertEquals(0, memory.copyOut(8, new byte[8], 0, 8));
            refused.forEach(call -> assertThrows(IllegalStateException.class, call::getAsInt));
            assertEquals(0, space.mprotect(at, PAGE, READ));
            space.fork().close();
            watches.add(space.watch(at + 8, 8, as("third")));
            watches.get(0).close();
            watches.get(1).close();
        }));
        watches.add(space.watch(at, 16, as("second")));
        fixture.store(at + 8, 5);
        assertTold("second 8 8");
        cpu.enterGuest();
        assertFault(Fault.NONE, memory.store(at + 16, 8, 9));
        long before = memory.faultAddress();
        fixture.load(at + 8);
        assertFault(Fault.NONE, memory.getAndAdd(at, 8, 6));
        assertEquals(0, memory.value(), "the value that the access has read");
        assertEquals(before, memory.faultAddress());
        assertFault(Fault.NONE, memory.fault());
        assertTold("first");
        assertFault(Fault.ACCERR, memory.store(at, 8, 6));
        assertEquals(7, fixture.load(at));
        cpu.leaveGuest();
        assertEquals(0, space.mprotect(at, PAGE, RW));
        fixture.store(at, 1);
        assertTold();
        fixture.store(at + 8, 1);
        assertTold("third 8 8");
        watches.forEach(Watchpoint::close);
        assertSame(space, cpu.space());
    }
}
