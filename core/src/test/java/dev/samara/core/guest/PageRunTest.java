// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.EXEC;
import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.Watchpoint;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.AllocatedBytes;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.internal.page.DirectFrames;
import dev.samara.core.internal.page.FailingStore;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.ReadOnlyBufferException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("A run has the bytes of pages as they lie in memory")
final class PageRunTest {
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

    private void inGuest(Runnable what) {
        cpu.enterGuest();
        try {
            what.run();
        } finally {
            cpu.leaveGuest();
        }
    }

    @Test
    @DisplayName("from the address to the end of the page, or to the length that is needed, in the order of the memory")
    void bounds() {
        fixture.map(AT, 1, RW, ANONYMOUS, null, 0);
        fixture.store(AT + 8, 0x1122_3344_5566_7788L);
        inGuest(() -> {
            assertEquals(SIZE - 8, run.seek(AT + 8, SIZE - 8, READ));
            assertEquals(AT + 8, run.address());
            assertEquals(SIZE - 8, run.length());
            ByteBuffer bytes = run.buffer();
            assertEquals(run.offset(), bytes.position());
            assertEquals(SIZE - 8, bytes.remaining());
            assertSame(ByteOrder.LITTLE_ENDIAN, bytes.order());
            assertEquals(0x1122_3344_5566_7788L, bytes.getLong(run.offset()));
            assertTrue(run.isValid());
            assertEquals(5, run.seek(AT + PAGE - 5, 5, READ));
            assertEquals(5, run.buffer().remaining());
            assertEquals(1, run.seek(AT + 15, 1, READ));
            assertEquals(0x11, run.buffer().get());
            memory.order(ByteOrder.BIG_ENDIAN);
            assertEquals(8, run.seek(AT + 8, 8, READ));
            assertEquals(0x8877_6655_4433_2211L, run.buffer().getLong());
        });
    }

    @Test
    @DisplayName("a run is memory: stores of the guest are seen by it, and its own by the guest")
    void stores() {
        fixture.map(AT, 1, RW, ANONYMOUS, null, 0);
        PageRun reads = memory.newRun();
        inGuest(() -> {
            assertEquals(8, run.seek(AT, 8, WRITE));
            assertEquals(8, reads.seek(AT, 8, READ));
            assertTrue(run.isValid() && reads.isValid());
            run.buffer().putLong(run.offset(), 5);
            assertEquals(5, reads.buffer().getLong(reads.offset()));
            fixture.store(AT, 6);
            assertEquals(6, run.buffer().getLong(run.offset()));
            assertTrue(reads.buffer().isReadOnly());
            assertThrows(ReadOnlyBufferException.class, () -> reads.buffer().putLong(reads.offset(), 7));
        });
        assertEquals(6, fixture.load(AT));
    }

    @Test
    @DisplayName("a seek for writing makes a private page the mapping's own, and dirty; one for reading does not")
    void marks() {
        MemoryFile file = fixture.file(2);
        fixture.map(AT, 1, RW, Mman.PRIVATE, file.open(), 0);
        fixture.map(AT + PAGE, 1, RW, Mman.SHARED, file.open(), 1);
        List<Long> dirty = new ArrayList<>();
        inGuest(() -> {
            assertEquals(SIZE, run.seek(AT, SIZE, READ));
            assertEquals(0x100, run.buffer().getLong(run.offset()));
            assertEquals(SIZE, run.seek(AT + PAGE, SIZE, READ));
        });
        assertEquals(0, space.collectDirty(AT, 2 * PAGE, dirty::add));
        inGuest(() -> {
            assertEquals(SIZE, run.seek(AT, SIZE, RW));
            run.buffer().putLong(run.offset(), 9);
            assertEquals(SIZE, run.seek(AT + PAGE, SIZE, RW));
            run.buffer().putLong(run.offset(), 10);
        });
        assertTrue(space.collectDirty(AT, 2 * PAGE, dirty::add) >= 0);
        assertEquals(List.of(AT, AT + PAGE), dirty);
        byte[] bytes = new byte[8];
        assertEquals(8, file.pread(bytes, 0, 8, 0));
        assertEquals(1, bytes[1], "the page of the file");
        assertEquals(8, file.pread(bytes, 0, 8, PAGE));
        assertEquals(10, bytes[0]);
        cpu.switchTo(null);
        space.close();
        file.close();
    }

    @Test
    @DisplayName("it goes on over pages whose frames follow each other in memory, and are accessible already")
    void consecutive() {
        int pages = 64;
        fixture.map(AT, pages, RW, ANONYMOUS, null, 0);
        for (int page = 0; page < pages; page++) {
            fixture.store(AT + page * PAGE, page);
        }
        fixture.map(AT + pages * PAGE, 1, RW, ANONYMOUS, null, 0);
        int[] longest = {0};
        inGuest(() -> {
            for (int page = 0; page < pages; ) {
                int follow = 1;
                while (page + follow < pages && frame(page + follow) == frame(page) + follow) {
                    follow++;
                }
                int found = run.seek(AT + page * PAGE, (pages + 1 - page) * SIZE, READ);
                // A run ends at the end of its buffer, which may be between consecutive frames.
                assertTrue(found == follow * SIZE || (found < follow * SIZE && found % SIZE == 0), found + " bytes");
                for (int i = 0; i < found / SIZE; i++) {
                    assertEquals(page + i, run.buffer().getLong(run.offset() + i * SIZE));
                }
                longest[0] = Math.max(longest[0], found / SIZE);
                page += found / SIZE;
            }
        });
        assertTrue(longest[0] > 1, "no frames follow each other");
        assertFalse(fixture.isMapped(AT + pages * PAGE), "a page was faulted in that was not asked for");
    }

    private int frame(int page) {
        return Pte.frame(fixture.pte(AT + page * PAGE));
    }

    @Test
    @DisplayName("a seek for writing makes no page dirty that lies elsewhere, or is watched, and so is none of the run")
    void marksOfRun() {
        int pages = 64;
        fixture.map(AT, pages, RW, ANONYMOUS, null, 0);
        // Frames are allocated in ascending order, so those of the second half do not follow each other.
        for (int page = 0; page < pages / 2; page++) {
            fixture.store(AT + page * PAGE, page);
        }
        for (int page = pages - 1; page >= pages / 2; page--) {
            fixture.store(AT + page * PAGE, page);
        }
        int apart = 0;
        int together = 0;
        Watchpoint watch = space.watch(AT + (pages - 4) * PAGE, 8, (address, length) -> {});
        for (int page = 0; page < pages - 5; page++) {
            assertTrue(space.collectDirty(AT, pages * PAGE, address -> {}) >= 0);
            long at = AT + page * PAGE;
            int[] found = {0};
            inGuest(() -> found[0] = run.seek(at, 3 * SIZE, WRITE));
            assertEquals(found[0] / SIZE, space.collectDirty(AT, pages * PAGE, address -> {}));
            apart += found[0] < 3 * SIZE ? 1 : 0;
            together += found[0] == 3 * SIZE ? 1 : 0;
        }
        assertTrue(apart > 2, "all frames follow each other");
        assertTrue(together > 2, "no frames follow each other");
        watch.close();
    }

    @Test
    @DisplayName("a seek handles the fault of its first page, and reports one that cannot be handled")
    void faults() {
        fixture.map(AT, 2, RW, ANONYMOUS, null, 0);
        fixture.map(AT + 2 * PAGE, 1, READ, ANONYMOUS, null, 0);
        inGuest(() -> {
            assertEquals(SIZE, run.seek(AT, SIZE, READ));
            assertEquals(0, run.buffer().getLong(run.offset()));
            assertFault(Fault.NONE, memory.fault());
            assertEquals(SIZE, run.seek(AT + PAGE, SIZE, WRITE));
            assertEquals(0, run.seek(AT + 2 * PAGE, SIZE, WRITE));
            assertFault(Fault.ACCERR, memory.fault());
            assertEquals(0, run.length());
            assertFalse(run.isValid());
            assertThrows(IllegalStateException.class, run::buffer);
            assertEquals(0, run.seek(AT + 3 * PAGE + 5, SIZE, READ));
            assertFault(Fault.MAPERR, memory.fault());
            assertEquals(AT + 3 * PAGE + 5, memory.faultAddress());
            assertEquals(SIZE, run.seek(AT, SIZE, READ));
        });
    }

    @Test
    @DisplayName("a watched page has no run for the accesses that are watched, and no fault")
    void watched() {
        fixture.map(AT, 1, RW, ANONYMOUS, null, 0);
        fixture.store(AT, 1);
        Watchpoint stores = space.watch(AT + 16, 8, (address, length) -> {});
        inGuest(() -> {
            assertEquals(SIZE, run.seek(AT, SIZE, READ));
            assertEquals(0, run.seek(AT, SIZE, WRITE));
            assertFault(Fault.NONE, memory.fault());
        });
        stores.close();
        Watchpoint reads = space.watchReads(AT + 16, 8, (access, address, length, value) -> {});
        inGuest(() -> {
            assertEquals(0, run.seek(AT, SIZE, READ));
            assertEquals(0, run.seek(AT, SIZE, WRITE));
        });
        reads.close();
        inGuest(() -> assertEquals(SIZE, run.seek(AT, SIZE, WRITE)));
    }

    @Test
    @DisplayName("out of GUEST, by another thread, with another right or without a length it is refused")
    void refused() {
        fixture.map(AT, 1, RW, ANONYMOUS, null, 0);
        assertThrows(IllegalStateException.class, run::buffer);
        assertThrows(IllegalStateException.class, () -> run.seek(AT, 8, READ));
        inGuest(() -> {
            for (int access : new int[] {0, EXEC, READ | EXEC, 8, -1}) {
                assertThrows(IllegalArgumentException.class, () -> run.seek(AT, 8, access));
            }
            assertThrows(IllegalArgumentException.class, () -> run.seek(AT, 0, READ));
            assertThrows(IllegalArgumentException.class, () -> run.seek(AT, -1, READ));
        });
        try (OtherCpu other = new OtherCpu(space)) {
            other.call(of -> assertThrows(IllegalStateException.class, () -> run.seek(AT, 8, READ)));
        }
    }

    @Test
    @DisplayName("a store of frames of the embedder's has no buffers, which a seek says")
    void otherStore() {
        Machine machine = Machine.builder()
                .memory(1 << 20)
                .frameStore((shift, frames) -> new FailingStore(new DirectFrames(shift, 4, frames)).store())
                .build();
        try (AddressSpace other = machine.newSpace(GEOMETRY);
                Cpu own = machine.claimCpu()) {
            own.switchTo(other);
            assertEquals(AT, other.mmap(AT, PAGE, RW, ANONYMOUS, null, 0));
            PageRun none = own.memory().newRun();
            own.enterGuest();
            assertThrows(UnsupportedOperationException.class, () -> none.seek(AT, 8, READ));
            own.leaveGuest();
        }
        machine.close();
    }

    @Test
    @DisplayName("a cursor serves its CPU in spaces of other page sizes, whose memory is another one")
    void otherPageSize() {
        AddressSpace big = fixture.machine.newSpace(Geometry.LINUX_AARCH64_64K);
        assertEquals(AT, big.mmap(AT, 1 << 16, RW, ANONYMOUS, null, 0));
        fixture.map(AT, 1, RW, ANONYMOUS, null, 0);
        fixture.store(AT, 1);
        for (int round = 0; round < 3; round++) {
            inGuest(() -> {
                assertEquals(SIZE, run.seek(AT, SIZE, READ));
                assertEquals(1, run.buffer().getLong(run.offset()));
            });
            cpu.switchTo(big);
            assertFalse(run.isValid());
            inGuest(() -> {
                assertFalse(run.isValid());
                assertEquals((1 << 16) - 24, run.seek(AT + 24, 1 << 16, WRITE));
                run.buffer().putLong(run.offset(), 3);
                assertFault(Fault.NONE, memory.load(AT + 24, 8));
                assertEquals(3, memory.value());
            });
            cpu.switchTo(space);
        }
        big.close();
    }

    @Test
    @DisplayName("a scan in order allocates nothing, but on a checked machine, where each run has its own buffer")
    void garbage() {
        assumeFalse(Boolean.getBoolean("samara.checked"), "a run of a checked machine has a buffer of its own");
        int pages = 256;
        fixture.map(AT, pages, RW, ANONYMOUS, null, 0);
        for (int page = 0; page < pages; page++) {
            fixture.store(AT + page * PAGE, page);
        }
        inGuest(() -> AllocatedBytes.assertNone(i -> {
            long at = AT + i % pages * PAGE;
            if (run.seek(at, SIZE, READ) != SIZE || run.buffer().getLong(run.offset()) != i % pages) {
                throw new AssertionError("page " + i % pages);
            }
            cpu.poll();
        }));
    }
}
