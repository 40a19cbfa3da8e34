// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.trace;

import static dev.samara.core.MachineInternals.layoutOf;
import static dev.samara.core.fixture.HeldOperations.waits;
import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.PageTableRef;
import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.FlightRecording;
import dev.samara.core.fixture.HeldOperations;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.PagedFile;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.mman.Mman;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import jdk.jfr.consumer.RecordedEvent;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Provokes each event. */
@ExtendWith(OneThread.class)
@DisplayName("The flight recorder has an event")
final class RecordedEventsTest {
    private final FlightRecording recording = new FlightRecording();

    @AfterEach
    void end() {
        recording.close();
    }

    private static Thread started(Runnable task) {
        Thread thread = new Thread(task, "other");
        thread.start();
        return thread;
    }

    private static void assertSpace(long number, RecordedEvent event) {
        assertEquals(number, event.getLong("space"), event::toString);
    }

    @Test
    @DisplayName("of each space that begins, and of each that has ended, with its name")
    void spaces() throws IOException {
        try (Machine machine = Machine.builder().memory(8 * PAGE).build()) {
            machine.space(GEOMETRY).name("guest").build().close();
            AddressSpace parent = machine.newSpace(GEOMETRY);
            parent.fork().close();
            parent.close();
        }
        List<RecordedEvent> begun = recording.events("SpaceBegin");
        assertEquals(
                List.of(1L, 2L, 3L),
                begun.stream().map(event -> event.getLong("space")).toList());
        assertEquals("guest", begun.get(0).getString("name"));
        assertEquals(PAGE, begun.get(0).getLong("pageSize"));
        assertTrue(begun.get(0).getLong("context") > 0);
        List<RecordedEvent> ended = recording.events("SpaceEnd");
        assertEquals(
                List.of(1L, 3L, 2L),
                ended.stream().map(event -> event.getLong("space")).toList());
        assertEquals("guest", ended.get(0).getString("name"));
        assertTrue(FlightRecording.hasDuration(ended.get(0)));
    }

    @Test
    @DisplayName("of the mappings and the pages in memory of each space, from time to time, also if it is older")
    void mappings() throws IOException {
        recording.close();
        SpaceFixture fixture = new SpaceFixture();
        long at = fixture.anonymous(3);
        fixture.store(at, 1);
        assertEquals(0, fixture.space.mprotect(at + PAGE, PAGE, READ));
        AddressSpace empty = Machine.builder().build().newSpace(GEOMETRY);
        List<RecordedEvent> counted;
        try (FlightRecording later = new FlightRecording()) {
            // The end of this recording ends a chunk of the recorder, and so emits the periodic events.
            counted = later.events("Mappings");
        }
        // The machines of other tests may still exist.
        RecordedEvent event = counted.stream()
                .filter(each -> each.getLong("mappings") == 3 && each.getLong("pages") == 1)
                .findFirst()
                .orElseThrow();
        assertSpace(1, event);
        assertTrue(event.getLong("context") > 0);
        assertTrue(counted.stream()
                .anyMatch(each -> each.getLong("sample") == event.getLong("sample")
                        && each.getLong("context") == 0
                        && each.getLong("mappings") == 0
                        && each.getLong("pages") == 0));
        empty.close();
    }

    @Test
    @DisplayName("of a fault that asks a backing, with its address, access, result, and whether data were fetched")
    void fault() throws IOException {
        SpaceFixture fixture = new SpaceFixture();
        PagedFile file = new PagedFile(fixture, 4);
        long at = fixture.map(0, 4, READ, Mman.SHARED, file, 0);
        fixture.load(at + PAGE);
        long anonymous = fixture.anonymous(1);
        fixture.store(anonymous, 1);
        file.cache.close();
        RecordedEvent event = recording.event("Fault");
        assertSpace(1, event);
        assertEquals(at + PAGE, event.getLong("address"));
        assertEquals("read", event.getString("access"));
        assertEquals("a backing", event.getString("cause"));
        assertEquals("NONE", event.getString("result"));
        assertTrue(event.getBoolean("major"));
        assertNotNull(event.getStackTrace());
    }

    @Test
    @DisplayName("of a call that waits for an operation, with both")
    void waitForOperation() throws Exception {
        HeldOperations holding = new HeldOperations();
        AddressSpace space = holding.machine().newSpace(GEOMETRY);
        long at = space.mmap(0, 4 * PAGE, RW, ANONYMOUS, null, 0);
        HeldOperations.Hold hold = holding.hold(() -> space.munmap(at, PAGE));
        HeldOperations.Caller<Long> caller = waits(() -> space.munmap(at, 2 * PAGE));
        hold.endWith(0);
        assertEquals(0, caller.result());
        RecordedEvent event = recording.event("Wait");
        assertEquals("munmap(0x" + Long.toHexString(at) + ", 0x2000)", event.getString("operation"));
        assertTrue(
                event.getString("awaited").startsWith("munmap(0x" + Long.toHexString(at) + ", 0x1000), in flight at "),
                event::toString);
        assertFalse(event.getBoolean("interrupted"));
        assertEquals("caller", event.getThread().getJavaName());
        assertTrue(FlightRecording.hasDuration(event));
    }

    @Test
    @DisplayName("of a call that waits for the lock of a layout, after the hold")
    void waitForLock() throws Exception {
        AddressSpace space = Machine.builder().build().newSpace(GEOMETRY);
        long at = space.mmap(0, PAGE, RW, ANONYMOUS, null, 0);
        Layout layout = layoutOf(space);
        layout.lock();
        Thread other;
        try {
            other = started(() -> space.munmap(at, PAGE));
            Await.until("the call is parked", () -> other.getState() == Thread.State.WAITING, other);
        } finally {
            layout.unlock();
        }
        other.join();
        RecordedEvent event = recording.event("LockWait");
        assertSpace(1, event);
        assertTrue(event.getBoolean("parked"));
        assertEquals("other", event.getThread().getJavaName());
        assertTrue(FlightRecording.hasDuration(event));
    }

    @Test
    @DisplayName("of a shootdown, with the space and the number of CPUs; and of a CPU that does not answer")
    void shootdown() throws Exception {
        SpaceFixture fixture =
                new SpaceFixture(Machine.builder().memory(64 * PAGE).reportShootdownsLongerThan(Duration.ofMillis(1)));
        long at = fixture.anonymous(1);
        fixture.store(at, 1);
        fixture.cpu.enterGuest();
        Thread other;
        try {
            assertTrue(SpaceFixture.hits(fixture.cpu, () -> fixture.load(at)));
            other = started(() -> fixture.space.munmap(at, PAGE));
            Await.until("a report", () -> !fixture.reports.isEmpty(), other);
        } finally {
            fixture.cpu.leaveGuest();
        }
        other.join();
        RecordedEvent event = recording.event("Shootdown");
        assertSpace(1, event);
        assertEquals(1, event.getInt("targets"));
        assertFalse(event.getBoolean("polled"));
        assertTrue(event.getDuration().compareTo(Duration.ofMillis(1)) > 0, event::toString);
        RecordedEvent stalled = recording.events("StalledCpu").get(0);
        assertSpace(1, stalled);
        assertEquals(fixture.cpu.number(), stalled.getInt("cpu"));
        assertEquals(
                Thread.currentThread().getName(), stalled.getThread("owner").getJavaName());
        assertEquals(event.getLong("context"), stalled.getLong("context"));
        assertEquals(event.getLong("generation"), stalled.getLong("generation"));
        assertTrue(stalled.getDuration("waited").compareTo(Duration.ofMillis(1)) >= 0, stalled::toString);
        assertTrue(stalled.getString("state").contains("GUEST"), stalled::toString);
    }

    @Test
    @DisplayName("of a reap, with the pages before and after it")
    void reap() throws IOException {
        SpaceFixture fixture = new SpaceFixture();
        long at = fixture.anonymous(3);
        for (int i = 0; i < 3; i++) {
            fixture.store(at + i * PAGE, 1);
        }
        try (PageTableRef table = fixture.space.hold()) {
            assertEquals(0, table.reap());
        }
        RecordedEvent event = recording.event("Reap");
        assertSpace(1, event);
        assertEquals(3, event.getLong("pagesBefore"));
        assertEquals(0, event.getLong("pagesAfter"));
        assertEquals(0, event.getInt("passes"));
        assertTrue(event.getBoolean("complete"));
        assertEquals("a call", event.getString("cause"));
    }

    @Test
    @DisplayName("of a reap of the machine, because a fault has found no frame")
    void reapOfMachine() throws Exception {
        SpaceFixture fixture =
                new SpaceFixture(Machine.builder().memory(8 * PAGE).lowMemory((space, pages) -> pages));
        AddressSpace victim = fixture.machine.newSpace(GEOMETRY);
        assertTrue(victim.mmap(0, 6 * PAGE, RW, ANONYMOUS | Mman.POPULATE, null, 0) > 0);
        long at = fixture.anonymous(4);
        for (int i = 0; i < 4; i++) {
            long page = at + i * PAGE;
            Await.until("a page", () -> fixture.memory.store(page, 8, 1) == 0, fixture.reports);
        }
        fixture.machine.awaitQuiescence();
        RecordedEvent event = recording.event("Reap");
        assertSpace(2, event);
        assertEquals(6, event.getLong("pagesBefore"));
        assertEquals(0, event.getLong("pagesAfter"));
        assertTrue(event.getBoolean("complete"));
        assertEquals("a fault that found no memory", event.getString("cause"));
    }

    @Test
    @DisplayName("of a reclaim of pages of files, and of the fault that has needed a frame")
    void reclaim() throws IOException {
        SpaceFixture fixture = new SpaceFixture(8);
        PagedFile file = new PagedFile(fixture, 8);
        long read = fixture.map(0, 8, READ, Mman.SHARED, file, 0);
        for (int page = 0; page < 8; page++) {
            fixture.load(read + page * PAGE);
        }
        assertEquals(0, fixture.space.munmap(read, 8 * PAGE));
        long at = fixture.anonymous(1);
        fixture.store(at, 1);
        List<RecordedEvent> faults = recording.events("Fault");
        RecordedEvent event = recording.event("Reclaim");
        file.cache.close();
        assertEquals("pages of files", event.getString("kind"));
        assertTrue(event.getInt("freed") > 0, event::toString);
        assertFalse(event.getBoolean("busy"));
        RecordedEvent last = faults.get(faults.size() - 1);
        assertEquals("no frame", last.getString("cause"));
        assertEquals(at, last.getLong("address"));
        assertEquals("write", last.getString("access"));
    }

    @Test
    @DisplayName("of a reclaim of pages above the cache limit, whose number is that of frames")
    void cacheLimit() throws IOException {
        int limit = 8;
        SpaceFixture fixture =
                new SpaceFixture(Machine.builder().memory(64 * PAGE).cacheLimit(limit * PAGE));
        try (HostFile file = fixture.machine.openFile("pages", GEOMETRY, ByteBuffer.allocate((int) (32 * PAGE)))) {
            long at = fixture.map(0, 32, READ, Mman.SHARED, file, 0);
            for (int page = 31; page >= 0; page--) {
                fixture.load(at + page * PAGE);
            }
            assertEquals(0, fixture.space.munmap(at, 32 * PAGE));
        }
        List<RecordedEvent> reclaims = recording.events("Reclaim").stream()
                .filter(event -> event.getString("kind").equals("pages above the cache limit"))
                .toList();
        assertTrue(reclaims.stream().anyMatch(event -> event.getInt("freed") > 0), reclaims::toString);
        assertTrue(reclaims.stream().allMatch(event -> event.getInt("freed") <= limit), reclaims::toString);
    }
}
