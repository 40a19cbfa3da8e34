// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.lowmemory;

import static dev.samara.core.MachineInternals.layoutOf;
import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.MachineInternals;
import dev.samara.core.event.MmuNotifier;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.internal.sync.Rcu.NoWaiting;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What a machine does about its own reap if the reap's steps are not made, or do not end. The tests control time. */
@ExtendWith(OneThread.class)
@DisplayName("A machine with too little memory, whose reap hangs,")
final class LowMemoryStuckTest {
    private static final int FIXED = ANONYMOUS | Mman.FIXED;
    private static final long AT = 0x10_0000;
    private static final int FRAMES = 12;
    private static final String STUCK = "stuck";
    private static final String NEXT = "next";

    private final List<Report> reports = new CopyOnWriteArrayList<>();
    private final AtomicLong nanos = new AtomicLong(Long.MAX_VALUE - 1);
    private final List<AddressSpace> spaces = new ArrayList<>();
    private final CountDownLatch isTold = new CountDownLatch(1);
    private final CountDownLatch mayReturn = new CountDownLatch(1);
    private @Nullable Machine made;
    private @Nullable Cpu claimed;
    private long full;

    /**
     * Uses all frames, 4 of them by a space with a notifier, and 3 by another space; the last access starts the first
     * reap.
     */
    private void begin(MachineBuilder builder, @Nullable MmuNotifier notifier) {
        Machine machine = builder.memory(FRAMES * PAGE)
                .checked(true)
                .poisonFrames(true)
                .reportTo(reports::add)
                .lowMemory((space, pages) -> STUCK.equals(space.name()) ? 2 : NEXT.equals(space.name()) ? 1 : -1)
                .build();
        made = machine;
        MachineInternals.timeReapsBy(machine, nanos::get);
        AddressSpace stuck = space(STUCK, 4);
        if (notifier != null) {
            stuck.addNotifier(notifier);
        }
        space(NEXT, 3);
        AddressSpace needs = space("needs", 0);
        assertEquals(AT, needs.mmap(AT, 2 * FRAMES * PAGE, RW, FIXED, null, 0));
        Cpu cpu = machine.claimCpu();
        claimed = cpu;
        cpu.switchTo(needs);
        while (touch() == Fault.NONE) {
            full++;
        }
        assertEquals(FRAMES - 7, full);
    }

    private Machine machine() {
        return Objects.requireNonNull(made);
    }

    private Cpu cpu() {
        return Objects.requireNonNull(claimed);
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }

    private AddressSpace space(String name, long pages) {
        AddressSpace space = machine().space(GEOMETRY).name(name).build();
        spaces.add(space);
        if (pages != 0) {
            assertEquals(AT, space.mmap(AT, pages * PAGE, RW, FIXED, null, 0));
            assertEquals(0, space.madvise(AT, pages * PAGE, Mman.POPULATE_WRITE));
        }
        return space;
    }

    @AfterEach
    void nothingIsLeft() throws InterruptedException {
        mayReturn.countDown();
        cpu().close();
        spaces.forEach(AddressSpace::close);
        machine().awaitQuiescence();
        assertEquals(0, machine().statistics().framesInUse());
        for (AddressSpace space : spaces) {
            assertEquals(0, layoutOf(space).lifetime.context.holds(), "no reap holds the page table");
        }
        machine().close();
    }

    private int touch() {
        return cpu().memory().store(AT + full * PAGE, 8, full);
    }

    /** Writes pages until no frame is free and no space can be chosen. */
    private void fill() {
        Await.until(
                "no space is left",
                () -> {
                    int fault = touch();
                    if (fault == Fault.NONE) {
                        full++;
                    }
                    return fault == Fault.OUT_OF_MEMORY;
                },
                reports);
    }

    private void pass() {
        nanos.addAndGet(TimeUnit.SECONDS.toNanos(3));
    }

    private List<String> reaped() {
        List<String> reaped = new ArrayList<>();
        for (Report report : reports) {
            assertEquals(Report.Kind.SPACE_REAPED, report.kind());
            reaped.add(report.message().replaceAll("the private pages of space (\\d+) (were|could not).*", "$1 $2"));
        }
        return reaped;
    }

    /** A thread of the machine may finish a reap before reporting it, and a fault may notice that first. */
    private void assertReaped(String... expected) {
        Await.until("all reaps are reported", () -> reaped().size() >= expected.length, reports);
        assertEquals(List.of(expected), reaped());
    }

    private boolean isUnstable(int number) {
        return layoutOf(spaces.get(number)).isUnstable();
    }

    @Test
    @DisplayName("passes over a space with a notifier if nobody makes the steps that may wait")
    void nobodyInvokes() throws InterruptedException {
        begin(Machine.builder().invokedHousekeeping(true), (start, end, reason) -> {});
        for (int i = 0; i < 100; i++) {
            assertFault(Fault.RETRY, touch());
        }
        assertEquals(List.of(), reaped());
        pass();
        fill();
        assertReaped("1 could not", "2 were");
        assertEquals(FRAMES - 4, full);
        machine().awaitQuiescence();
        assertFalse(isUnstable(0), "the reap that was given up takes no pages later");
        assertEquals(List.of("1 could not", "2 were"), reaped());
    }

    @Test
    @DisplayName("passes over a space whose notifier does not return, and frees the pages when it does")
    void blockedNotifier() throws InterruptedException {
        begin(Machine.builder(), (start, end, reason) -> {
            isTold.countDown();
            await(mayReturn);
        });
        isTold.await();
        for (int i = 0; i < 100; i++) {
            assertFault(Fault.RETRY, touch());
        }
        pass();
        fill();
        assertReaped("1 could not", "2 were");
        assertEquals(FRAMES - 4, full);
        mayReturn.countDown();
        machine().awaitQuiescence();
        assertFault(Fault.NONE, touch());
        assertEquals(List.of("1 could not", "2 were"), reaped());
    }

    @Test
    @DisplayName("makes no step in GUEST or in a call that must not wait, and counts none")
    void refusedSteps() throws Exception {
        // The thread that makes a step also runs the calls that can continue.
        begin(Machine.builder().invokedHousekeeping(true).executor(Runnable::run), null);
        cpu().enterGuest();
        makeSteps();
        cpu().leaveGuest();
        NoWaiting.use();
        NoWaiting.enter("a test");
        makeSteps();
        assertNull(NoWaiting.exit());
        assertFalse(isUnstable(0));
        pass();
        machine().housekeeping().doWork();
        assertFault(Fault.NONE, touch());
        assertEquals(List.of("1 were"), reaped());
    }

    private void makeSteps() throws Exception {
        for (int i = 0; i < 30; i++) {
            pass();
            machine().housekeeping().doWork();
        }
    }
}
