// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.backing.HostFile;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.internal.hostfile.HostFilePages;
import dev.samara.core.internal.page.DirectFrames;
import dev.samara.core.internal.page.FailingStore;
import dev.samara.core.mman.Mman;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.ReadOnlyBufferException;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.function.Executable;

@ExtendWith(OneThread.class)
@DisplayName("A pin has the bytes of its page, whatever becomes of the mapping")
final class PinnedBytesTest {
    private static final int SIZE = (int) PAGE;

    private final SpaceFixture fixture = new SpaceFixture();

    @Test
    @DisplayName("as a buffer of exactly the page, which is read-only unless the pin is for writing")
    void buffer() {
        long at = fixture.anonymous(1);
        fixture.store(at + PAGE - 8, 0x1122_3344_5566_7788L);
        PinnedFrame reads = fixture.pin(at, READ);
        PinnedFrame writes = fixture.pin(at, WRITE);
        ByteBuffer bytes = writes.buffer();
        assertSame(bytes, writes.buffer());
        assertEquals(SIZE, bytes.capacity());
        assertEquals(SIZE, bytes.remaining());
        assertSame(ByteOrder.LITTLE_ENDIAN, bytes.order());
        assertEquals(0x1122_3344_5566_7788L, bytes.getLong(SIZE - 8));
        assertThrows(IndexOutOfBoundsException.class, () -> bytes.get(-1));
        assertThrows(IndexOutOfBoundsException.class, () -> bytes.get(SIZE));
        bytes.putLong(0, 5);
        assertEquals(5, fixture.load(at));
        assertEquals(5, reads.buffer().getLong(0));
        assertThrows(ReadOnlyBufferException.class, () -> reads.buffer().putLong(0, 6));
        reads.close();
        writes.close();
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("as numbers of each size, plain and atomic, within the page")
    void numbers() {
        long at = fixture.anonymous(1);
        PinnedFrame pinned = fixture.pin(at, WRITE);
        for (int size = 1; size <= 8; size *= 2) {
            long all = size == 8 ? -1 : (1L << (8 * size)) - 1;
            pinned.put(SIZE - size, size, -1);
            assertEquals(all, pinned.get(SIZE - size, size));
            pinned.putVolatile(SIZE - size, size, 5);
            assertEquals(5, pinned.getVolatile(SIZE - size, size));
            assertEquals(5, pinned.compareAndExchange(SIZE - size, size, 4, 6));
            assertEquals(5, pinned.compareAndExchange(SIZE - size, size, 5, 6));
            assertEquals(6, pinned.get(SIZE - size, size));
            int bytes = size;
            int end = SIZE;
            assertThrows(IndexOutOfBoundsException.class, () -> pinned.get(SIZE - bytes + 1, bytes));
            assertThrows(IndexOutOfBoundsException.class, () -> pinned.put(-1, bytes, 0));
            assertThrows(IndexOutOfBoundsException.class, () -> pinned.getVolatile(-bytes, bytes));
            assertThrows(IndexOutOfBoundsException.class, () -> pinned.putVolatile(end, bytes, 0));
            assertThrows(IndexOutOfBoundsException.class, () -> pinned.compareAndExchange(end, bytes, 0, 0));
        }
        assertThrows(IllegalArgumentException.class, () -> pinned.get(0, 3));
        assertThrows(IllegalArgumentException.class, () -> pinned.getVolatile(2, 4));
        assertThrows(IllegalArgumentException.class, () -> pinned.putVolatile(1, 2, 0));
        assertThrows(IllegalArgumentException.class, () -> pinned.compareAndExchange(4, 8, 0, 0));
        PinnedFrame reads = fixture.pin(at, READ);
        assertThrows(ReadOnlyBufferException.class, () -> reads.put(0, 8, 1));
        assertThrows(ReadOnlyBufferException.class, () -> reads.putVolatile(0, 8, 1));
        assertThrows(ReadOnlyBufferException.class, () -> reads.compareAndExchange(0, 8, 0, 1));
        reads.close();
        pinned.close();
        for (Executable access : new Executable[] {
            pinned::buffer,
            pinned::frame,
            () -> pinned.get(0, 8),
            () -> pinned.put(0, 8, 0),
            () -> pinned.getVolatile(0, 8),
            () -> pinned.putVolatile(0, 8, 0),
            () -> pinned.compareAndExchange(0, 8, 0, 0)
        }) {
            assertThrows(IllegalStateException.class, access, "after the release");
        }
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("after an unmapping and a truncation they are the pin's alone, and in no file")
    void takenAway() {
        MemoryFile file = fixture.file(2);
        long at = fixture.map(0, 2, RW, Mman.SHARED, file.open(), 0);
        PinnedFrame first = fixture.pin(at, WRITE);
        PinnedFrame second = fixture.pin(at + PAGE, WRITE);
        assertEquals(0, fixture.space.munmap(at, PAGE));
        assertEquals(0x100, first.buffer().getLong(0));
        first.buffer().putLong(0, 5);
        byte[] bytes = new byte[8];
        assertEquals(8, file.pread(bytes, 0, 8, 0));
        assertEquals(5, bytes[0], "the page is the file's still");
        assertEquals(0, file.truncate(0));
        assertEquals(0, file.truncate(2 * PAGE));
        assertEquals(5, first.buffer().getLong(0));
        assertEquals(0x101, second.buffer().getLong(0));
        second.buffer().putLong(0, 6);
        assertEquals(8, file.pread(bytes, 0, 8, PAGE));
        assertEquals(0, bytes[0], "a store after the truncation");
        assertEquals(0, fixture.load(at + PAGE));
        first.close();
        second.close();
        fixture.cpu.switchTo(null);
        fixture.space.close();
        file.close();
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("an eviction leaves a pinned page in memory")
    void eviction() {
        ByteBuffer bytes = ByteBuffer.allocate(2 * SIZE).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putLong(0, 0x700).putLong(SIZE, 0x701);
        try (HostFile file = fixture.machine.openFile("pages", GEOMETRY, bytes)) {
            long at = fixture.map(0, 2, READ, Mman.SHARED, file, 0);
            assertEquals(0x701, fixture.load(at + PAGE));
            PinnedFrame pinned = fixture.pin(at, READ);
            assertEquals(1, HostFilePages.saved(file).eviction().evict(true));
            assertEquals(0x700, pinned.buffer().getLong(0));
            assertEquals(pinned.frame(), frameOf(at));
            pinned.close();
        }
        fixture.close();
    }

    private int frameOf(long at) {
        assertEquals(0x700, fixture.load(at));
        try (PinnedFrame again = fixture.pin(at, READ)) {
            return again.frame();
        }
    }

    @Test
    @DisplayName("a page that is pinned for writing is the parent's after a fork; one for reading is left to be copied")
    void copyOnWrite() {
        long at = fixture.anonymous(2);
        fixture.store(at, 7);
        fixture.store(at + PAGE, 7);
        PinnedFrame writes = fixture.pin(at, WRITE);
        AddressSpace child = fixture.space.fork();
        PinnedFrame reads = fixture.pin(at + PAGE, READ);
        fixture.store(at, 8);
        assertEquals(8, writes.buffer().getLong(0), "the page of the mapping");
        fixture.store(at + PAGE, 8);
        assertEquals(7, reads.buffer().getLong(0), "the page of before the copy");
        writes.close();
        reads.close();
        child.close();
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("on a checked machine the buffer refuses each access after the release")
    void checked() {
        try (SpaceFixture checked =
                new SpaceFixture(Machine.builder().memory(1 << 20).checked(true))) {
            long at = checked.anonymous(1);
            PinnedFrame pinned = checked.pin(at, WRITE);
            ByteBuffer bytes = pinned.buffer();
            bytes.putLong(0, 5);
            pinned.close();
            assertThrows(IndexOutOfBoundsException.class, () -> bytes.getLong(0));
            assertThrows(IndexOutOfBoundsException.class, () -> bytes.putLong(0, 6));
            assertEquals(5, checked.load(at));
        }
        fixture.close();
    }

    @Test
    @DisplayName("a store of frames of the embedder's has numbers, and no buffers")
    void otherStore() {
        Machine machine = Machine.builder()
                .memory(1 << 20)
                .frameStore((shift, frames) -> new FailingStore(new DirectFrames(shift, 4, frames)).store())
                .build();
        try (AddressSpace other = machine.newSpace(GEOMETRY);
                Cpu own = machine.claimCpu()) {
            own.switchTo(other);
            long at = other.mmap(0, PAGE, RW, ANONYMOUS, null, 0);
            assertTrue(at > 0);
            try (PinnedFrame pinned = SpaceFixture.pin(own.memory(), at, WRITE)) {
                assertThrows(UnsupportedOperationException.class, pinned::buffer);
                pinned.put(8, 4, 5);
                assertEquals(5, pinned.get(8, 4));
            }
        }
        machine.close();
        fixture.close();
    }
}
