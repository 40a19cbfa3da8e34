// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.lowmemory;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Checkpoint;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.event.MmuNotifier;
import dev.samara.core.event.Registration;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What droppable memory loses by an advice, or when no frame is free. */
@ExtendWith(OneThread.class)
@DisplayName("Droppable memory")
final class DroppableTest {
    private static final int DROPPABLE = Mman.DROPPABLE | Mman.ANONYMOUS | Mman.FIXED;
    private static final int PRIVATE = ANONYMOUS | Mman.FIXED;
    private static final int FRAMES = 8;
    private static final long AT = 0x10_0000;
    private static final long OTHER = 0x20_0000;

    private final List<Report> reports = new CopyOnWriteArrayList<>();
    private final List<String> scored = new CopyOnWriteArrayList<>();
    private final Machine machine = Machine.builder()
            .memory(FRAMES * PAGE)
            .checked(true)
            .poisonFrames(true)
            .reportTo(reports::add)
            .lowMemory((space, pages) -> {
                scored.add(space.name() + " " + pages);
                return -1;
            })
            .build();
    private final AddressSpace space = machine.newSpace(GEOMETRY);
    private final Cpu cpu = machine.claimCpu();

    DroppableTest() {
        cpu.switchTo(space);
    }

    @AfterEach
    void nothingIsLeft() throws InterruptedException {
        cpu.close();
        space.close();
        machine.awaitQuiescence();
        assertEquals(0, machine.statistics().framesInUse());
        machine.close();
        assertEquals(List.of(), reports);
    }

    /** Maps pages, and writes 1, 2, ... to them. */
    private static void fill(Cpu cpu, AddressSpace of, long at, int pages, int flags) {
        assertEquals(at, of.mmap(at, pages * PAGE, RW, flags, null, 0));
        for (int i = 0; i < pages; i++) {
            assertFault(Fault.NONE, cpu.memory().store(at + i * PAGE, 8, i + 1));
        }
    }

    private void fill(long at, int pages, int flags) {
        fill(cpu, space, at, pages, flags);
    }

    private List<Long> read(long at, int pages) {
        List<Long> values = new ArrayList<>();
        for (int i = 0; i < pages; i++) {
            assertFault(Fault.NONE, cpu.memory().load(at + i * PAGE, 8));
            values.add(cpu.memory().value());
        }
        return values;
    }

    private long frames() {
        return machine.statistics().framesInUse();
    }

    @Test
    @DisplayName("is dropped by PAGEOUT in its range, and reads as zeros; other memory and other advice keep it")
    void pageout() {
        fill(AT, 3, DROPPABLE);
        fill(OTHER, 2, PRIVATE);
        for (int advice : new int[] {Mman.FREE, Mman.COLD}) {
            assertEquals(0, space.madvise(AT, 3 * PAGE, advice));
        }
        assertEquals(0, space.madvise(OTHER, 2 * PAGE, Mman.PAGEOUT));
        assertEquals(List.of(1L, 2L, 3L), read(AT, 3));
        assertEquals(0, space.madvise(AT + PAGE, 2 * PAGE, Mman.PAGEOUT));
        assertEquals(3, frames());
        assertEquals(List.of(1L, 0L, 0L), read(AT, 3));
        assertEquals(List.of(1L, 2L), read(OTHER, 2));
        assertFault(Fault.NONE, cpu.memory().store(AT + PAGE, 8, 9));
        assertEquals(List.of(1L, 9L, 0L), read(AT, 3));
    }

    @Test
    @DisplayName("is dropped by PAGEOUT after each CPU in GUEST has lost its translation")
    void beside() {
        fill(AT, 1, DROPPABLE);
        try (OtherCpu guest = new OtherCpu(space)) {
            guest.call(other -> {
                other.enterGuest();
                assertReads(1, other);
                return 0;
            });
            FutureTask<Long> advised = new FutureTask<>(() -> space.madvise(AT, PAGE, Mman.PAGEOUT));
            Thread advising = new Thread(advised, "advising");
            advising.start();
            // Waits for more than the busy entry, because a CPU still uses its translation until the generation is
            // incremented.
            Await.until("the CPU is asked", () -> machine.statistics().shootdownTargets() != 0, reports);
            Await.stopped(advising, reports);
            assertTrue(Pte.isBusy(MachineInternals.layoutOf(space).pages().get(AT)));
            assertEquals(1, frames());
            guest.call(other -> {
                assertReads(1, other);
                other.leaveGuest();
                assertReads(0, other);
                return 0;
            });
            assertEquals(0, Await.result("the advice", advised, reports));
        }
    }

    private static void assertReads(long expected, Cpu cpu) {
        assertFault(Fault.NONE, cpu.memory().load(AT, 8));
        assertEquals(expected, cpu.memory().value());
    }

    @Test
    @DisplayName("keeps a pinned page, by PAGEOUT and when no frame is free")
    void pinned() {
        fill(AT, 3, DROPPABLE);
        PinnedFrame pin = Objects.requireNonNull(cpu.memory().pin(AT + PAGE, Mman.WRITE));
        assertEquals(0, space.madvise(AT, 3 * PAGE, Mman.PAGEOUT));
        assertEquals(1, frames());
        assertEquals(List.of(0L, 2L, 0L), read(AT, 3));
        fill(OTHER, FRAMES - 1, PRIVATE);
        assertEquals(FRAMES, frames());
        assertFault(Fault.OUT_OF_MEMORY, cpu.memory().store(AT, 8, 9));
        assertEquals(List.of(0L, 2L, 0L), read(AT, 3));
        pin.close();
        assertFault(Fault.NONE, cpu.memory().store(AT, 8, 9));
        assertEquals(List.of(9L, 0L, 0L), read(AT, 3));
    }

    @Test
    @DisplayName("of any space gives its frames to a fault that finds none, before a space is scored")
    void pressure() {
        AddressSpace owner = machine.newSpace(GEOMETRY);
        try (OtherCpu other = new OtherCpu(owner)) {
            other.call(of -> {
                fill(of, owner, AT, 5, DROPPABLE);
                fill(of, owner, OTHER, 1, PRIVATE);
                return 0;
            });
            fill(AT, FRAMES - 1, PRIVATE);
            assertEquals(FRAMES, frames());
            assertEquals(List.of(), scored);
            assertEquals(List.of(1L, 2L, 3L, 4L, 5L, 6L, 7L), read(AT, FRAMES - 1));
            other.call(of -> {
                for (int i = 0; i < 5; i++) {
                    assertFault(Fault.NONE, of.memory().load(AT + i * PAGE, 8));
                    assertEquals(0, of.memory().value());
                }
                assertFault(Fault.NONE, of.memory().load(OTHER, 8));
                assertEquals(1, of.memory().value());
                return 0;
            });
        } finally {
            owner.close();
        }
    }

    @Test
    @DisplayName("gives frames to shared memory, whose backing has found none")
    void forSharedMemory() {
        fill(AT, FRAMES, DROPPABLE);
        fill(OTHER, 2, Mman.SHARED | Mman.ANONYMOUS | Mman.FIXED);
        assertEquals(List.of(1L, 2L), read(OTHER, 2));
        assertEquals(List.of(), scored);
    }

    @Test
    @DisplayName("keeps its pages if the space has a notifier, which is told of PAGEOUT alone")
    void notifier() {
        List<String> told = new ArrayList<>();
        MmuNotifier notifier = (start, end, reason) -> told.add(reason + " " + (start - AT) + " " + (end - AT));
        fill(AT, FRAMES, DROPPABLE);
        Registration registration = space.addNotifier(notifier);
        assertEquals(OTHER, space.mmap(OTHER, PAGE, RW, PRIVATE, null, 0));
        assertFault(Fault.OUT_OF_MEMORY, cpu.memory().store(OTHER, 8, 1));
        assertEquals(List.of(), told);
        assertEquals(0, space.madvise(AT, PAGE, Mman.PAGEOUT));
        assertEquals(List.of("DISCARDED 0 " + PAGE), told);
        assertFault(Fault.NONE, cpu.memory().store(OTHER, 8, 1));
        registration.close();
    }

    @Test
    @DisplayName(
            "is dropped from checkpoints, too, when no frame is free: a restore finds it empty, and other memory as"
                    + " it was")
    void checkpoint() {
        assertEquals(OTHER, space.mmap(OTHER, FRAMES * PAGE, RW, PRIVATE, null, 0));
        store(OTHER, 5);
        fill(AT, 2, DROPPABLE);
        Registration registration = space.addNotifier((start, end, reason) -> {});
        try (Checkpoint checkpoint = space.checkpoint()) {
            store(AT, 11);
            store(AT + PAGE, 12);
            store(OTHER, 6);
            assertEquals(6, frames());
            assertEquals(3, checkpoint.restore());
            assertEquals(List.of(1L, 2L), read(AT, 2));
            store(AT, 11);
            store(AT + PAGE, 12);
            store(OTHER, 6);
            // The notifier keeps the pages of the run, but not those of the checkpoint.
            for (int page = 1; page < FRAMES - 3; page++) {
                store(OTHER + page * PAGE, 7);
            }
            assertFault(Fault.OUT_OF_MEMORY, cpu.memory().store(OTHER + 5 * PAGE, 8, 7));
            assertEquals(List.of(11L, 12L), read(AT, 2));
            registration.close();
            store(OTHER + 5 * PAGE, 7);
            store(OTHER + 6 * PAGE, 7);
            assertFault(Fault.OUT_OF_MEMORY, cpu.memory().store(OTHER + 7 * PAGE, 8, 7));
            checkpoint.restore();
            assertEquals(1, frames());
            assertEquals(List.of(0L, 0L), read(AT, 2));
            assertEquals(List.of(5L, 0L), read(OTHER, 2));
        }
    }

    @Test
    @DisplayName("is not kept by a checkpoint if it is dropped: its frame is free, and a restore finds it empty")
    void droppedSinceCheckpoint() {
        fill(AT, 3, DROPPABLE);
        try (Checkpoint checkpoint = space.checkpoint()) {
            store(AT + PAGE, 9);
            assertEquals(0, space.madvise(AT, 2 * PAGE, Mman.PAGEOUT));
            assertEquals(2, frames());
            store(AT, 8);
            assertEquals(2, checkpoint.restore());
            assertEquals(List.of(0L, 2L, 3L), read(AT, 3));
        }
    }

    private void store(long at, long value) {
        assertFault(Fault.NONE, cpu.memory().store(at, 8, value));
    }

    @Test
    @DisplayName("keeps guards")
    void guards() {
        fill(AT, 2, DROPPABLE);
        assertEquals(0, space.madvise(AT, PAGE, Mman.GUARD_INSTALL));
        assertEquals(0, space.madvise(AT, 2 * PAGE, Mman.PAGEOUT));
        assertFault(Fault.MAPERR, cpu.memory().load(AT, 8));
        assertEquals(List.of(0L), read(AT + PAGE, 1));
    }
}
