// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.history;

import static dev.samara.core.MachineInternals.layoutOf;
import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.LayoutSnapshot;
import dev.samara.core.Machine;
import dev.samara.core.PageTableRef;
import dev.samara.core.SpaceIdentity;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Historical Linux bugs of TLBs and lifetimes, each as a test that would have found it. {@code docs/lifetimes.md} lists
 * them together with the bugs that other tests cover.
 */
@ExtendWith(OneThread.class)
final class HistoricalLifetimeBugsTest {
    private static final long AT = 0x10_0000;
    private static final int FIXED = ANONYMOUS | Mman.FIXED;

    /** A machine that elides flushes, as the ports with some of these bugs did. */
    private final SpaceFixture fixture = new SpaceFixture(Machine.builder()
            .memory(64 * PAGE)
            .poisonFrames(true)
            .elideFlushes(true)
            .reportWaitsLongerThan(Await.LONG)
            .reportGracePeriodsLongerThan(Await.LONG)
            .reportShootdownsLongerThan(Await.LONG));

    private final Machine machine = fixture.machine;
    private final AddressSpace space = fixture.space;

    private void mapAndStore(long value) {
        assertEquals(AT, space.mmap(AT, PAGE, RW, FIXED, null, 0));
        fixture.store(AT, value);
    }

    private void assertNothingIsLeft() {
        fixture.closeEmpty();
        assertEquals(List.of(), fixture.reports);
    }

    private static long load(Cpu cpu) {
        assertFault(Fault.NONE, cpu.memory().load(AT, 8));
        return cpu.memory().value();
    }

    @Test
    @DisplayName("37: a CPU that the only user has flushed without, and that comes back, is flushed again")
    void noTrimming() {
        mapAndStore(1);
        try (OtherCpu other = new OtherCpu(space)) {
            assertEquals(1, other.<Long>call(HistoricalLifetimeBugsTest::load));
            other.call(cpu -> {
                cpu.switchTo(null);
                return 0;
            });
            // This CPU is the only one in the space, so a flush could now reduce the cpumasks to this CPU.
            assertEquals(1, space.cpus());
            assertEquals(0, space.mprotect(AT, PAGE, SpaceFixture.READ));
            assertEquals(0, space.mprotect(AT, PAGE, RW));
            other.call(cpu -> {
                cpu.switchTo(space);
                assertEquals(1, load(cpu));
                cpu.enterGuest();
                return 0;
            });
            CompletableFuture<Long> unmapped = space.munmapAsync(AT, PAGE);
            Await.until("the CPU is asked", () -> machine.statistics().shootdownTargets() > 0, fixture.reports);
            assertFalse(unmapped.isDone(), "the CPU has not polled");
            other.call(cpu -> {
                cpu.poll();
                assertFault(Fault.MAPERR, cpu.memory().load(AT, 8));
                cpu.leaveGuest();
                return 0;
            });
            assertEquals(0, Await.result("the unmapping", unmapped, fixture.reports));
            assertEquals(0, fixture.frames());
        }
        assertNothingIsLeft();
    }

    @Test
    @DisplayName("50, 51 (2ff6ddf19c0e): a LAZY CPU walks no table that was freed by the only user meanwhile")
    void freedTables() {
        mapAndStore(1);
        try (OtherCpu other = new OtherCpu(space)) {
            other.call(cpu -> {
                assertEquals(1, load(cpu));
                cpu.enterLazy();
                return 0;
            });
            assertEquals(1, space.cpus());
            int tables = layoutOf(space).pages().tables();
            assertEquals(0, space.munmap(AT, PAGE));
            assertTrue(layoutOf(space).pages().tables() < tables, "the leaf is freed");
            mapAndStore(2);
            assertEquals(2, other.<Long>call(cpu -> {
                cpu.switchTo(space);
                return load(cpu);
            }));
        }
        assertNothingIsLeft();
    }

    @Test
    @DisplayName("61: a CPU that is in another space by now is neither asked nor flushed there")
    void elsewhereByNow() {
        mapAndStore(1);
        AddressSpace second = machine.newSpace(GEOMETRY);
        assertEquals(AT, second.mmap(AT, PAGE, RW, FIXED, null, 0));
        try (OtherCpu other = new OtherCpu(space)) {
            long misses = other.call(cpu -> {
                assertEquals(1, load(cpu));
                cpu.switchTo(second);
                cpu.enterGuest();
                assertFault(Fault.NONE, cpu.memory().store(AT, 8, 2));
                return cpu.statistics().tlbMisses();
            });
            assertEquals(0, space.munmap(AT, PAGE));
            assertEquals(0, machine.statistics().shootdownTargets());
            other.call(cpu -> {
                cpu.poll();
                assertEquals(2, load(cpu));
                assertEquals(misses, cpu.statistics().tlbMisses(), "its translation is there");
                cpu.leaveGuest();
                cpu.switchTo(space);
                assertFault(Fault.MAPERR, cpu.memory().load(AT, 8));
                return 0;
            });
        }
        second.close();
        assertNothingIsLeft();
    }

    @Test
    @DisplayName("67: the last references to a page table and an identity are dropped in GUEST and in a callback")
    void droppedAnywhere() {
        for (boolean isInGuest : new boolean[] {true, false}) {
            AddressSpace ended = machine.newSpace(GEOMETRY);
            PageTableRef held = ended.hold();
            SpaceIdentity identity = ended.grab();
            identity.attach(this);
            ended.close();
            assertEquals(PAGE, held.pageTableBytes());
            Runnable drop = () -> {
                held.close();
                identity.close();
            };
            if (isInGuest) {
                fixture.cpu.enterGuest();
                drop.run();
                fixture.cpu.leaveGuest();
            } else {
                mapAndStore(1);
                try (var registration = space.addNotifier((start, end, reason) -> drop.run())) {
                    assertNotNull(registration);
                    assertEquals(0, space.munmap(AT, PAGE));
                }
            }
            assertNull(identity.attachment());
            assertEquals(0, layoutOf(ended).lifetime.context.holds());
        }
        assertNothingIsLeft();
    }

    @Test
    @DisplayName("68 (CVE-2019-11599): a thread that gets the space during a dump does not change what is dumped")
    void dump() {
        mapAndStore(1);
        PageTableRef held = space.hold();
        LayoutSnapshot dumped = space.snapshot();
        List<String> before = dumped.maps();
        try (AddressSpace got = Objects.requireNonNull(held.tryGet())) {
            assertEquals(0, got.munmap(AT, PAGE));
            assertEquals(2 * AT, got.mmap(2 * AT, PAGE, RW, FIXED, null, 0));
        }
        assertEquals(before, dumped.maps());
        assertNotNull(dumped.find(AT));
        held.close();
        assertNothingIsLeft();
    }
}
