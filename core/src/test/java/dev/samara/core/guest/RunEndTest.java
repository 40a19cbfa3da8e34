// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Awake;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.fixture.ThrowingMemory;
import dev.samara.core.mman.Mman;
import java.nio.ByteBuffer;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@ExtendWith(OneThread.class)
@DisplayName("I2, I3: What ends a run waits for the poll of its CPU, and the run is not valid after it")
final class RunEndTest {
    private static final long AT = 0x2000_0000_0000L;
    private static final int SIZE = (int) PAGE;

    private final SpaceFixture fixture = new SpaceFixture();
    private final AddressSpace space = fixture.space;
    private final Cpu cpu = fixture.cpu;
    private final GuestMemory memory = fixture.memory;
    private final PageRun run = memory.newRun();

    @AfterEach
    void close() {
        fixture.close();
    }

    /** Calls that remove the page at AT, or the right to write it. */
    @SuppressWarnings("ImmutableEnumChecker") // lambdas that capture nothing
    private enum Change {
        MUNMAP(of -> of.munmap(AT, PAGE), READ),
        REPLACE(of -> of.mmap(AT, PAGE, RW, ANONYMOUS | Mman.FIXED, null, 0), READ),
        PROTECT_NONE(of -> of.mprotect(AT, PAGE, 0), READ),
        PROTECT_READ(of -> of.mprotect(AT, PAGE, READ), WRITE),
        MOVE(of -> of.mremap(AT, PAGE, PAGE, Mman.MAYMOVE | Mman.MREMAP_FIXED, AT + 16 * PAGE), READ),
        DONTNEED(of -> of.madvise(AT, PAGE, Mman.DONTNEED), READ),
        GUARD(of -> of.madvise(AT, PAGE, Mman.GUARD_INSTALL), READ),
        FORK(of -> of.fork().close(), WRITE),
        COLLECT_DIRTY(of -> of.collectDirty(AT, PAGE, page -> {}), WRITE),
        WATCH(of -> of.watch(AT, 8, (address, length) -> {}), WRITE);

        final Consumer<AddressSpace> call;
        final int access;

        Change(Consumer<AddressSpace> call, int access) {
            this.call = call;
            this.access = access;
        }
    }

    /**
     * Makes a call on another thread that removes the page of a run. The call must not return before this CPU polls,
     * and the run keeps its bytes until then.
     */
    private static void assertAwaited(Cpu cpu, PageRun run, long expected, Consumer<Cpu> call) {
        ByteBuffer bytes = run.buffer();
        int at = run.offset();
        try (OtherCpu other = new OtherCpu(space(cpu))) {
            CountDownLatch begun = new CountDownLatch(1);
            Future<Integer> made = other.submit(of -> {
                begun.countDown();
                call.accept(of);
                return 0;
            });
            Await.until("the call has begun", () -> begun.getCount() == 0);
            Await.stopped(other.thread());
            assertFalse(made.isDone(), "the call has not waited for the CPU");
            assertTrue(run.isValid());
            assertEquals(expected, bytes.getLong(at));
            while (!made.isDone()) {
                cpu.poll();
                Awake.turn();
            }
            other.call(of -> 0);
        }
        assertFalse(run.isValid(), "valid after the poll");
    }

    private static AddressSpace space(Cpu cpu) {
        AddressSpace of = cpu.space();
        if (of == null) {
            throw new AssertionError("no space");
        }
        return of;
    }

    @ParameterizedTest
    @EnumSource(Change.class)
    @DisplayName("a call on the mapping by another thread")
    void change(Change change) {
        fixture.map(AT, 3, RW, ANONYMOUS, null, 0);
        fixture.store(AT, 7);
        cpu.enterGuest();
        assertEquals(SIZE, run.seek(AT, SIZE, change.access));
        assertAwaited(cpu, run, 7, of -> change.call.accept(space));
        cpu.leaveGuest();
    }

    @Test
    @DisplayName("a copy on write by its own CPU, which leaves GUEST for it")
    void ownCopyOnWrite() {
        MemoryFile file = fixture.file(1);
        fixture.map(AT, 1, RW, Mman.PRIVATE, file.open(), 0);
        PageRun writes = memory.newRun();
        cpu.enterGuest();
        assertEquals(SIZE, run.seek(AT, SIZE, READ));
        assertEquals(SIZE, writes.seek(AT, SIZE, WRITE));
        assertFalse(run.isValid());
        assertTrue(writes.isValid());
        writes.buffer().putLong(writes.offset(), 9);
        assertEquals(SIZE, run.seek(AT, SIZE, READ));
        assertTrue(writes.isValid());
        assertEquals(9, run.buffer().getLong(run.offset()));
        cpu.leaveGuest();
        cpu.switchTo(null);
        space.close();
        file.close();
    }

    @Test
    @DisplayName("a change by its own thread, out of GUEST")
    void ownChange() {
        fixture.map(AT, 2, RW, ANONYMOUS, null, 0);
        fixture.store(AT, 7);
        cpu.enterGuest();
        assertEquals(SIZE, run.seek(AT, SIZE, READ));
        cpu.leaveGuest();
        assertFalse(run.isValid(), "out of GUEST");
        assertEquals(0, space.madvise(AT, PAGE, Mman.DONTNEED));
        cpu.enterGuest();
        assertFalse(run.isValid());
        assertEquals(SIZE, run.seek(AT, SIZE, READ));
        assertEquals(0, run.buffer().getLong(run.offset()));
        cpu.leaveGuest();
    }

    @Test
    @DisplayName("a run of two pages is judged as a whole: the second one is taken away")
    void secondPage() {
        fixture.map(AT, 64, RW, ANONYMOUS, null, 0);
        for (int page = 0; page < 64; page++) {
            fixture.store(AT + page * PAGE, page);
        }
        cpu.enterGuest();
        long at = AT;
        while (run.seek(at, 2 * SIZE, READ) != 2 * SIZE) {
            at += PAGE;
            assertTrue(at < AT + 63 * PAGE, "no frames follow each other");
        }
        long second = at + PAGE;
        long expected = run.buffer().getLong(run.offset());
        assertAwaited(cpu, run, expected, of -> assertEquals(0, space.munmap(second, PAGE)));
        cpu.leaveGuest();
    }

    @Test
    @DisplayName("on a checked machine any poll or leave of GUEST, after which the buffer refuses each access")
    void checked() {
        try (SpaceFixture checked =
                new SpaceFixture(Machine.builder().memory(1 << 20).checked(true))) {
            ThrowingMemory flat = new ThrowingMemory(checked.cpu);
            PageRun cursor = checked.memory.newRun();
            checked.map(AT, 2, RW, ANONYMOUS, null, 0);
            for (int way = 0; way < 4; way++) {
                checked.cpu.enterGuest();
                assertEquals(SIZE, cursor.seek(AT, SIZE, way % 2 == 0 ? WRITE : READ));
                ByteBuffer bytes = cursor.buffer();
                int at = cursor.offset();
                assertEquals(0, bytes.getLong(at));
                switch (way) {
                    case 0 -> assertTrue(flat.poll(), "an end is told of");
                    case 1 -> checked.cpu.poll();
                    case 2 -> assertEquals(SIZE, cursor.seek(AT + PAGE, SIZE, READ));
                    default -> {
                        checked.cpu.leaveGuest();
                        checked.cpu.enterGuest();
                    }
                }
                assertThrows(IndexOutOfBoundsException.class, () -> bytes.getLong(at));
                assertEquals(0, bytes.remaining());
                assertEquals(way == 2, cursor.isValid());
                checked.cpu.leaveGuest();
                assertThrows(IllegalStateException.class, cursor::buffer);
            }
        }
    }
}
