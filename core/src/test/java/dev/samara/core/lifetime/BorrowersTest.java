// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.lifetime;

import static dev.samara.core.MachineInternals.layoutOf;
import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.AdoptedSpace;
import dev.samara.core.BorrowedSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.MachineInternals;
import dev.samara.core.PageTableRef;
import dev.samara.core.SpaceReference;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Latches;
import dev.samara.core.internal.cpu.CpuOwner;
import dev.samara.core.internal.cpu.OwnedCpu;
import dev.samara.core.internal.space.Borrowers;
import dev.samara.core.internal.space.Borrowers.Borrower;
import dev.samara.core.mman.Mman;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Borrowers are asked to end the borrow, and named if they hold for long")
final class BorrowersTest {
    private static final int FIXED = ANONYMOUS | Mman.FIXED | Mman.POPULATE;
    private static final long AT = 0x10_0000;

    private final List<Report> reports = new CopyOnWriteArrayList<>();
    private final AtomicInteger asked = new AtomicInteger();

    private MachineBuilder builder() {
        return Machine.builder().memory(1 << 20).reportTo(reports::add);
    }

    private static AddressSpace space(Machine machine) {
        AddressSpace made = machine.newSpace(GEOMETRY);
        assertEquals(AT, made.mmap(AT, PAGE, RW, FIXED, null, 0));
        return made;
    }

    private void close(Machine machine) throws InterruptedException {
        machine.awaitQuiescence();
        assertEquals(0, machine.statistics().framesInUse());
        machine.close();
    }

    private Report only() {
        assertEquals(1, reports.size(), reports::toString);
        return reports.get(0);
    }

    @Test
    @DisplayName("a callback that throws is reported, and the other borrowers are asked")
    void throwingCallback() throws InterruptedException {
        Machine machine = builder().build();
        AddressSpace space = space(machine);
        IllegalArgumentException thrown = new IllegalArgumentException("of the callback");
        Runnable throwing = () -> {
            throw thrown;
        };
        try (Cpu one = machine.claimCpu();
                Cpu two = machine.claimCpu()) {
            BorrowedSpace first = one.use(space, throwing);
            BorrowedSpace second = two.use(space, asked::incrementAndGet);
            space.close();
            machine.awaitQuiescence();
            assertEquals(1, asked.get());
            assertEquals(Report.Kind.CALLBACK_FAILED, only().kind());
            assertSame(thrown, only().cause());
            assertTrue(only().message().contains("space 1 is borrowed by cpu 1"), only()::message);
            first.close();
            assertEquals(1, space.users());
            second.close();
            assertEquals(0, space.users());
        }
        close(machine);
    }

    @Test
    @DisplayName("a callback that blocks delays neither the close nor the end of the space")
    void blockingCallback() throws InterruptedException {
        Machine machine = builder().build();
        AddressSpace space = space(machine);
        CountDownLatch isAsked = new CountDownLatch(1);
        CountDownLatch mayGo = new CountDownLatch(1);
        try (Cpu cpu = machine.claimCpu()) {
            BorrowedSpace borrowed = cpu.use(space, () -> {
                isAsked.countDown();
                Latches.await(mayGo);
            });
            space.close();
            Latches.await(isAsked);
            borrowed.close();
            assertEquals(0, machine.statistics().framesInUse());
        } finally {
            mayGo.countDown();
        }
        close(machine);
        assertEquals(List.of(), reports);
    }

    @Test
    @DisplayName("an executor of the embedder runs the callback; the thread that closes does not")
    void onAnExecutor() throws InterruptedException {
        AtomicReference<Thread> runsOn = new AtomicReference<>();
        List<Thread> threads = new CopyOnWriteArrayList<>();
        Machine machine = builder()
                .executor(task -> {
                    Thread made = new Thread(task, "of the executor");
                    threads.add(made);
                    made.start();
                })
                .build();
        AddressSpace space = space(machine);
        try (Cpu cpu = machine.claimCpu();
                BorrowedSpace borrowed = cpu.use(space, () -> runsOn.set(Thread.currentThread()))) {
            cpu.enterGuest();
            space.close();
            cpu.leaveGuest();
            machine.awaitQuiescence();
            assertTrue(borrowed.isAsked());
        }
        assertTrue(threads.contains(runsOn.get()));
        close(machine);
    }

    @Test
    @DisplayName("a borrow that is over is not asked any more")
    void overMeanwhile() throws InterruptedException {
        Machine machine = builder().invokedHousekeeping(true).build();
        AddressSpace space = space(machine);
        try (Cpu cpu = machine.claimCpu()) {
            BorrowedSpace borrowed = cpu.use(space, asked::incrementAndGet);
            space.close();
            assertTrue(borrowed.isAsked());
            borrowed.close();
        }
        close(machine);
        assertEquals(0, asked.get());
    }

    @Test
    @DisplayName("a reference that is lost is given up as by a close: the borrower is asked")
    void lostReference() throws InterruptedException {
        Machine machine = builder().build();
        try (Cpu cpu = machine.claimCpu()) {
            BorrowedSpace borrowed = cpu.use(space(machine), asked::incrementAndGet);
            Await.until(
                    "the borrower is asked",
                    () -> {
                        System.gc();
                        machine.statistics();
                        return asked.get() == 1;
                    },
                    List.of());
            assertTrue(borrowed.isAsked());
            borrowed.close();
        }
        assertEquals(Report.Kind.REFERENCE_LOST, only().kind());
        close(machine);
    }

    @Test
    @DisplayName("a borrower of its own space is asked: its way back is no reference")
    void ownSpace() throws InterruptedException {
        Machine machine = builder().build();
        AddressSpace space = space(machine);
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            BorrowedSpace borrowed = cpu.use(space, asked::incrementAndGet);
            assertEquals(
                    List.of(SpaceReference.Kind.USERS, SpaceReference.Kind.HOME, SpaceReference.Kind.BORROW),
                    space.references().stream().map(SpaceReference::kind).toList());
            assertFalse(borrowed.isAsked());
            space.close();
            machine.awaitQuiescence();
            assertEquals(1, asked.get());
            assertEquals(2, space.users());
            borrowed.close();
            assertEquals(1, space.users());
        }
        assertEquals(0, space.users());
        close(machine);
        assertEquals(List.of(), reports);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @DisplayName("two borrowers of each other's spaces are asked, once the owners have closed both")
    void swapped(boolean isLate) throws InterruptedException {
        Machine machine = builder().build();
        AddressSpace first = space(machine);
        AddressSpace second = space(machine);
        try (Cpu one = machine.claimCpu();
                Cpu two = machine.claimCpu();
                PageTableRef held = first.hold()) {
            one.switchTo(first);
            two.switchTo(second);
            BorrowedSpace ofSecond = one.use(second, asked::incrementAndGet);
            BorrowedSpace ofFirst = isLate ? null : two.use(first, asked::incrementAndGet);
            first.close();
            machine.awaitQuiescence();
            assertFalse(ofSecond.isAsked());
            assertEquals(isLate ? 0 : 1, asked.get());
            if (ofFirst == null) {
                ofFirst = Objects.requireNonNull(two.tryUse(held, asked::incrementAndGet));
            }
            assertTrue(ofFirst.isAsked());
            second.close();
            machine.awaitQuiescence();
            assertEquals(2, asked.get());
            String left = " is used by cpu %d of thread "
                    + Thread.currentThread().getName() + ", and is left for a borrowed one by a CPU that comes back";
            String refused =
                    assertThrows(IllegalStateException.class, machine::close).getMessage();
            assertEquals(
                    "this machine cannot be closed: space 1" + left.formatted(2) + "; space 2" + left.formatted(1),
                    refused);
            ofFirst.close();
            ofSecond.close();
            assertSame(first, one.space());
            assertSame(second, two.space());
        }
        assertEquals(0, first.users() + second.users());
        close(machine);
        assertEquals(List.of(), reports);
    }

    @Test
    @DisplayName("a long borrow is reported once, by name, in a step of the housekeeping")
    void longBorrow() throws Exception {
        Machine machine = builder()
                .invokedHousekeeping(true)
                .reportBorrowsLongerThan(Duration.ofNanos(1))
                .trackReferences(true)
                .build();
        AddressSpace space = space(machine);
        try (Cpu cpu = machine.claimCpu()) {
            BorrowedSpace borrowed = cpu.use(space, asked::incrementAndGet);
            machine.housekeeping().doWork();
            machine.housekeeping().doWork();
            assertEquals(Report.Kind.LONG_BORROW, only().kind());
            String prefix = "space 1 is borrowed by cpu 1 of thread "
                    + Thread.currentThread().getName() + " for ";
            assertTrue(only().message().startsWith(prefix), only()::message);
            assertFalse(only().message().endsWith("asked to end the borrow"));
            Throwable where = Objects.requireNonNull(only().cause());
            assertTrue(Arrays.stream(where.getStackTrace())
                    .anyMatch(frame -> frame.getMethodName().equals("longBorrow")));
            AdoptedSpace adopted = borrowed.putUsers();
            machine.housekeeping().doWork();
            adopted.close();
            machine.housekeeping().doWork();
            assertEquals(1, reports.size());
            reports.clear();
            BorrowedSpace second = cpu.use(space, asked::incrementAndGet);
            space.close();
            machine.housekeeping().doWork();
            assertTrue(only().message().endsWith(" ms, asked to end the borrow"), only()::message);
            machine.awaitQuiescence();
            assertEquals(1, asked.get());
            second.close();
        }
        close(machine);
    }

    @Test
    @DisplayName("a long borrow is reported when the machine is asked for its statistics; a short one never")
    void longBorrowWithoutSteps() throws InterruptedException {
        Machine machine = builder().reportBorrowsLongerThan(Duration.ofNanos(1)).build();
        Machine patient = builder().build();
        AddressSpace space = space(machine);
        AddressSpace other = space(patient);
        try (Cpu cpu = machine.claimCpu();
                BorrowedSpace one = cpu.use(space, asked::incrementAndGet);
                Cpu second = patient.claimCpu();
                BorrowedSpace two = second.use(other, asked::incrementAndGet)) {
            assertNotNull(patient.statistics());
            assertEquals(List.of(), reports);
            assertNotNull(machine.statistics());
            assertEquals(Report.Kind.LONG_BORROW, only().kind());
            space.close();
            other.close();
            assertTrue(one.isAsked() && two.isAsked());
        }
        close(machine);
        close(patient);
    }

    @Test
    @DisplayName("the time of a report is positive")
    void timeOfAReport() {
        MachineBuilder builder = builder();
        assertThrows(IllegalArgumentException.class, () -> builder.reportBorrowsLongerThan(Duration.ZERO));
    }

    @Test
    @DisplayName("a borrower whose thread has ended is neither listed nor asked, and does not delay the end")
    void deadBorrower() throws InterruptedException {
        Machine machine = builder().reportBorrowsLongerThan(Duration.ofNanos(1)).build();
        AddressSpace space = space(machine);
        Thread borrower = new Thread(() -> {
            Cpu cpu = machine.claimCpu();
            BorrowedSpace borrowed = cpu.use(space, asked::incrementAndGet);
            assertFalse(borrowed.isAsked());
        });
        borrower.start();
        borrower.join();
        assertEquals(1, space.references().size());
        space.close();
        machine.awaitQuiescence();
        assertEquals(0, space.users());
        assertEquals(0, asked.get());
        assertEquals(List.of(), reports);
        close(machine);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @DisplayName("a borrower whose thread has ended without users gives up the page table, also if its CPU is kept")
    void deadBorrowerWithoutUsers(boolean isKept) throws InterruptedException {
        Machine machine = builder().build();
        AddressSpace space = space(machine);
        AtomicReference<Cpu> left = new AtomicReference<>();
        Thread borrower = new Thread(() -> {
            Cpu cpu = machine.claimCpu();
            assertNotNull(cpu.use(space, asked::incrementAndGet).putUsers());
            left.set(isKept ? cpu : null);
        });
        borrower.start();
        borrower.join();
        assertEquals(2, space.references().size());
        space.close();
        assertEquals(List.of(), machine.references());
        assertEquals(0, layoutOf(space).lifetime.context.holds());
        assertEquals(List.of(), reports);
        close(machine);
        assertEquals(isKept, left.get() != null);
    }

    @Test
    @DisplayName("a borrower whose thread has ended does not delay the end of its own space")
    void deadBorrowerWithASpace() throws InterruptedException {
        for (boolean hasUsers : new boolean[] {true, false}) {
            Machine machine = builder().build();
            AddressSpace space = space(machine);
            AddressSpace home = space(machine);
            Thread borrower = new Thread(() -> {
                Cpu cpu = machine.claimCpu();
                cpu.switchTo(home);
                BorrowedSpace borrowed = cpu.use(space, asked::incrementAndGet);
                if (!hasUsers) {
                    assertNotNull(borrowed.putUsers());
                }
            });
            borrower.start();
            borrower.join();
            assertEquals(2, home.users());
            home.close();
            machine.awaitQuiescence();
            assertEquals(0, home.users());
            space.close();
            close(machine);
        }
        assertEquals(List.of(), reports);
    }

    @Test
    @DisplayName("a step of the housekeeping takes the CPU of a borrower offline whose thread has ended")
    void deadBorrowerInAStep() throws Exception {
        Machine machine = builder().invokedHousekeeping(true).build();
        AddressSpace space = space(machine);
        AddressSpace other = space(machine);
        Thread borrower = new Thread(() -> {
            assertNotNull(machine.claimCpu().use(space, asked::incrementAndGet));
            machine.claimCpu().switchTo(other);
        });
        borrower.start();
        borrower.join();
        assertEquals(1, space.cpus());
        machine.housekeeping().doWork();
        assertEquals(0, space.cpus());
        assertEquals(0, other.cpus());
        space.close();
        other.close();
        close(machine);
        assertEquals(List.of(), reports);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @DisplayName("a borrower of another machine's space whose thread has ended is found by looks at either machine")
    void deadBorrowerAcrossMachines(boolean looksAtHome) throws InterruptedException {
        Machine machine = builder().build();
        Machine lender = builder().build();
        AddressSpace home = space(machine);
        AddressSpace space = space(lender);
        Thread borrower = new Thread(() -> {
            Cpu cpu = machine.claimCpu();
            cpu.switchTo(home);
            assertNotNull(cpu.use(space, asked::incrementAndGet));
            assertEquals(2, home.references().size());
            assertEquals(2, machine.references().size());
            assertEquals(2, lender.references().size());
        });
        borrower.start();
        borrower.join();
        (looksAtHome ? machine : lender).statistics();
        assertEquals(1, home.users());
        assertEquals(1, space.users());
        home.close();
        space.close();
        close(machine);
        close(lender);
        assertEquals(List.of(), reports);
    }

    @Test
    @DisplayName("the borrow of a CPU that is gone is given up without the monitor, since that may wait for memory")
    void withoutMonitor() throws InterruptedException {
        Machine machine = builder().build();
        AddressSpace space = space(machine);
        Borrowers borrowers = MachineInternals.layoutOf(space).host.borrowers;
        List<Boolean> held = new ArrayList<>();
        for (boolean isFoundByAdd : new boolean[] {true, false}) {
            CpuOwner owner = OwnedCpu.owner();
            Borrower borrower = MachineInternals.layoutOf(space)
                    .lifetime
                    .borrow(() -> {}, 1, false, () -> held.add(Thread.holdsLock(borrowers)));
            borrowers.add(owner).begin(borrower);
            OwnedCpu.lose(owner);
            if (isFoundByAdd) {
                borrowers.add(OwnedCpu.owner()).remove();
            } else {
                borrowers.check();
            }
        }
        assertEquals(List.of(false, false), held);
        space.close();
        close(machine);
    }

    @Test
    @DisplayName("a machine whose last user was a borrower that has ended closes, without a step of the housekeeping")
    void deadBorrowerOfClosedSpaces() throws InterruptedException {
        Machine machine = builder().invokedHousekeeping(true).build();
        Thread borrower = new Thread(() -> {
            AddressSpace space = space(machine);
            AddressSpace home = space(machine);
            Cpu cpu = machine.claimCpu();
            cpu.switchTo(home);
            assertFalse(cpu.use(space, asked::incrementAndGet).isAsked());
            home.close();
            space.close();
        });
        borrower.start();
        borrower.join();
        machine.close();
        assertEquals(List.of(), reports);
    }

    @Test
    @DisplayName("a CPU that was handed over by a thread that has ended goes on borrowing")
    void handedOver() throws InterruptedException {
        Machine machine = builder().build();
        AddressSpace space = space(machine);
        AtomicReference<Cpu> handed = new AtomicReference<>();
        Thread borrower = new Thread(() -> {
            Cpu cpu = machine.claimCpu();
            cpu.use(space, asked::incrementAndGet);
            cpu.handOver();
            handed.set(cpu);
        });
        borrower.start();
        borrower.join();
        assertEquals(2, space.references().size());
        space.close();
        machine.awaitQuiescence();
        assertEquals(1, asked.get());
        assertEquals(1, space.users());
        Cpu cpu = Objects.requireNonNull(handed.get());
        cpu.claim();
        cpu.close();
        assertEquals(0, space.users());
        close(machine);
    }
}
