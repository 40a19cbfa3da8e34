// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.lowmemory;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static dev.samara.core.fixture.SpaceFixture.assertResult;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Checkpoint;
import dev.samara.core.Machine;
import dev.samara.core.PageTableRef;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.event.MmuNotifier;
import dev.samara.core.event.Registration;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What a reap removes from a space, what it leaves, and what the space's threads find afterwards. */
@ExtendWith(OneThread.class)
@DisplayName("A reap")
final class ReapTest {
    private static final int FIXED = ANONYMOUS | Mman.FIXED;
    private static final int SHARED = Mman.SHARED | Mman.FIXED;
    private static final long AT = 0x10_0000;

    private final SpaceFixture fixture = new SpaceFixture();
    private final AddressSpace space = fixture.space;
    private final PageTableRef held = space.hold();

    @AfterEach
    void nothingIsLeft() {
        held.close();
        fixture.closeEmpty();
        fixture.machine.close();
        assertEquals(List.of(), fixture.reports);
    }

    private void reap() {
        assertEquals(0, held.reap());
    }

    private void mapAndStore(long page, long pages) {
        assertEquals(AT + page * PAGE, fixture.map(AT + page * PAGE, pages, RW, FIXED, null, 0));
        for (long i = page; i < page + pages; i++) {
            fixture.store(AT + i * PAGE, i + 1);
        }
    }

    private void assertBus(long page, int access) {
        assertFault(Fault.ADRERR, fixture.memory.handleFault(AT + page * PAGE, access));
        assertEquals(7, Fault.signal(Fault.ADRERR));
    }

    @Test
    @DisplayName("takes the pages of private anonymous mappings, which stay mapped, and SIGBUS follows")
    void takesPrivatePages() {
        mapAndStore(0, 3);
        String layout = space.snapshot().toString();
        reap();
        assertEquals(0, fixture.frames());
        assertEquals(0, fixture.layout().pages().tables());
        assertEquals(layout, space.snapshot().toString());
        assertEquals(3, space.usage().total());
        for (long page = 0; page < 3; page++) {
            assertBus(page, Mman.READ);
            assertBus(page, Mman.WRITE);
            assertFault(Fault.ADRERR, fixture.memory.load(AT + page * PAGE, 8));
        }
        assertEquals(0, fixture.frames());
        assertEquals(0, fixture.layout().pages().tables(), "no fault leaves a table behind");
        reap();
        space.validate();
    }

    @Test
    @DisplayName("takes what checkpoints keep, with the list of it; they cannot be restored, and are closed as others")
    void checkpoints() {
        mapAndStore(0, 1000);
        long bytes = fixture.machine.statistics().pageTableBytes();
        Checkpoint first = space.checkpoint();
        for (long page = 0; page < 600; page++) {
            fixture.store(AT + page * PAGE, -1);
        }
        Checkpoint second = space.checkpoint();
        for (long page = 0; page < 100; page++) {
            fixture.store(AT + page * PAGE, -1);
        }
        assertEquals(0, space.munmap(AT + 900 * PAGE, 100 * PAGE));
        assertEquals(1700, fixture.frames());
        assertEquals(800, fixture.layout().pages().keptFrames());
        assertTrue(fixture.machine.statistics().pageTableBytes() > bytes);
        reap();
        assertEquals(0, fixture.frames());
        assertEquals(0, fixture.layout().pages().keptFrames());
        assertEquals(PAGE, fixture.machine.statistics().pageTableBytes());
        for (Checkpoint each : List.of(first, second)) {
            assertEquals(
                    "restore of a space that was reaped: ENOMEM",
                    assertThrows(MmException.class, each::restore).getMessage());
        }
        assertThrows(MmException.class, space::checkpoint);
        first.close();
        reap();
        second.close();
    }

    @Test
    @DisplayName("takes the entries of the zero page too: no thread reads zeros afterwards")
    void zeroPage() {
        fixture.map(AT, 2, RW, FIXED, null, 0);
        assertEquals(0, fixture.load(AT));
        reap();
        assertBus(0, Mman.READ);
        assertBus(1, Mman.READ);
        assertEquals(AT, fixture.map(AT, 1, RW, FIXED, null, 0), "a new mapping has no pages either");
        assertBus(0, Mman.WRITE);
    }

    @Test
    @DisplayName("leaves shared and locked pages, pages of files and their private copies, and guards")
    void leaves() {
        try (MemoryFile file = fixture.file(2)) {
            mapAndStore(0, 1);
            fixture.map(AT + PAGE, 1, RW, SHARED | Mman.ANONYMOUS, null, 0);
            fixture.store(AT + PAGE, 2);
            mapAndStore(2, 2);
            assertEquals(0, space.mlock(AT + 2 * PAGE, PAGE));
            fixture.map(AT + 4 * PAGE, 1, RW, SHARED, file.open(), 0);
            assertEquals(0x100, fixture.load(AT + 4 * PAGE));
            fixture.map(AT + 5 * PAGE, 2, RW, Mman.PRIVATE | Mman.FIXED, file.open(), 0);
            fixture.store(AT + 5 * PAGE, 6);
            fixture.map(AT + 7 * PAGE, 1, RW, FIXED, null, 0);
            assertEquals(0, space.madvise(AT + 7 * PAGE, PAGE, Mman.GUARD_INSTALL));
            long before = fixture.frames();
            reap();
            assertEquals(before - 2, fixture.frames());
            assertBus(0, Mman.READ);
            assertEquals(2, fixture.load(AT + PAGE));
            assertEquals(3, fixture.load(AT + 2 * PAGE));
            fixture.store(AT + 2 * PAGE, 33);
            assertBus(3, Mman.READ);
            assertEquals(0x100, fixture.load(AT + 4 * PAGE));
            assertEquals(6, fixture.load(AT + 5 * PAGE));
            assertBus(6, Mman.READ);
            assertFault(Fault.MAPERR, fixture.memory.load(AT + 7 * PAGE, 8));
            assertEquals(0, space.munmap(AT, 8 * PAGE));
        }
    }

    @Test
    @DisplayName("leaves a shared mapping all its faults")
    void sharedFaults() {
        try (MemoryFile file = fixture.file(2)) {
            fixture.map(AT, 2, RW, SHARED, file.open(), 0);
            fixture.map(AT + 2 * PAGE, 1, RW, SHARED | Mman.ANONYMOUS, null, 0);
            reap();
            assertEquals(0x101, fixture.load(AT + PAGE));
            fixture.store(AT, 5);
            fixture.store(AT + 2 * PAGE, 6);
            assertEquals(0, space.munmap(AT, 3 * PAGE));
        }
    }

    @Test
    @DisplayName("makes copies fail with EFAULT, and pins")
    void copiesAndPins() {
        mapAndStore(0, 2);
        PinnedFrame pinned = fixture.pin(AT, Mman.WRITE);
        reap();
        assertEquals(1, fixture.frames(), "the pin keeps its frame");
        byte[] bytes = new byte[8];
        assertResult(Errno.EFAULT, space.read(AT, bytes, 0, 8));
        assertResult(Errno.EFAULT, space.write(AT + PAGE, bytes, 0, 8));
        assertResult(Errno.EFAULT, space.readForced(AT, ByteBuffer.wrap(bytes)));
        assertResult(Errno.EFAULT, space.writeForced(AT, bytes, 0, 8));
        assertNull(fixture.memory.pin(AT, Mman.READ));
        assertFault(Fault.ADRERR, fixture.memory.fault());
        pinned.close();
        assertEquals(0, fixture.frames());
    }

    @Test
    @DisplayName("is followed by no fork")
    void forkIsRefused() {
        mapAndStore(0, 1);
        reap();
        MmException refused = assertThrows(MmException.class, space::fork);
        assertEquals(Errno.ENOMEM, refused.errno());
    }

    @Test
    @DisplayName("takes a page only from the space itself: a child keeps what it has")
    void child() {
        mapAndStore(0, 1);
        try (AddressSpace child = space.fork()) {
            reap();
            assertBus(0, Mman.WRITE);
            fixture.cpu.switchTo(child);
            assertEquals(1, fixture.load(AT));
            fixture.store(AT, 2);
            assertEquals(1, fixture.frames());
            child.fork().close();
            fixture.cpu.switchTo(space);
        }
    }

    @Test
    @DisplayName("refuses the copy of a page that stays shared")
    void copyOnWrite() {
        mapAndStore(0, 1);
        assertEquals(0, space.mlock(AT, PAGE));
        try (AddressSpace child = space.fork()) {
            reap();
            assertEquals(1, fixture.load(AT));
            assertFault(Fault.ADRERR, fixture.memory.store(AT, 8, 2));
            assertEquals(1, fixture.frames());
            assertSame(fixture.machine, child.machine());
        }
        fixture.store(AT, 2);
    }

    @Test
    @DisplayName("lets a lock and a populated mapping find no page")
    void populate() {
        fixture.map(AT, 1, RW, FIXED, null, 0);
        reap();
        assertResult(Errno.ENOMEM, space.mlock(AT, PAGE));
        assertResult(Errno.EFAULT, space.madvise(AT, PAGE, Mman.POPULATE_WRITE));
        fixture.map(AT, 1, RW, FIXED | Mman.POPULATE, null, 0);
        assertEquals(0, fixture.frames());
    }

    @Test
    @DisplayName("goes from the highest mapping down, and tells notifiers of each mapping before it frees the pages")
    void fromTheTop() {
        mapAndStore(0, 2);
        mapAndStore(4, 1);
        mapAndStore(8, 3);
        List<String> told = new ArrayList<>();
        Registration registration = space.addNotifier((start, end, reason) ->
                told.add((start - AT) / PAGE + "-" + (end - AT) / PAGE + " " + reason + " " + fixture.frames()));
        reap();
        registration.close();
        assertEquals(List.of("8-11 DISCARDED 6", "4-5 DISCARDED 3", "0-2 DISCARDED 2"), told);
    }

    @Test
    @DisplayName("tells notifiers when the pages can be looked up no more, and none is free yet")
    void notFoundAgain() {
        mapAndStore(0, 2);
        byte[] bytes = new byte[1];
        List<String> told = new ArrayList<>();
        // A secondary MMU that is refilled during the call must find nothing that becomes stale afterwards.
        Registration registration = space.addNotifier(
                (start, end, reason) -> told.add(Errno.of(space.read(AT, bytes, 0, 1)) + " " + fixture.frames()));
        reap();
        registration.close();
        assertEquals(List.of("EFAULT 2"), told);
        assertEquals(0, fixture.frames());
    }

    @Test
    @DisplayName("tells notifiers of each part of a mapping that is emptied at a time, and leaves out none")
    void inParts() {
        long pages = 5000;
        mapAndStore(0, pages);
        List<Long> ends = new ArrayList<>(List.of(AT));
        Registration registration = space.addNotifier((start, end, reason) -> {
            assertEquals(ends.get(ends.size() - 1), start);
            ends.add(end);
        });
        reap();
        registration.close();
        assertEquals(3, ends.size());
        assertEquals(AT + pages * PAGE, ends.get(2));
        assertTrue(fixture.reports.isEmpty());
    }

    @Test
    @DisplayName("reports a notifier that throws, and goes on")
    void throwingNotifier() {
        mapAndStore(0, 1);
        mapAndStore(2, 1);
        RuntimeException thrown = new RuntimeException("no");
        Registration registration = space.addNotifier((start, end, reason) -> {
            throw thrown;
        });
        reap();
        registration.close();
        assertEquals(0, fixture.frames());
        assertEquals(2, fixture.reports.size());
        for (Report report : fixture.reports) {
            assertEquals(Report.Kind.CALLBACK_FAILED, report.kind());
            assertSame(thrown, report.cause());
        }
        fixture.reports.clear();
    }

    @Test
    @DisplayName("frees a mapping with more pages than a gather has room for")
    void large() {
        long pages = 5000;
        mapAndStore(0, pages);
        long before = fixture.machine.statistics().gracePeriods();
        reap();
        assertEquals(0, fixture.frames());
        assertEquals(before, fixture.machine.statistics().gracePeriods(), "no page was copied");
    }

    @Test
    @DisplayName("does nothing after the end of the space (bug 62), and a closed reference finds no space")
    void afterTheEnd() {
        mapAndStore(0, 1);
        AddressSpace ended = fixture.machine.newSpace(SpaceFixture.GEOMETRY);
        assertEquals(AT, ended.mmap(AT, PAGE, RW, FIXED | Mman.POPULATE, null, 0));
        PageTableRef ref = ended.hold();
        ended.close();
        assertEquals(0, ref.reap());
        assertNull(ref.tryGet());
        ref.close();
        assertResult(Errno.ESRCH, ref.reap());
        assertEquals(1, fixture.load(AT));
    }

    @Test
    @DisplayName("is refused without memory")
    void withoutMemory() {
        try (Machine machine = Machine.builder().build();
                AddressSpace bare = machine.newSpace(SpaceFixture.GEOMETRY);
                PageTableRef ref = bare.hold()) {
            assertThrows(IllegalStateException.class, ref::reap);
            bare.fork().close();
        }
    }

    @Test
    @DisplayName("by a notifier of an operation of the space does not wait for that operation")
    void inACallback() {
        mapAndStore(0, 1);
        mapAndStore(2, 1);
        List<Long> results = new ArrayList<>();
        MmuNotifier reaps = (start, end, reason) -> {
            if (reason == MmuNotifier.Reason.PROTECTED) {
                results.add(held.reap());
            }
        };
        Registration registration = space.addNotifier(reaps);
        assertEquals(0, space.mprotect(AT, PAGE, READ));
        registration.close();
        assertEquals(List.of(Errno.EAGAIN.result()), results);
        assertEquals(1, fixture.frames(), "that of the mapping in flight");
        reap();
        assertEquals(0, fixture.frames());
    }
}
