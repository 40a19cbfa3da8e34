// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import static dev.samara.core.fixture.SpaceFixture.EXEC;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.PagedFile;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("A fault on a file")
final class FileFaultTest {
    private static final int SHARED = Mman.SHARED;
    private static final int PRIVATE = Mman.PRIVATE;

    /** Aligned to a leaf of the page table. */
    private static final long PLACE = 0x4000_0000L;

    private final SpaceFixture fixture = new SpaceFixture();

    @AfterEach
    void nothingIsLeft() throws InterruptedException {
        fixture.close();
        assertEquals(List.of(), fixture.reports);
    }

    private long fixed(long address, long pages, int protection, int type, Backing of, long page) {
        return fixture.map(address, pages, protection, type | Mman.FIXED, of, page);
    }

    @Test
    @DisplayName("waits for an eviction also if its thread is interrupted, and the flag stays set")
    void interrupted() {
        PagedFile file = new PagedFile(fixture, 1);
        long at = fixed(PLACE, 1, READ, SHARED, file, 0);
        try (OtherCpu guest = new OtherCpu(fixture.space);
                OtherCpu evicting = new OtherCpu(fixture.space);
                OtherCpu faulting = new OtherCpu(fixture.space)) {
            guest.call(cpu -> {
                cpu.enterGuest();
                return cpu.memory().load(at, 8);
            });
            Future<Integer> eviction = evicting.submit(cpu -> {
                file.cache.remove(0, 1);
                return 0;
            });
            Await.until("the entry is busy", () -> Pte.isBusy(fixture.pte(at)), fixture.reports);
            Future<Boolean> fault = faulting.submit(cpu -> {
                Thread.currentThread().interrupt();
                assertFault(Fault.NONE, cpu.memory().load(at, 8));
                return Thread.interrupted();
            });
            Await.until(
                    "the fault waits",
                    () -> fault.isDone() || LockSupport.getBlocker(faulting.thread()) instanceof Gate,
                    fixture.reports);
            guest.call(cpu -> {
                cpu.leaveGuest();
                return 0;
            });
            assertTrue(Await.result("the fault", fault, fixture.reports));
            assertEquals(0, Await.result("the eviction", eviction, fixture.reports));
        }
        file.cache.close();
    }

    @Test
    @DisplayName("does not map a page that is not in memory only because its neighbour was asked for")
    void windowFetchesNothing() {
        PagedFile file = new PagedFile(fixture, 32);
        long at = fixed(PLACE, 32, READ, SHARED, file, 0);
        fixture.majorFault(at + 3 * PAGE, READ);
        fixture.majorFault(at + 5 * PAGE, READ);
        assertEquals(2, fixture.mapped(at, 32));
        fixture.space.munmap(at, 32 * PAGE);
        long again = fixed(PLACE, 32, READ, SHARED, file, 0);
        fixture.majorFault(again + 4 * PAGE + 1, READ);
        assertEquals(PagedFile.STAMP + 3, fixture.load(again + 3 * PAGE));
        assertEquals(3, file.reads.get());
        file.cache.truncate(0);
    }

    @Test
    @DisplayName("is major once for each page that has to be read, under a reference, and minor after that")
    void major() {
        List<String> seen = new ArrayList<>();
        PagedFile file = new PagedFile(fixture, 4) {
            @Override
            public int fault(Backing.PageRequest request) {
                seen.add(request.page() + " at " + (request.address() - PLACE) + " " + request.access() + " "
                        + request.vma().start());
                return super.fault(request);
            }
        };
        long at = fixed(PLACE, 4, READ, SHARED, file, 0);
        fixture.majorFault(at + 2 * PAGE + 5, READ);
        assertFault(Fault.NONE, fixture.memory.handleFault(at + 2 * PAGE, READ));
        assertEquals(List.of("2 at 8197 " + READ + " " + PLACE), seen);
        assertEquals(1, file.reads.get());
        file.cache.truncate(0);
    }

    @Test
    @DisplayName("names one access to the backing: a write for an atomic update, also if a debugger makes it")
    void accesses() {
        List<String> seen = new ArrayList<>();
        PagedFile file = new PagedFile(fixture, 8) {
            @Override
            public boolean noticesWrites() {
                return true;
            }

            @Override
            public int fault(Backing.PageRequest request) {
                seen.add(request.page() + " asked for " + request.access());
                return super.fault(request);
            }

            @Override
            public int pageMkwrite(Backing.PageRequest request) {
                seen.add(request.page() + " notified of " + request.access());
                return 0;
            }
        };
        long at = fixed(PLACE, 8, RW | EXEC, SHARED, file, 0);
        assertFault(Fault.NONE, fixture.memory.getAndAdd(at, 8, 1));
        assertEquals(List.of("0 asked for " + WRITE, "0 notified of " + WRITE), seen);
        seen.clear();
        assertFault(Fault.NONE, fixture.memory.load(at + PAGE, 8));
        assertFault(Fault.NONE, fixture.memory.getAndAdd(at + PAGE, 8, 1));
        assertEquals(List.of("1 asked for " + READ, "1 notified of " + WRITE), seen);
        seen.clear();
        assertFault(Fault.NONE, fixture.memory.handleFault(at + 2 * PAGE, RW | EXEC | Mman.SEM));
        assertFault(Fault.NONE, fixture.memory.handleFault(at + 3 * PAGE, READ | EXEC));
        assertEquals(List.of("2 asked for " + WRITE, "2 notified of " + WRITE, "3 asked for " + EXEC), seen);
        seen.clear();
        assertEquals(1, fixture.space.writeForced(at + 4 * PAGE, ByteBuffer.allocate(1)));
        assertEquals(1, fixture.space.readForced(at + 5 * PAGE, ByteBuffer.allocate(1)));
        assertEquals(List.of("4 asked for " + WRITE, "4 notified of " + WRITE, "5 asked for " + READ), seen);
        file.cache.truncate(0);
    }

    @Test
    @DisplayName("that writes to a private mapping copies the page, and the file and its other mappings keep theirs")
    void privateCopy() throws InterruptedException {
        MemoryFile file = fixture.file(4);
        var open = file.open();
        long mine = fixed(PLACE, 4, RW, PRIVATE, open, 0);
        long others = fixed(PLACE + 64 * PAGE, 4, READ, PRIVATE, open, 0);
        // One page is read before the write; for the other, the write is the first access.
        assertEquals(0x101, fixture.load(mine + PAGE));
        fixture.store(mine + PAGE, 1);
        fixture.store(mine + 2 * PAGE, 2);
        assertEquals(1, fixture.load(mine + PAGE));
        assertEquals(2, fixture.load(mine + 2 * PAGE));
        assertEquals(0x101, fixture.load(others + PAGE));
        assertEquals(0x102, fixture.load(others + 2 * PAGE));
        byte[] read = new byte[2];
        assertEquals(2, file.pread(read, 0, 2, PAGE));
        assertEquals(1, read[0]);
        assertEquals(1, read[1]);
        assertEquals(4 + 2, fixture.frames());
        file.close();
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("that writes copies the rest of the page too")
    void copyIsWhole() {
        MemoryFile file = fixture.file(1);
        byte[] bytes = new byte[(int) PAGE];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) (i * 7);
        }
        assertEquals(PAGE, file.pwrite(bytes, 0, bytes.length, 0));
        long at = fixed(PLACE, 1, RW, PRIVATE, file.open(), 0);
        assertFault(Fault.NONE, fixture.memory.store(at + 100, 1, 0x55));
        byte[] copy = new byte[bytes.length];
        assertEquals(copy.length, fixture.memory.copyOut(at, copy, 0, copy.length));
        bytes[100] = 0x55;
        assertArrayEquals(bytes, copy);
        file.close();
    }

    @Test
    @DisplayName("that writes to a page of a private mapping that must be read first is major, and a copy")
    void majorCopy() {
        PagedFile file = new PagedFile(fixture, 2);
        long at = fixed(PLACE, 2, RW, PRIVATE, file, 0);
        fixture.majorFault(at + PAGE, WRITE);
        fixture.store(at + PAGE, 9);
        assertEquals(9, fixture.load(at + PAGE));
        assertEquals(PagedFile.STAMP + 1, fixture.load(fixed(PLACE + 64 * PAGE, 1, READ, SHARED, file, 1)));
        file.cache.truncate(0);
    }

    @Test
    @DisplayName("that writes to a shared mapping changes the file for every mapping")
    void sharedWrite() {
        MemoryFile file = fixture.file(2);
        long one = fixed(PLACE, 2, RW, SHARED, file.open(), 0);
        long other = fixed(PLACE + 64 * PAGE, 2, READ, PRIVATE, file.open(), 0);
        assertEquals(0x101, fixture.load(other + PAGE));
        fixture.store(one + PAGE, 0xabcd);
        assertEquals(0xabcd, fixture.load(other + PAGE));
        byte[] bytes = new byte[2];
        assertEquals(2, file.pread(bytes, 0, 2, PAGE));
        assertEquals((byte) 0xcd, bytes[0]);
        assertTrue(Pte.has(fixture.pte(one + PAGE), Pte.DIRTY));
        assertFalse(Pte.has(fixture.pte(other + PAGE), Pte.DIRTY));
        file.close();
    }

    @Test
    @DisplayName("notifies a backing that asks for it of the first write to each page, and of no other write")
    void writeNotice() {
        List<Long> told = new ArrayList<>();
        PagedFile file = new PagedFile(fixture, 8) {
            @Override
            public boolean noticesWrites() {
                return true;
            }

            @Override
            public int pageMkwrite(Backing.PageRequest request) {
                told.add(request.page());
                return 0;
            }
        };
        long at = fixed(PLACE, 8, RW, SHARED, file, 0);
        assertEquals(PagedFile.STAMP, fixture.load(at));
        fixture.majorFault(at + PAGE, READ);
        assertFalse(Pte.has(fixture.pte(at), Pte.WRITE));
        fixture.store(at, 1);
        fixture.store(at, 2);
        fixture.store(at + PAGE, 3);
        fixture.store(at + 2 * PAGE, 4);
        fixture.store(at + 2 * PAGE + 8, 4);
        assertEquals(List.of(0L, 1L, 2L), told);
        // The file is not notified of a write to a private copy.
        long copy = fixed(PLACE + 64 * PAGE, 8, RW, PRIVATE, file, 0);
        fixture.store(copy + 3 * PAGE, 5);
        assertEquals(List.of(0L, 1L, 2L), told);
        file.cache.truncate(0);
    }

    @Test
    @DisplayName("beyond the end of the file is a SIGBUS, in the last page it is not, and the file may grow")
    void beyondTheEnd() {
        MemoryFile file = fixture.machine.newFile("/odd", 1, SpaceFixture.GEOMETRY, PAGE + 1);
        long at = fixed(PLACE, 4, RW, SHARED, file.open(), 0);
        fixture.store(at + PAGE + 100, 1);
        for (int access : new int[] {READ, WRITE}) {
            assertFault(Fault.ADRERR, fixture.memory.handleFault(at + 2 * PAGE, access));
        }
        long copy = fixed(PLACE + 64 * PAGE, 4, RW, PRIVATE, file.open(), 0);
        assertFault(Fault.ADRERR, fixture.memory.store(copy + 2 * PAGE, 8, 1));
        assertEquals(0, file.truncate(3 * PAGE));
        fixture.store(at + 2 * PAGE, 2);
        assertEquals(2, fixture.load(copy + 2 * PAGE));
        assertFault(Fault.ADRERR, fixture.memory.load(at + 3 * PAGE, 1));
        file.close();
    }

    @Test
    @DisplayName("after a truncation is a SIGBUS, in private copies too, and finds zeros after the file has grown")
    void truncated() {
        MemoryFile file = fixture.file(4);
        var open = file.open();
        long shared = fixed(PLACE, 4, RW, SHARED, open, 0);
        long copy = fixed(PLACE + 64 * PAGE, 4, RW, PRIVATE, open, 0);
        for (int page = 0; page < 4; page++) {
            fixture.load(shared + page * PAGE);
            fixture.store(copy + page * PAGE, 0x900 + page);
        }
        assertEquals(0, file.truncate(2 * PAGE));
        assertEquals(0x101, fixture.load(shared + PAGE));
        assertEquals(0x901, fixture.load(copy + PAGE));
        assertFault(Fault.ADRERR, fixture.memory.load(shared + 2 * PAGE, 8));
        assertFault(Fault.ADRERR, fixture.memory.load(copy + 2 * PAGE, 8));
        assertEquals(0, file.truncate(4 * PAGE));
        assertEquals(0, fixture.load(shared + 2 * PAGE));
        assertEquals(0, fixture.load(copy + 3 * PAGE));
        file.close();
    }

    @Test
    @DisplayName("for several rights at once is done when the page has all of them")
    void severalRights() {
        MemoryFile file = fixture.file(1);
        for (int type : new int[] {SHARED, PRIVATE}) {
            long at = fixed(PLACE, 1, RW, type, file.open(), 0);
            fixture.store(at, 5);
            assertEquals(0, fixture.space.mprotect(at, PAGE, RW | EXEC));
            assertFault(Fault.NONE, fixture.memory.handleFault(at, RW | EXEC));
            assertFault(Fault.NONE, fixture.memory.fetch(at, 8));
            assertEquals(5, fixture.load(at));
        }
        file.close();
    }

    @Test
    @DisplayName("maps a page of a shared anonymous object, the same in every mapping of it")
    void sharedAnonymous() throws InterruptedException {
        long at = fixture.map(0, 4, RW, SHARED | Mman.ANONYMOUS, null, 0);
        fixture.store(at + PAGE, 3);
        try (AddressSpace child = fixture.space.fork()) {
            fixture.cpu.switchTo(child);
            assertEquals(3, fixture.load(at + PAGE));
            fixture.store(at + 2 * PAGE, 4);
            fixture.cpu.switchTo(fixture.space);
            assertEquals(4, fixture.load(at + 2 * PAGE));
            assertEquals(2, fixture.frames());
        }
        fixture.closeEmpty();
    }
}
