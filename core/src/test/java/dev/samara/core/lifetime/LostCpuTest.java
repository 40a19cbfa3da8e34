// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.lifetime;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.AddressSpace;
import dev.samara.core.BorrowedSpace;
import dev.samara.core.Cpu;
import dev.samara.core.LazyTlb;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.MachineInternals;
import dev.samara.core.SpaceReference;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.Await;
import dev.samara.core.guest.FlatMemory;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.internal.cpu.OwnedCpu;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.space.Spaces;
import dev.samara.core.mman.Mman;
import java.lang.ref.WeakReference;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("A CPU whose object no thread can reach is reported once and taken offline, while its thread lives")
final class LostCpuTest {
    private static final int FIXED = ANONYMOUS | Mman.FIXED | Mman.POPULATE;
    private static final long AT = 0x10_0000;
    private static final String LOST =
            "cpu 1 of thread pool became unreachable and was not closed; it is taken offline";

    private final List<Report> reports = new CopyOnWriteArrayList<>();
    private final AtomicInteger asked = new AtomicInteger();

    /** A thread that lives as long as the test. */
    private final ExecutorService pool = Executors.newSingleThreadExecutor(task -> {
        Thread thread = new Thread(task, "pool");
        thread.setDaemon(true);
        return thread;
    });

    @AfterEach
    void end() {
        pool.shutdown();
    }

    private MachineBuilder builder() {
        return Machine.builder().memory(1 << 20).reportTo(reports::add);
    }

    private static AddressSpace space(Machine machine) {
        AddressSpace made = machine.newSpace(GEOMETRY);
        assertEquals(AT, made.mmap(AT, PAGE, RW, FIXED, null, 0));
        return made;
    }

    /**
     * Runs an action on the pool's thread, which stays alive. Afterwards nothing of the action is reachable from its
     * stack.
     */
    private <T extends @Nullable Object> T onPool(Callable<T> what) throws Exception {
        T result = pool.submit(what).get();
        pool.submit(() -> {}).get();
        return result;
    }

    private void assertReported() {
        assertEquals(
                List.of(Report.Kind.CPU_LOST),
                reports.stream().map(Report::kind).toList(),
                reports::toString);
        assertEquals(LOST, reports.get(0).message());
    }

    private void close(Machine machine) throws InterruptedException {
        machine.awaitQuiescence();
        assertEquals(0, machine.statistics().framesInUse());
        machine.close();
        assertReported();
    }

    /** Collects garbage and checks the machine until a CPU is reported. */
    private void awaitReport(Machine machine) {
        Await.until("the CPU is found", () -> {
            System.gc();
            return machine.statistics() != null && !reports.isEmpty();
        });
    }

    /** A thread's service. Its callbacks reference its CPU, like those of an emulator. */
    private final class Service {
        private final Cpu cpu;
        private int flushes;

        Service(Cpu cpu) {
            this.cpu = cpu;
        }

        BorrowedSpace borrow(AddressSpace space) {
            BorrowedSpace borrowed = cpu.use(space, this::letGo);
            cpu.onFlush((start, end, reason, generation) -> flushes++);
            return borrowed;
        }

        private void letGo() {
            asked.addAndGet(cpu.number());
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @DisplayName("that borrows a space: the borrow is over, and both spaces end; its callbacks do not keep it")
    void borrowing(boolean hasUsers) throws Exception {
        Machine machine = builder().build();
        AddressSpace home = space(machine);
        AddressSpace space = space(machine);
        onPool(() -> {
            Service service = new Service(machine.claimCpu());
            service.cpu.switchTo(home);
            BorrowedSpace borrowed = service.borrow(space);
            if (!hasUsers) {
                assertNotNull(borrowed.putUsers());
            }
            return service.flushes;
        });
        awaitReport(machine);
        // A housekeeping step on another thread may have found the CPU, but not released everything yet.
        Await.until(
                "both spaces have only their references",
                () -> space.users() == 1
                        && home.users() == 1
                        && space.references().size() == 1
                        && home.references().size() == 1);
        home.close();
        space.close();
        assertEquals(0, asked.get());
        close(machine);
    }

    @Test
    @DisplayName("is listed and asked to end the borrow as long as a thread has its memory only")
    void keptByItsMemory() throws Exception {
        Machine machine = builder().build();
        AddressSpace space = space(machine);
        AtomicReference<WeakReference<Cpu>> made = new AtomicReference<>();
        AtomicReference<@Nullable GuestMemory> kept = new AtomicReference<>();
        onPool(() -> {
            Cpu cpu = machine.claimCpu();
            cpu.use(space, asked::incrementAndGet);
            made.set(new WeakReference<>(cpu));
            kept.set(flatMemory(cpu).memory());
            return "";
        });
        WeakReference<Object> garbage = new WeakReference<>(new Object());
        Await.until("a collection", () -> {
            System.gc();
            return garbage.get() == null;
        });
        assertNotNull(Objects.requireNonNull(made.get()).get());
        assertEquals(List.of(SpaceReference.Kind.USERS, SpaceReference.Kind.BORROW), kinds(space));
        space.close();
        machine.awaitQuiescence();
        assertEquals(1, asked.get());
        assertEquals(1, space.users());
        assertEquals(List.of(), reports);
        kept.set(null);
        awaitReport(machine);
        assertEquals(0, space.users());
        close(machine);
    }

    private static List<SpaceReference.Kind> kinds(AddressSpace space) {
        return space.references().stream().map(SpaceReference::kind).toList();
    }

    private static FlatMemory flatMemory(Cpu cpu) {
        return new FlatMemory(cpu.memory(), ByteOrder.LITTLE_ENDIAN) {
            @Override
            protected void fault(int fault, long address, int access, int size) {
                throw new AssertionError(cpu + " faults");
            }
        };
    }

    @Test
    @DisplayName("that is in GUEST, and that flat memory leads to, is found after the last access only")
    void collectedInGuest() throws Exception {
        Machine machine = builder().build();
        AddressSpace space = space(machine);
        AtomicReference<@Nullable FlatMemory> kept = new AtomicReference<>();
        onPool(() -> {
            Cpu cpu = machine.claimCpu();
            cpu.switchTo(space);
            FlatMemory flat = flatMemory(cpu);
            cpu.enterGuest();
            flat.storeLong(AT, 7);
            kept.set(flat);
            return "";
        });
        WeakReference<Object> garbage = new WeakReference<>(new Object());
        Await.until("a collection", () -> {
            System.gc();
            return garbage.get() == null && machine.statistics() != null;
        });
        assertEquals(7L, onPool(() -> Objects.requireNonNull(kept.get()).loadLong(AT)));
        assertEquals(List.of(), reports);
        kept.set(null);
        awaitReport(machine);
        assertEquals(0, space.cpus());
        space.close();
        close(machine);
    }

    /** A check of the machine that finds the CPU. */
    private enum Look {
        STATISTICS,
        NEW_SPACE,
        CLAIM,
        CLOSE,
        CLOSE_OF_THE_MACHINE,
        STEP
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("without a borrow is found by each look at the machine")
    void looks(Look look) throws Exception {
        Machine machine = builder().invokedHousekeeping(true).build();
        AddressSpace space = space(machine);
        AddressSpace second = space.get();
        Cpu lost = onPool(() -> {
            Cpu cpu = machine.claimCpu();
            cpu.switchTo(space);
            return cpu;
        });
        assertEquals(1, space.cpus());
        MachineInternals.lose(lost);
        switch (look) {
            case STATISTICS -> assertNotNull(machine.statistics());
            case NEW_SPACE -> machine.newSpace(GEOMETRY).close();
            case CLAIM -> {
                try (Cpu other = machine.claimCpu()) {
                    other.switchTo(space);
                    assertEquals(1, space.cpus());
                }
            }
            case CLOSE -> second.close();
            case CLOSE_OF_THE_MACHINE -> {
                String refused = assertThrows(IllegalStateException.class, machine::close)
                        .getMessage();
                assertEquals("this machine cannot be closed: space 1 is not closed", refused);
            }
            case STEP -> machine.housekeeping().doWork();
        }
        assertReported();
        assertEquals(0, space.cpus());
        second.close();
        space.close();
        close(machine);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @DisplayName("in GUEST is not waited for")
    void inGuest(boolean isPolled) throws Exception {
        Machine machine = builder().build();
        AddressSpace space = space(machine);
        Cpu lost = onPool(() -> guest(machine, space));
        CompletableFuture<Long> unmapped = isPolled
                ? space.munmapAsync(AT, PAGE)
                : CompletableFuture.supplyAsync(() -> space.munmap(AT, PAGE), task -> new Thread(task).start());
        Await.until(
                "the CPU is asked",
                () -> MachineInternals.layoutOf(space).memory().shootdowns.targets() != 0);
        assertFalse(unmapped.isDone());
        MachineInternals.lose(lost);
        assertEquals(0, Await.result("the mapping is removed", unmapped, reports));
        assertReported();
        space.close();
        close(machine);
    }

    private static Cpu guest(Machine machine, AddressSpace space) {
        Cpu cpu = machine.claimCpu();
        cpu.switchTo(space);
        cpu.enterGuest();
        assertEquals(0, cpu.memory().store(AT, 8, 1));
        return cpu;
    }

    @Test
    @DisplayName("in GUEST does not keep its own thread from calls that wait, which do not wait for it")
    void inGuestOfTheCaller() throws Exception {
        Machine machine = builder().build();
        AddressSpace space = space(machine);
        onPool(() -> {
            Cpu cpu = guest(machine, space);
            MachineInternals.lose(cpu);
            assertEquals(0, space.munmap(AT, PAGE));
            return cpu;
        });
        assertReported();
        space.close();
        close(machine);
    }

    @Test
    @DisplayName("that was handed over, and that no thread has claimed")
    void handedOver() throws Exception {
        Machine machine = builder().build();
        AddressSpace space = space(machine);
        Cpu lost = onPool(() -> {
            Cpu cpu = machine.claimCpu();
            cpu.switchTo(space);
            cpu.handOver();
            return cpu;
        });
        MachineInternals.lose(lost);
        space.close();
        machine.awaitQuiescence();
        assertEquals(0, machine.statistics().framesInUse());
        machine.close();
        assertEquals(
                List.of(LOST.replace("thread pool", "no thread")),
                reports.stream().map(Report::message).toList());
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("in LAZY keeps no page table")
    void lazy(LazyTlb strategy) throws Exception {
        Machine machine = builder().lazyTlb(strategy).build();
        AddressSpace space = space(machine);
        Cpu lost = onPool(() -> {
            Cpu cpu = machine.claimCpu();
            cpu.switchTo(space);
            cpu.enterLazy();
            return cpu;
        });
        MachineInternals.lose(lost);
        space.close();
        assertEquals(0, MachineInternals.layoutOf(space).lifetime.context.holds());
        close(machine);
    }

    @Test
    @DisplayName("leaves its number and its page table context to the next one")
    void numbers() throws Exception {
        Machine machine = MachineInternals.withContexts(builder().build(), 3);
        AddressSpace space = space(machine);
        List<Cpu> lost = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            lost.add(onPool(() -> {
                Cpu cpu = machine.claimCpu();
                cpu.switchTo(space);
                assertEquals(0, cpu.memory().load(AT, 8));
                return cpu;
            }));
            MachineInternals.lose(lost.get(i));
        }
        assertEquals(
                1,
                OwnedCpu.claim(MachineInternals.layoutOf(space).memory().cpus, 1, () -> {}).bit,
                "the lowest number");
        assertEquals(10, reports.size(), reports::toString);
        space.close();
        machine.close();
    }

    @Test
    @DisplayName("is given up without a monitor of the machine, since that may wait for memory")
    void withoutMonitors() throws Exception {
        AtomicReference<@Nullable Spaces> built = new AtomicReference<>();
        List<Cpu> cpus = new CopyOnWriteArrayList<>();
        List<String> held = new CopyOnWriteArrayList<>();
        Machine machine = Machine.builder()
                .memory(1 << 20)
                .reportTo(report -> {
                    reports.add(report);
                    Spaces spaces = Objects.requireNonNull(built.get());
                    MachineState host = spaces.host;
                    for (Object monitor : List.of(
                            host, spaces, host.borrowers, host.memories().get(0).cpus)) {
                        if (Thread.holdsLock(monitor)) {
                            held.add(monitor.getClass().getSimpleName());
                        }
                    }
                    if (reports.size() == 1) {
                        // The check already passed this CPU. The next check, of the list of spaces, finds it.
                        MachineInternals.lose(cpus.get(0));
                    }
                })
                .build();
        AddressSpace space = space(machine);
        built.set(MachineInternals.layoutOf(space).spaces);
        for (int i = 0; i < 2; i++) {
            cpus.add(onPool(() -> {
                Cpu cpu = machine.claimCpu();
                cpu.switchTo(space);
                return cpu;
            }));
        }
        space.close();
        MachineInternals.lose(cpus.get(1));
        machine.close();
        assertEquals(2, reports.size(), reports::toString);
        assertEquals(List.of(), held);
    }
}
