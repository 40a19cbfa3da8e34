// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.checkpoint;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Checkpoint;
import dev.samara.core.Machine;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.event.MmuNotifier;
import dev.samara.core.event.Registration;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Latches;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.guest.FutexTable;
import dev.samara.core.guest.FutexWaiter;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.internal.page.CheckpointLog;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.PagemapFlags;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(OneThread.class)
@DisplayName("A checkpoint")
final class CheckpointTest {
    private final SpaceFixture fixture = new SpaceFixture();
    private final AddressSpace space = fixture.space;

    private long residentPages() {
        return fixture.layout().pages().residentPages();
    }

    @Test
    @DisplayName("brings back what was stored over, any number of times, with every frame")
    void contents() {
        long at = fixture.anonymous(8);
        for (int page = 0; page < 4; page++) {
            fixture.store(at + page * PAGE, 10 + page);
        }
        long frames = fixture.frames();
        long resident = residentPages();
        try (Checkpoint checkpoint = space.checkpoint()) {
            for (int run = 1; run <= 100; run++) {
                for (int page = 1; page < 6; page++) {
                    fixture.store(at + page * PAGE, run);
                    fixture.store(at + page * PAGE + 8, run);
                }
                assertEquals(5, checkpoint.restore());
                assertEquals(frames, fixture.frames());
                assertEquals(resident, residentPages());
                for (int page = 0; page < 8; page++) {
                    assertEquals(page < 4 ? 10 + page : 0, fixture.load(at + page * PAGE));
                    assertEquals(0, fixture.load(at + page * PAGE + 8));
                }
            }
            assertEquals(0, checkpoint.restore());
        }
        fixture.store(at, 99);
        assertEquals(frames, fixture.frames());
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("keeps one record for a page, however often it is discarded and stored to")
    void discarded() {
        long at = fixture.anonymous(2);
        fixture.store(at, 1);
        try (Checkpoint checkpoint = space.checkpoint()) {
            for (int i = 0; i < 1000; i++) {
                assertEquals(0, space.madvise(at, 2 * PAGE, Mman.DONTNEED));
                assertEquals(0, fixture.load(at));
                fixture.store(at, i);
                fixture.store(at + PAGE, i);
            }
            assertEquals(2, checkpoint.restore());
            assertEquals(1, fixture.load(at));
            assertEquals(0, fixture.load(at + PAGE));
            assertEquals(0, space.madvise(at, PAGE, Mman.DONTNEED));
            assertEquals(1, checkpoint.restore());
            assertEquals(1, fixture.load(at));
        }
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("brings back private pages of a file, and drops the copies that were made since")
    void privateFile() {
        MemoryFile file = fixture.file(4);
        long at = fixture.map(0, 4, RW, Mman.PRIVATE, file.open(), 0);
        fixture.store(at, 1);
        fixture.load(at + PAGE);
        try (Checkpoint checkpoint = space.checkpoint()) {
            for (int page = 0; page < 3; page++) {
                fixture.store(at + page * PAGE, 9);
            }
            assertEquals(3, checkpoint.restore());
            assertEquals(1, fixture.load(at));
            assertEquals(0x101, fixture.load(at + PAGE));
            assertEquals(0x102, fixture.load(at + 2 * PAGE));
        }
        fixture.close();
    }

    @Test
    @DisplayName(
            "tells notifiers of the ranges that it brings back, outside the section and before their pages are free")
    void notifiers() {
        long at = fixture.anonymous(8);
        fixture.store(at, 1);
        try (Checkpoint checkpoint = space.checkpoint()) {
            for (int page : new int[] {0, 1, 5}) {
                fixture.store(at + page * PAGE, 2);
            }
            long frames = fixture.frames();
            List<String> told = new ArrayList<>();
            Registration registered = space.addNotifier((start, end, reason) -> {
                told.add((start - at) / PAGE + "-" + (end - at) / PAGE + " " + reason + " "
                        + (fixture.frames() - frames));
                fixture.store(at + 7 * PAGE, 3);
            });
            assertEquals(3, checkpoint.restore());
            registered.close();
            // The first call of the notifier makes a page.
            assertEquals(List.of("0-2 DISCARDED 0", "5-6 DISCARDED 1"), told);
            assertEquals(1, fixture.load(at));
        }
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("tells flush listeners that rights to write are gone, a restore what it brings back, and neither nor"
            + " the end tells notifiers of anything else")
    void flushListeners() {
        long at = fixture.anonymous(8);
        fixture.store(at, 1);
        fixture.store(at + 3 * PAGE, 1);
        List<String> told = new ArrayList<>();
        fixture.cpu.onFlush((start, end, reason, generation) ->
                told.add(reason + (start == 0 ? " all" : " " + (start - at) / PAGE + "-" + (end - at) / PAGE)));
        List<MmuNotifier.Reason> notified = new ArrayList<>();
        Registration registered = space.addNotifier((start, end, reason) -> notified.add(reason));
        Checkpoint checkpoint = space.checkpoint();
        assertEquals(1, fixture.load(at));
        assertEquals(List.of("WRITE_PROTECTED all"), told);
        assertEquals(List.of(), notified);
        fixture.store(at + 3 * PAGE, 2);
        assertEquals(List.of("WRITE_PROTECTED all", "DISCARDED 3-4"), told);
        told.clear();
        checkpoint.restore();
        assertEquals(1, fixture.load(at));
        assertEquals(List.of("DISCARDED 3-4"), told);
        assertEquals(List.of(MmuNotifier.Reason.DISCARDED), notified);
        told.clear();
        checkpoint.close();
        assertEquals(1, fixture.load(at));
        assertEquals(List.of("WRITE_PROTECTED all"), told);
        assertEquals(1, notified.size());
        registered.close();
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("does not make calls that wait for nothing interruptible")
    void interrupted() {
        long at = fixture.anonymous(3);
        for (int page = 0; page < 3; page++) {
            fixture.store(at + page * PAGE, 1);
        }
        try (Checkpoint checkpoint = space.checkpoint()) {
            Thread.currentThread().interrupt();
            assertEquals(0, space.madvise(at, PAGE, Mman.DONTNEED));
            assertEquals(0, space.munmap(at + PAGE, PAGE));
            assertTrue(Thread.interrupted());
            assertEquals(2, checkpoint.restore());
            assertEquals(1, fixture.load(at));
        }
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("waits for a move that is in flight, and contains the moved page")
    void moveInFlight() throws Exception {
        long at = fixture.anonymous(1);
        long moved = at + (1 << 20);
        fixture.store(at, 1);
        CountDownLatch reached = new CountDownLatch(1);
        CountDownLatch released = new CountDownLatch(1);
        space.addNotifier((start, end, reason) -> {
            if (start == at) {
                reached.countDown();
                Latches.await(released);
            }
        });
        FutureTask<Long> move =
                new FutureTask<>(() -> space.mremap(at, PAGE, PAGE, Mman.MAYMOVE | Mman.MREMAP_FIXED, moved));
        new Thread(move, "moving").start();
        Latches.await(reached);
        FutureTask<Checkpoint> taken = new FutureTask<>(space::checkpoint);
        Thread taking = new Thread(taken, "taking");
        taking.start();
        while (!taken.isDone()
                && taking.getState() != Thread.State.WAITING
                && taking.getState() != Thread.State.TIMED_WAITING) {
            Thread.onSpinWait();
        }
        released.countDown();
        assertEquals(moved, move.get());
        try (Checkpoint checkpoint = taken.get()) {
            fixture.store(moved, 2);
            checkpoint.restore();
            assertEquals(1, fixture.load(moved));
        }
        fixture.close();
    }

    @Test
    @DisplayName("brings back a page of a file where a younger mapping had the zero page")
    void zeroPageSince() {
        MemoryFile file = fixture.file(1);
        long at = fixture.map(0, 1, RW, Mman.PRIVATE, file.open(), 0);
        try (Checkpoint checkpoint = space.checkpoint()) {
            fixture.map(at, 1, RW, Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED, null, 0);
            assertEquals(0, fixture.load(at));
            fixture.store(at, 9);
            checkpoint.restore();
            assertEquals(0x100, fixture.load(at));
        }
        fixture.close();
    }

    @Test
    @DisplayName("brings back what guards replaced: the zero page, pages of a file, and shared memory")
    void guardsOverOtherPages() {
        MemoryFile file = fixture.file(2);
        long[] starts = {
            fixture.anonymous(2),
            fixture.map(0, 2, RW, Mman.PRIVATE, file.open(), 0),
            fixture.map(0, 2, RW, Mman.SHARED, file.open(), 0)
        };
        for (long at : starts) {
            fixture.load(at);
        }
        try (Checkpoint checkpoint = space.checkpoint()) {
            for (long at : starts) {
                assertEquals(0, space.madvise(at, 2 * PAGE, Mman.GUARD_INSTALL));
                assertFault(Fault.MAPERR, fixture.memory.load(at, 8));
            }
            checkpoint.restore();
            for (int page = 0; page < 2; page++) {
                assertEquals(0, fixture.load(starts[0] + page * PAGE));
                assertEquals(0x100 + page, fixture.load(starts[1] + page * PAGE));
                assertEquals(0x100 + page, fixture.load(starts[2] + page * PAGE));
            }
        }
        fixture.close();
    }

    @Test
    @DisplayName("brings back guards, and pages under guards")
    void guards() {
        long at = fixture.anonymous(4);
        fixture.store(at, 1);
        assertEquals(0, space.madvise(at + 3 * PAGE, PAGE, Mman.GUARD_INSTALL));
        try (Checkpoint checkpoint = space.checkpoint()) {
            assertEquals(0, space.madvise(at, 2 * PAGE, Mman.GUARD_INSTALL));
            assertEquals(0, space.madvise(at + 3 * PAGE, PAGE, Mman.GUARD_REMOVE));
            fixture.store(at + 3 * PAGE, 5);
            assertFault(Fault.MAPERR, fixture.memory.load(at, 8));
            assertEquals(3, checkpoint.restore());
            assertEquals(1, fixture.load(at));
            fixture.store(at + PAGE, 7);
            assertFault(Fault.MAPERR, fixture.memory.load(at + 3 * PAGE, 8));
            checkpoint.restore();
            assertEquals(0, fixture.load(at + PAGE));
        }
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("within another one: each restores its own instant, and an older one closes the younger")
    void nested() {
        long at = fixture.anonymous(4);
        fixture.store(at, 1);
        Checkpoint first = space.checkpoint();
        fixture.store(at, 2);
        fixture.store(at + PAGE, 2);
        Checkpoint second = space.checkpoint();
        fixture.store(at, 3);
        fixture.store(at + 2 * PAGE, 3);
        assertEquals(2, second.restore());
        assertEquals(
                List.of(2L, 2L, 0L), List.of(fixture.load(at), fixture.load(at + PAGE), fixture.load(at + 2 * PAGE)));
        fixture.store(at, 4);
        first.restore();
        assertEquals(
                List.of(1L, 0L, 0L), List.of(fixture.load(at), fixture.load(at + PAGE), fixture.load(at + 2 * PAGE)));
        assertThrows(IllegalStateException.class, second::restore);
        second.close();
        fixture.store(at, 5);
        first.restore();
        assertEquals(1, fixture.load(at));
        first.close();
        first.close();
        assertThrows(IllegalStateException.class, first::restore);
        fixture.closeEmpty();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2})
    @DisplayName("that is closed hands what it kept to the next older one")
    void closedInAnyOrder(int closed) {
        long at = fixture.anonymous(8);
        List<Checkpoint> checkpoints = new ArrayList<>();
        SplittableRandom random = new SplittableRandom(closed);
        long[][] expected = new long[3][8];
        for (int i = 0; i < 3; i++) {
            for (int n = 0; n < 5; n++) {
                fixture.store(at + random.nextInt(8) * PAGE, random.nextInt(1000));
            }
            for (int page = 0; page < 8; page++) {
                expected[i][page] = fixture.load(at + page * PAGE);
            }
            checkpoints.add(space.checkpoint());
        }
        for (int page = 0; page < 8; page++) {
            fixture.store(at + page * PAGE, -1);
        }
        checkpoints.remove(closed).close();
        for (int i = 2; i >= 0; i--) {
            if (i == closed) {
                continue;
            }
            checkpoints.get(i > closed ? i - 1 : i).restore();
            for (int page = 0; page < 8; page++) {
                assertEquals(expected[i][page], fixture.load(at + page * PAGE), "checkpoint " + i + ", page " + page);
            }
        }
        checkpoints.forEach(Checkpoint::close);
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("ends with its space, which frees what it kept")
    void endsWithItsSpace() {
        long at = fixture.anonymous(3);
        fixture.store(at, 1);
        fixture.store(at + PAGE, 1);
        Checkpoint checkpoint = space.checkpoint();
        fixture.store(at, 2);
        assertEquals(0, space.munmap(at, 3 * PAGE));
        fixture.closeEmpty();
        MmException thrown = assertThrows(MmException.class, checkpoint::restore);
        assertEquals(Errno.ESRCH, thrown.errno());
        checkpoint.close();
    }

    private static void lose(AddressSpace space) {
        assertEquals(0, space.checkpoint().restore());
    }

    private void loseAfterEnd() {
        Checkpoint checkpoint = space.checkpoint();
        fixture.close();
        assertNotNull(checkpoint);
    }

    private String reportOfLost() throws InterruptedException {
        Await.until(
                "a checkpoint is closed",
                () -> {
                    System.gc();
                    fixture.machine.statistics();
                    return !fixture.reports.isEmpty();
                },
                List.of());
        fixture.machine.awaitQuiescence();
        assertEquals(1, fixture.reports.size());
        Report report = fixture.reports.remove(0);
        assertEquals(Report.Kind.CHECKPOINT_LOST, report.kind());
        return report.message();
    }

    private static String message(int number) {
        return "a checkpoint of space " + number + ", made by thread "
                + Thread.currentThread().getName() + ", became unreachable and was not closed; it is closed";
    }

    @Test
    @DisplayName("that no thread can reach is closed and reported, unless its space has ended")
    void lost() throws InterruptedException {
        long at = fixture.anonymous(2);
        fixture.store(at, 1);
        lose(space);
        fixture.store(at, 2);
        assertEquals(message(1), reportOfLost());
        assertEquals(1, fixture.frames());
        assertEquals(2, fixture.load(at));
        try (AddressSpace other = fixture.machine.newSpace(SpaceFixture.GEOMETRY)) {
            loseAfterEnd();
            lose(other);
            assertEquals(message(2), reportOfLost());
        }
        fixture.machine.awaitQuiescence();
        assertEquals(List.of(), fixture.reports);
    }

    @Test
    @DisplayName("is not restored in GUEST, nor beside a pin for writing, and nothing changes")
    void refused() {
        long at = fixture.anonymous(2);
        fixture.store(at, 1);
        try (Checkpoint checkpoint = space.checkpoint()) {
            fixture.store(at, 2);
            try (PinnedFrame pinned = fixture.pin(at, RW)) {
                assertTrue(pinned.isWritable());
                assertThrows(IllegalStateException.class, checkpoint::restore);
                assertThrows(IllegalStateException.class, space::checkpoint);
            }
            try (PinnedFrame pinned = fixture.pin(at, READ)) {
                assertFalse(pinned.isWritable());
                assertEquals(1, checkpoint.restore());
                assertEquals(2, SpaceFixture.read(pinned));
            }
            fixture.cpu.enterGuest();
            assertThrows(IllegalStateException.class, checkpoint::restore);
            assertThrows(IllegalStateException.class, checkpoint::close);
            assertThrows(IllegalStateException.class, space::checkpoint);
            fixture.cpu.leaveGuest();
        }
        fixture.store(at, 4);
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("costs one copy of each page, and nothing once it is closed")
    void copies() {
        long at = fixture.anonymous(2);
        fixture.store(at, 1);
        long before = fixture.machine.statistics().copiesOnWrite();
        try (Checkpoint checkpoint = space.checkpoint()) {
            fixture.store(at, 2);
            fixture.store(at, 3);
            assertEquals(before + 1, fixture.machine.statistics().copiesOnWrite());
            checkpoint.restore();
            fixture.store(at, 2);
            assertEquals(before + 2, fixture.machine.statistics().copiesOnWrite());
        }
        space.checkpoint().close();
        fixture.store(at, 4);
        assertEquals(before + 2, fixture.machine.statistics().copiesOnWrite());
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("brings back pages of a mapping that was unmapped and mapped again alike")
    void mappedAgain() {
        long at = fixture.anonymous(3);
        fixture.store(at, 1);
        try (Checkpoint checkpoint = space.checkpoint()) {
            fixture.store(at + PAGE, 2);
            assertEquals(0, space.munmap(at, 3 * PAGE));
            assertEquals(at, fixture.map(at, 3, RW, ANONYMOUS | Mman.FIXED, null, 0));
            assertEquals(0, fixture.load(at));
            fixture.store(at + 2 * PAGE, 3);
            checkpoint.restore();
            assertEquals(1, fixture.load(at));
            assertEquals(0, fixture.load(at + PAGE));
            assertEquals(0, fixture.load(at + 2 * PAGE));
            assertEquals(at + PAGE, space.mremap(at, PAGE, PAGE, Mman.MAYMOVE | Mman.MREMAP_FIXED, at + PAGE));
            checkpoint.restore();
            assertEquals(1, fixture.load(at));
            assertEquals(0, fixture.load(at + PAGE));
            fixture.store(at + PAGE, 5);
        }
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("does not reach a child of fork, nor does the child change what it keeps")
    void fork() throws InterruptedException {
        long at = fixture.anonymous(2);
        fixture.store(at, 1);
        try (Checkpoint checkpoint = space.checkpoint()) {
            fixture.store(at + PAGE, 2);
            try (AddressSpace child = space.fork()) {
                fixture.cpu.switchTo(child);
                fixture.store(at, 10);
                fixture.store(at + PAGE, 20);
                fixture.cpu.switchTo(space);
                fixture.store(at, 5);
                checkpoint.restore();
                assertEquals(1, fixture.load(at));
                assertEquals(0, fixture.load(at + PAGE));
                fixture.cpu.switchTo(child);
                assertEquals(10, fixture.load(at));
                assertEquals(20, fixture.load(at + PAGE));
                fixture.cpu.switchTo(space);
            }
        }
        fixture.closeEmpty();
    }

    @Test
    @DisplayName(
            "a page that is put back counts as written, one that is gone is as after DONTNEED, others are as before")
    void dirty() {
        int pages = 6;
        long at = fixture.anonymous(pages);
        fixture.store(at, 1);
        fixture.load(at + 2 * PAGE);
        fixture.store(at + 3 * PAGE, 1);
        fixture.store(at + 4 * PAGE, 1);
        space.collectDirty(at, pages * PAGE, page -> {});
        try (Checkpoint checkpoint = space.checkpoint()) {
            fixture.store(at, 2);
            fixture.store(at + PAGE, 2);
            fixture.store(at + 2 * PAGE, 2);
            assertEquals(0, space.madvise(at + 3 * PAGE, PAGE, Mman.DONTNEED));
            space.collectDirty(at, pages * PAGE, page -> {});
            checkpoint.restore();
            long[] words = new long[pages];
            assertEquals(pages, space.pagemap(at, pages * PAGE, words));
            long own = PagemapFlags.PM_PRESENT | PagemapFlags.PM_EXCLUSIVE;
            long written = own | PagemapFlags.PM_SOFT_DIRTY;
            // Instead of the zero page, which has the same bytes, there is no page.
            assertArrayEquals(new long[] {written, 0, 0, written, own, 0}, words);
            List<Long> dirty = new ArrayList<>();
            space.collectDirty(at, pages * PAGE, dirty::add);
            assertEquals(List.of(at, at + 3 * PAGE), dirty);
        }
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("leaves the waiters of a futex in their queue, and a wake of the address finds them after a restore")
    void futex() {
        FutexTable futexes = fixture.machine.futexes();
        long at = fixture.anonymous(2);
        fixture.store(at, 1);
        List<Integer> resumed = new ArrayList<>();
        FutexWaiter before = futexes.newWaiter(FutexTable.ANY, () -> resumed.add(0));
        FutexWaiter since = futexes.newWaiter(FutexTable.ANY, () -> resumed.add(1));
        FutexWaiter onNewPage = futexes.newWaiter(FutexTable.ANY, () -> resumed.add(2));
        assertEquals(0, before.queue(fixture.memory, at, false, 1));
        try (Checkpoint checkpoint = space.checkpoint()) {
            fixture.store(at, 2);
            fixture.store(at + PAGE, 2);
            assertEquals(0, since.queue(fixture.memory, at, true, 2));
            assertEquals(0, onNewPage.queue(fixture.memory, at + PAGE, false, 2));
            assertEquals(2, checkpoint.restore());
            assertEquals(List.of(), resumed);
            assertTrue(before.isQueued() && since.isQueued() && onNewPage.isQueued());
            for (boolean isShared : new boolean[] {false, true}) {
                assertEquals(1, futexes.wake(fixture.memory, at, isShared, 9, FutexTable.ANY));
            }
            assertEquals(1, futexes.wake(fixture.memory, at + PAGE, false, 9, FutexTable.ANY));
            assertEquals(List.of(0, 1, 2), resumed);
        }
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("stores of a debugger to memory without the right to write are undone, too")
    void forced() {
        long at = fixture.map(0, 1, READ, ANONYMOUS, null, 0);
        byte[] one = {1};
        byte[] two = {2};
        space.writeForced(at, one, 0, 1);
        try (Checkpoint checkpoint = space.checkpoint()) {
            space.writeForced(at, two, 0, 1);
            assertEquals(2, fixture.load(at));
            checkpoint.restore();
            assertEquals(1, fixture.load(at));
        }
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("lists the pages of one run, however many pages other runs have changed")
    void room() {
        int pages = 500;
        long at = fixture.map(0x2000_0000_0000L, pages, RW, ANONYMOUS, null, 0);
        fixture.store(at, 1);
        long tables = fixture.machine.statistics().pageTableBytes();
        try (Checkpoint checkpoint = space.checkpoint()) {
            for (int page = 0; page < pages; page++) {
                fixture.store(at + page * PAGE, 2);
                assertEquals(1, checkpoint.restore());
                assertTrue(fixture.machine.statistics().pageTableBytes() <= tables + 16 * 24);
            }
            assertEquals(1, fixture.load(at));
        }
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("a store that finds no frame fails, and a later restore is right")
    void shortage() {
        try (SpaceFixture small = new SpaceFixture(20)) {
            long at = small.anonymous(24);
            for (int page = 0; page < 12; page++) {
                small.store(at + page * PAGE, page);
            }
            try (Checkpoint checkpoint = small.space.checkpoint()) {
                int stored = 0;
                while (stored < 12 && small.memory.store(at + stored * PAGE, 8, 99) == Fault.NONE) {
                    stored++;
                }
                assertTrue(stored < 12);
                assertFault(Fault.OUT_OF_MEMORY, small.memory.fault());
                assertEquals(stored, checkpoint.restore());
                for (int page = 0; page < 12; page++) {
                    assertEquals(page, small.load(at + page * PAGE));
                }
            }
        }
        fixture.close();
    }

    @Test
    @DisplayName("a store without room for a record fails as without a page table, and changes nothing; the close gives"
            + " the room back")
    void limit() {
        // Four tables, and a log of 256 records.
        try (SpaceFixture small =
                new SpaceFixture(Machine.builder().memory(1 << 22).pageTableLimit(6 * PAGE))) {
            int pages = 300;
            int room = 256;
            long at = small.map(0x2000_0000_0000L, pages, RW, ANONYMOUS, null, 0);
            for (int page = 0; page < pages; page++) {
                small.store(at + page * PAGE, page);
            }
            long frames = small.frames();
            long tables = small.machine.statistics().pageTableBytes();
            Checkpoint checkpoint = small.space.checkpoint();
            for (int run = 0; run < 3; run++) {
                for (int page = 0; page < room; page++) {
                    small.store(at + page * PAGE, -1);
                }
                for (int page = room; page < pages; page++) {
                    assertFault(Fault.OUT_OF_MEMORY, small.memory.store(at + page * PAGE, 8, -1));
                    assertEquals(page, small.load(at + page * PAGE));
                }
                small.store(at, -2);
                assertEquals(frames + room, small.frames());
                assertEquals(room, checkpoint.restore());
                assertEquals(0, small.load(at));
            }
            checkpoint.close();
            assertEquals(tables, small.machine.statistics().pageTableBytes());
            for (int page = 0; page < pages; page++) {
                small.store(at + page * PAGE, page + 1);
            }
            assertEquals(frames, small.frames());
            try (Checkpoint next = small.space.checkpoint()) {
                small.store(at, 7);
                assertEquals(1, next.restore());
                assertEquals(1, small.load(at));
            }
        }
        fixture.close();
    }

    /** A machine with room for four page tables and 256 records, and a checkpoint of a space with 300 pages. */
    private static final class Full implements AutoCloseable {
        static final int PAGES = 300;
        static final int ROOM = 256;
        static final long LIMIT = 6 * PAGE;

        final SpaceFixture fixture =
                new SpaceFixture(Machine.builder().memory(1 << 22).pageTableLimit(LIMIT));
        final AddressSpace space = fixture.space;
        final long at = fixture.map(0x2000_0000_0000L, PAGES, RW, ANONYMOUS, null, 0);
        final Checkpoint checkpoint;

        /** Makes the checkpoint, and stores to pages from the first one on. */
        Full(int stored) {
            for (int page = 0; page < PAGES; page++) {
                fixture.store(at + page * PAGE, page);
            }
            checkpoint = space.checkpoint();
            store(stored);
        }

        void store(int pages) {
            for (int page = 0; page < pages; page++) {
                fixture.store(at + page * PAGE, -1);
            }
        }

        long records() {
            CheckpointLog log = fixture.layout().pages().log();
            return log == null ? 0 : log.pages().length;
        }

        long bytes() {
            return fixture.machine.statistics().pageTableBytes();
        }

        void restore() {
            checkpoint.restore();
            for (int page = 0; page < PAGES; page++) {
                assertEquals(page, fixture.load(at + page * PAGE));
            }
        }

        @Override
        public void close() {
            checkpoint.close();
            assertEquals(fixture.layout().pages().bytes(), bytes());
            fixture.closeEmpty();
        }
    }

    @Test
    @DisplayName("a call that removes a page fails without room for a record, and changes nothing")
    void removals() {
        try (Full full = new Full(Full.ROOM)) {
            long older = full.at + Full.ROOM * PAGE;
            AddressSpace of = full.space;
            long target = full.at + 310 * PAGE;
            String usage = of.usage().toString();
            SpaceFixture.assertResult(Errno.ENOMEM, of.madvise(older, PAGE, Mman.DONTNEED));
            SpaceFixture.assertResult(Errno.ENOMEM, of.munmap(full.at, (Full.ROOM + 1) * PAGE));
            SpaceFixture.assertResult(Errno.ENOMEM, of.munmap(older - PAGE, 2 * PAGE));
            SpaceFixture.assertResult(Errno.ENOMEM, of.mmap(older, PAGE, RW, ANONYMOUS | Mman.FIXED, null, 0));
            SpaceFixture.assertResult(
                    Errno.ENOMEM, of.mremap(older, PAGE, PAGE, Mman.MAYMOVE | Mman.MREMAP_FIXED, target));
            SpaceFixture.assertResult(Errno.ENOMEM, of.madvise(older, PAGE, Mman.GUARD_INSTALL));
            assertEquals(usage, of.usage().toString());
            for (int page = 0; page < Full.PAGES; page++) {
                assertEquals(page < Full.ROOM ? -1 : page, full.fixture.load(full.at + page * PAGE));
            }
            assertEquals(Full.ROOM, full.records());
            // What the run has changed has its records, also at the target of a move.
            long second = full.at + PAGE;
            assertEquals(second, of.mremap(full.at, PAGE, PAGE, Mman.MAYMOVE | Mman.MREMAP_FIXED, second));
            full.fixture.map(full.at, 1, RW, ANONYMOUS, null, 0);
            assertEquals(0, of.madvise(full.at, Full.ROOM * PAGE, Mman.DONTNEED));
            assertEquals(0, of.munmap(full.at, Full.ROOM * PAGE));
            full.restore();
            assertEquals(0, of.madvise(older, PAGE, Mman.DONTNEED));
            assertEquals(0, of.munmap(older, PAGE));
            full.restore();
            assertTrue(full.bytes() <= Full.LIMIT);
        }
        fixture.close();
    }

    @Test
    @DisplayName(
            "a call that replaces what no page table counts fails without room for a record: guards, and targets of"
                    + " moves")
    void otherRemovals() {
        try (Full full = new Full(0)) {
            long rest = full.fixture.map(full.at + 400 * PAGE, 64, RW, ANONYMOUS, null, 0);
            AddressSpace of = full.space;
            assertEquals(0, of.madvise(rest, 2 * PAGE, Mman.GUARD_INSTALL));
            long young = full.fixture.map(full.at + 310 * PAGE, 64, RW, ANONYMOUS, null, 0);
            for (int page = 0; page < 64; page++) {
                full.fixture.store(young + page * PAGE, 7);
            }
            assertEquals(0, full.records());
            full.checkpoint.close();
            try (Checkpoint next = of.checkpoint()) {
                full.store(Full.ROOM);
                SpaceFixture.assertResult(Errno.ENOMEM, of.madvise(rest, PAGE, Mman.GUARD_REMOVE));
                SpaceFixture.assertResult(Errno.ENOMEM, of.madvise(rest + 2 * PAGE, 9 * PAGE, Mman.GUARD_INSTALL));
                assertEquals(0, of.madvise(rest, PAGE, Mman.GUARD_INSTALL));
                full.fixture.load(rest + 2 * PAGE);
                assertFault(Fault.MAPERR, full.fixture.memory.load(rest, 8));
                next.restore();
                full.store(Full.ROOM - 100);
                for (int page = 0; page < 64; page++) {
                    full.fixture.store(young + page * PAGE, 8);
                }
                SpaceFixture.assertResult(
                        Errno.ENOMEM, of.mremap(young, 64 * PAGE, 64 * PAGE, Mman.MAYMOVE | Mman.MREMAP_FIXED, rest));
                assertEquals(8, full.fixture.load(young));
                assertEquals(full.at, of.mremap(young, PAGE, PAGE, Mman.MAYMOVE | Mman.MREMAP_FIXED, full.at));
                assertEquals(8, full.fixture.load(full.at));
                next.restore();
                assertEquals(7, full.fixture.load(young));
                assertEquals(0, full.fixture.load(full.at));
                assertFault(Fault.MAPERR, full.fixture.memory.load(rest + PAGE, 8));
            }
        }
        fixture.close();
    }

    @Test
    @DisplayName(
            "keeps room for what a call in flight removes, although stores meet the limit, and gives the rest back")
    void reserved() {
        try (Full full = new Full(0)) {
            int kept = 40;
            long last = full.at + (Full.PAGES - kept) * PAGE;
            long[] stored = new long[1];
            Registration registered = full.space.addNotifier((start, end, reason) -> {
                if (reason == MmuNotifier.Reason.UNMAPPED) {
                    while (full.fixture.memory.store(full.at + stored[0] * PAGE, 8, -1) == Fault.NONE) {
                        stored[0]++;
                    }
                }
            });
            assertEquals(0, full.space.munmap(last, kept * PAGE));
            registered.close();
            assertEquals(Full.ROOM - kept, stored[0]);
            assertEquals(Full.ROOM, full.records());
            assertTrue(full.bytes() <= Full.LIMIT);
            full.restore();
            // A call may need less room than was counted.
            MmuNotifier discards = (start, end, reason) -> {
                if (reason == MmuNotifier.Reason.DISCARDED && start == last) {
                    for (long page = last; page < last + kept * PAGE; page += PAGE) {
                        full.fixture.store(page, -2);
                    }
                }
            };
            Registration storing = full.space.addNotifier(discards);
            assertEquals(0, full.space.madvise(last, kept * PAGE, Mman.DONTNEED));
            storing.close();
            assertEquals(kept, full.records());
            full.store(Full.ROOM - kept);
            assertEquals(Full.ROOM, full.records());
            full.restore();
        }
        fixture.close();
    }

    @Test
    @DisplayName(
            "stays whole if a call that is published in batches fails for lack of room, and the room is given back")
    void batches() {
        try (Full full = new Full(0)) {
            int[] unmapped = {Full.PAGES, Full.ROOM};
            for (int pages : unmapped) {
                for (int page = 0; page < Full.PAGES; page += 2) {
                    assertEquals(0, full.space.mprotect(full.at + page * PAGE, PAGE, READ));
                }
                long result = full.space.munmap(full.at, pages * PAGE);
                assertEquals(pages == Full.ROOM ? 0 : Errno.ENOMEM.result(), result);
                full.restore();
                assertTrue(full.bytes() <= Full.LIMIT);
            }
            full.store(Full.ROOM);
            full.restore();
        }
        fixture.close();
    }

    @Test
    @DisplayName("does not list pages at addresses that it did not map, however they come and go")
    void younger() {
        try (SpaceFixture of = new SpaceFixture(Machine.builder().memory(1 << 26))) {
            int pages = 10_000;
            long at = of.map(0x2000_0000_0000L, 2, RW, ANONYMOUS, null, 0);
            of.store(at, 1);
            Checkpoint checkpoint = of.space.checkpoint();
            long frames = of.frames();
            long young = of.map(0x2100_0000_0000L, pages, RW, ANONYMOUS, null, 0);
            for (int page = 0; page < pages; page++) {
                of.store(young + page * PAGE, page);
            }
            assertEquals(0, recordsOf(of));
            assertEquals(of.layout().pages().bytes(), of.machine.statistics().pageTableBytes());
            assertEquals(0, of.space.madvise(young, 10 * PAGE, Mman.DONTNEED));
            assertEquals(0, of.space.madvise(young, 10 * PAGE, Mman.GUARD_INSTALL));
            assertEquals(0, of.space.madvise(young, 5 * PAGE, Mman.GUARD_REMOVE));
            assertEquals(0, of.space.munmap(young + 100 * PAGE, 100 * PAGE));
            assertEquals(0, recordsOf(of));
            int fixed = Mman.MAYMOVE | Mman.MREMAP_FIXED;
            // Only the target needs a record; then only the source does.
            assertEquals(at + PAGE, of.space.mremap(young + 20 * PAGE, PAGE, PAGE, fixed, at + PAGE));
            assertEquals(1, recordsOf(of));
            assertEquals(young, of.space.mremap(at, PAGE, PAGE, fixed, young));
            assertEquals(2, recordsOf(of));
            assertEquals(1, of.load(young));
            of.store(young, 5);
            Checkpoint next = of.space.checkpoint();
            of.store(young + 30 * PAGE, 6);
            assertEquals(1, recordsOf(of));
            next.close();
            assertEquals(2, recordsOf(of));
            assertEquals(6, of.load(young + 30 * PAGE));
            checkpoint.restore();
            assertEquals(1, of.load(at));
            assertEquals(0, of.load(at + PAGE));
            assertEquals(frames, of.frames());
            checkpoint.close();
            of.closeEmpty();
        }
        fixture.close();
    }

    private static int recordsOf(SpaceFixture of) {
        return Objects.requireNonNull(of.layout().pages().log()).pages().length;
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @DisplayName("lists pages that only an older one had mapped, and hands them to it")
    void mappedBefore(boolean closes) {
        long at = fixture.map(0x2000_0000_0000L, 2, RW, ANONYMOUS, null, 0);
        fixture.store(at, 1);
        long frames = fixture.frames();
        Checkpoint first = space.checkpoint();
        assertEquals(0, space.munmap(at, 2 * PAGE));
        Checkpoint second = space.checkpoint();
        Checkpoint third = space.checkpoint();
        fixture.map(at, 2, RW, ANONYMOUS, null, 0);
        fixture.store(at, 2);
        fixture.store(at + PAGE, 3);
        if (closes) {
            second.close();
            third.close();
        } else {
            third.restore();
            assertFault(Fault.MAPERR, fixture.memory.load(at, 8));
            fixture.map(at, 2, RW, ANONYMOUS, null, 0);
            fixture.store(at + PAGE, 3);
        }
        first.restore();
        assertEquals(List.of(1L, 0L), List.of(fixture.load(at), fixture.load(at + PAGE)));
        assertEquals(0, space.madvise(at + PAGE, PAGE, Mman.DONTNEED));
        assertEquals(frames, fixture.frames());
        first.close();
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("on a machine that checks each access")
    void checked() {
        SpaceFixture checked =
                new SpaceFixture(Machine.builder().memory(1 << 20).checked(true));
        long at = checked.anonymous(2);
        checked.store(at, 1);
        try (Checkpoint checkpoint = checked.space.checkpoint()) {
            checked.store(at, 2);
            checkpoint.restore();
            assertEquals(1, checked.load(at));
            checked.store(at, 3);
        }
        checked.closeEmpty();
        fixture.close();
    }

    /** One space and a model of it: random stores, discards, checkpoints, restores and ends. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 6})
    @DisplayName("as in a model, whatever is called")
    void model(int seed) {
        int pages = 24;
        SplittableRandom random = new SplittableRandom(seed);
        MemoryFile file = fixture.file(pages / 2);
        long at = fixture.anonymous(pages / 2);
        long ofFile = fixture.map(at + pages / 2 * PAGE, pages / 2, RW, Mman.PRIVATE | Mman.FIXED, file.open(), 0);
        assertEquals(at + pages / 2 * PAGE, ofFile);
        long[] now = new long[pages];
        for (int page = pages / 2; page < pages; page++) {
            now[page] = 0x100L + page - pages / 2;
        }
        long[] fresh = now.clone();
        List<Checkpoint> checkpoints = new ArrayList<>();
        List<long[]> states = new ArrayList<>();
        for (int step = 0; step < 3000; step++) {
            int page = random.nextInt(pages);
            long address = at + page * PAGE;
            switch (random.nextInt(12)) {
                case 0 -> {
                    int count = Math.min(pages - page, 1 + random.nextInt(4));
                    assertEquals(0, space.madvise(address, count * PAGE, Mman.DONTNEED));
                    System.arraycopy(fresh, page, now, page, count);
                }
                case 1 -> {
                    if (checkpoints.size() < 4) {
                        checkpoints.add(space.checkpoint());
                        states.add(now.clone());
                    }
                }
                case 2 -> {
                    if (!checkpoints.isEmpty()) {
                        int chosen = random.nextInt(checkpoints.size());
                        checkpoints.get(chosen).restore();
                        now = states.get(chosen).clone();
                        checkpoints.subList(chosen + 1, checkpoints.size()).clear();
                        states.subList(chosen + 1, states.size()).clear();
                    }
                }
                case 3 -> {
                    if (!checkpoints.isEmpty() && random.nextInt(3) == 0) {
                        int chosen = random.nextInt(checkpoints.size());
                        checkpoints.remove(chosen).close();
                        states.remove(chosen);
                    }
                }
                case 4 -> {
                    if (random.nextInt(8) == 0) {
                        space.fork().close();
                    }
                }
                case 5, 6 -> assertEquals(now[page], fixture.load(address), "step " + step + ", page " + page);
                default -> {
                    now[page] = random.nextLong() >>> 1;
                    fixture.store(address, now[page]);
                }
            }
        }
        for (int page = 0; page < pages; page++) {
            assertEquals(now[page], fixture.load(at + page * PAGE));
        }
        checkpoints.forEach(Checkpoint::close);
        fixture.close();
        assertEquals(pages / 2, fixture.frames(), "those of the file");
    }
}
