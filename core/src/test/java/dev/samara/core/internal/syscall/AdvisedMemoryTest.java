// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static dev.samara.core.fixture.SpaceFixture.assertResult;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.PagedFile;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.mman.Capability;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Pages that advice, locking and forking speak of")
final class AdvisedMemoryTest {
    private static long stamped(SpaceFixture fixture, int pages) {
        long at = fixture.anonymous(pages);
        for (int page = 0; page < pages; page++) {
            fixture.store(at + page * PAGE, 0x200 + page);
        }
        return at;
    }

    @Test
    @DisplayName("DONTNEED loses private pages, and their frames are free; those of a file come back from it")
    void dontNeed() throws InterruptedException {
        SpaceFixture fixture = new SpaceFixture();
        long at = stamped(fixture, 5);
        assertEquals(0, fixture.space.madvise(at + PAGE, 3 * PAGE, Mman.DONTNEED));
        assertEquals(2, fixture.frames());
        long[] expected = {0x200, 0, 0, 0, 0x204};
        for (int page = 0; page < 5; page++) {
            assertEquals(expected[page], fixture.load(at + page * PAGE));
        }
        MemoryFile file = fixture.file(2);
        long copy = fixture.map(0, 2, RW, Mman.PRIVATE, file.open(), 0);
        long shared = fixture.map(0, 2, RW, Mman.SHARED, file.open(), 0);
        fixture.store(copy, 1);
        fixture.store(shared + PAGE, 2);
        assertEquals(0, fixture.space.madvise(copy, 2 * PAGE, Mman.DONTNEED));
        assertEquals(0, fixture.space.madvise(shared, 2 * PAGE, Mman.DONTNEED));
        assertEquals(0x100, fixture.load(copy));
        assertEquals(2, fixture.load(shared + PAGE));
        file.close();
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("FREE, COLD and PAGEOUT change no content")
    void freeAndCold() throws InterruptedException {
        SpaceFixture fixture = new SpaceFixture();
        long at = stamped(fixture, 3);
        for (int advice : new int[] {Mman.FREE, Mman.COLD, Mman.PAGEOUT, Mman.WILLNEED}) {
            assertEquals(0, fixture.space.madvise(at, 3 * PAGE, advice));
            for (int page = 0; page < 3; page++) {
                assertEquals(0x200 + page, fixture.load(at + page * PAGE));
            }
        }
        fixture.store(at, 1);
        assertEquals(1, fixture.load(at));
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("REMOVE makes a hole in a file for all mappings, but private copies stay")
    void remove() throws InterruptedException {
        SpaceFixture fixture = new SpaceFixture();
        MemoryFile file = fixture.file(4);
        long shared = fixture.map(0, 4, RW, Mman.SHARED, file.open(), 0);
        long other = fixture.map(0, 4, READ, Mman.SHARED, file.open(), 0);
        long copy = fixture.map(0, 4, RW, Mman.PRIVATE, file.open(), 0);
        for (int page = 0; page < 4; page++) {
            fixture.load(shared + page * PAGE);
            fixture.load(other + page * PAGE);
        }
        fixture.store(copy + PAGE, 9);
        assertEquals(0x102, fixture.load(copy + 2 * PAGE));
        assertEquals(0, fixture.space.madvise(shared + PAGE, 2 * PAGE, Mman.REMOVE));
        for (long at : new long[] {shared, other}) {
            assertEquals(0x100, fixture.load(at));
            assertEquals(0, fixture.load(at + PAGE));
            assertEquals(0, fixture.load(at + 2 * PAGE));
            assertEquals(0x103, fixture.load(at + 3 * PAGE));
        }
        assertEquals(9, fixture.load(copy + PAGE));
        assertEquals(0, fixture.load(copy + 2 * PAGE));
        assertEquals(4 * PAGE, file.size());
        assertResult(Errno.EINVAL, fixture.space.madvise(fixture.anonymous(1), PAGE, Mman.REMOVE));
        assertResult(Errno.EACCES, fixture.space.madvise(copy, PAGE, Mman.REMOVE));
        file.close();
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("REMOVE is EOPNOTSUPP for a file that is read again from elsewhere, and all its pages stay")
    void removeWherePagesAreReadAgain() throws InterruptedException {
        SpaceFixture fixture = new SpaceFixture();
        PagedFile file = new PagedFile(fixture, 3);
        long shared = fixture.map(0, 3, RW, Mman.SHARED, file, 0);
        for (int page = 0; page < 3; page++) {
            assertEquals(PagedFile.STAMP + page, fixture.load(shared + page * PAGE));
        }
        fixture.store(shared + PAGE, 9);
        assertResult(Errno.EOPNOTSUPP, fixture.space.madvise(shared, 3 * PAGE, Mman.REMOVE));
        assertEquals(9, fixture.load(shared + PAGE));
        assertEquals(3, file.reads.get(), "nothing was dropped");
        // The errors that precede this one in Linux's order.
        long copy = fixture.map(0, 3, RW, Mman.PRIVATE, file, 0);
        assertResult(Errno.EACCES, fixture.space.madvise(copy, PAGE, Mman.REMOVE));
        assertEquals(0, fixture.space.mlock(shared, PAGE));
        assertResult(Errno.EINVAL, fixture.space.madvise(shared, PAGE, Mman.REMOVE));
        file.cache.truncate(0);
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("REMOVE stops at the first file without holes, and what lies before it has its hole")
    void removeStops() throws InterruptedException {
        SpaceFixture fixture = new SpaceFixture();
        MemoryFile before = fixture.file(1);
        PagedFile after = new PagedFile(fixture, 1);
        long at = fixture.map(0, 2, RW, Mman.SHARED, before.open(), 0);
        fixture.map(at + PAGE, 1, RW, Mman.SHARED | Mman.FIXED, after, 0);
        assertEquals(0x100, fixture.load(at));
        assertEquals(PagedFile.STAMP, fixture.load(at + PAGE));
        assertResult(Errno.EOPNOTSUPP, fixture.space.madvise(at, 2 * PAGE, Mman.REMOVE));
        assertEquals(0, fixture.load(at));
        assertEquals(PagedFile.STAMP, fixture.load(at + PAGE));
        assertEquals(1, after.reads.get());
        before.close();
        after.cache.truncate(0);
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("a guard is a SIGSEGV for every access, loses the page, and once removed there are zeros")
    void guards() throws InterruptedException {
        SpaceFixture fixture = new SpaceFixture();
        long at = stamped(fixture, 4);
        assertEquals(0, fixture.space.madvise(at + PAGE, 2 * PAGE, Mman.GUARD_INSTALL));
        assertEquals(2, fixture.frames());
        for (int access : new int[] {READ, WRITE}) {
            assertFault(Fault.MAPERR, fixture.memory.handleFault(at + PAGE, access));
            assertFault(Fault.MAPERR, fixture.memory.handleFault(at + 2 * PAGE + 5, access));
        }
        // Neither a change of rights nor DONTNEED removes the guard, and a child inherits it.
        assertEquals(0, fixture.space.mprotect(at, 4 * PAGE, READ));
        assertEquals(0, fixture.space.mprotect(at, 4 * PAGE, RW));
        assertEquals(0, fixture.space.madvise(at, 4 * PAGE, Mman.DONTNEED));
        assertFault(Fault.MAPERR, fixture.memory.load(at + PAGE, 8));
        assertEquals(0, fixture.load(at));
        try (AddressSpace child = fixture.space.fork()) {
            fixture.cpu.switchTo(child);
            assertFault(Fault.MAPERR, fixture.memory.store(at + 2 * PAGE, 8, 1));
            fixture.store(at + 3 * PAGE, 1);
            fixture.cpu.switchTo(fixture.space);
        }
        assertEquals(0, fixture.space.madvise(at + PAGE, PAGE, Mman.GUARD_REMOVE));
        assertEquals(0, fixture.load(at + PAGE));
        assertFault(Fault.MAPERR, fixture.memory.load(at + 2 * PAGE, 8));
        // A new mapping removes the guard.
        fixture.map(at + 2 * PAGE, 1, RW, ANONYMOUS | Mman.FIXED, null, 0);
        assertEquals(0, fixture.load(at + 2 * PAGE));
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("populating or locking a guard fails, with EFAULT and ENOMEM, and the pages before it are there")
    void populatedGuard() throws InterruptedException {
        SpaceFixture fixture = new SpaceFixture(Machine.builder().memory(1 << 20));
        AddressSpace space = fixture.machine
                .space(SpaceFixture.GEOMETRY)
                .grant(Capability.IPC_LOCK)
                .build();
        fixture.cpu.switchTo(space);
        long at = space.mmap(0, 3 * PAGE, RW, ANONYMOUS, null, 0);
        assertEquals(0, space.madvise(at + PAGE, PAGE, Mman.GUARD_INSTALL));
        assertResult(Errno.EFAULT, space.madvise(at, 3 * PAGE, Mman.POPULATE_WRITE));
        assertResult(Errno.EFAULT, space.madvise(at, 3 * PAGE, Mman.POPULATE_READ));
        assertEquals(1, fixture.frames());
        assertResult(Errno.ENOMEM, space.mlock(at, 3 * PAGE));
        assertEquals(1, fixture.frames());
        space.close();
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("POPULATE_READ and POPULATE_WRITE fault every page in, and fail as Linux's do")
    void populate() throws InterruptedException {
        SpaceFixture fixture = new SpaceFixture();
        long at = fixture.anonymous(8);
        assertEquals(0, fixture.space.madvise(at, 4 * PAGE, Mman.POPULATE_READ));
        assertEquals(4, fixture.mapped(at, 8));
        assertEquals(0, fixture.frames());
        assertEquals(0, fixture.space.madvise(at + 2 * PAGE, 4 * PAGE, Mman.POPULATE_WRITE));
        assertEquals(6, fixture.mapped(at, 8));
        assertEquals(4, fixture.frames());
        assertEquals(0, fixture.space.munmap(at + 6 * PAGE, PAGE));
        assertResult(Errno.ENOMEM, fixture.space.madvise(at + 5 * PAGE, 3 * PAGE, Mman.POPULATE_READ));
        assertEquals(0, fixture.space.mprotect(at, PAGE, READ));
        assertResult(Errno.EINVAL, fixture.space.madvise(at, PAGE, Mman.POPULATE_WRITE));
        MemoryFile file = fixture.file(1);
        long mapped = fixture.map(0, 3, RW, Mman.SHARED, file.open(), 0);
        assertResult(Errno.EFAULT, fixture.space.madvise(mapped, 3 * PAGE, Mman.POPULATE_READ));
        assertEquals(1, fixture.mapped(mapped, 3));
        file.close();
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("to populate without memory fails with ENOMEM, to lock with EAGAIN; MAP_POPULATE ignores the failure")
    void populateWithoutMemory() throws InterruptedException {
        SpaceFixture fixture = new SpaceFixture(4);
        long at = fixture.map(0, 8, RW, ANONYMOUS | Mman.POPULATE, null, 0);
        assertEquals(4, fixture.mapped(at, 8));
        assertResult(Errno.ENOMEM, fixture.space.madvise(at, 8 * PAGE, Mman.POPULATE_WRITE));
        assertResult(Errno.EAGAIN, fixture.space.mlock(at, 8 * PAGE));
        assertEquals(4, fixture.frames());
        assertEquals(0, fixture.space.munmap(at, 2 * PAGE));
        assertEquals(0, fixture.space.madvise(at + 4 * PAGE, 2 * PAGE, Mman.POPULATE_WRITE));
        assertEquals(4, fixture.frames());
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("locked memory is there at once, memory locked on fault is not, and a SIGBUS is ENOMEM")
    void locked() throws InterruptedException {
        SpaceFixture fixture = new SpaceFixture();
        long at = fixture.anonymous(4);
        assertEquals(0, fixture.space.mlock(at, 2 * PAGE));
        assertEquals(2, fixture.frames());
        assertEquals(0, fixture.space.mlock2(at + 2 * PAGE, 2 * PAGE, Mman.ONFAULT));
        assertEquals(2, fixture.frames());
        long readOnly = fixture.map(0, 2, READ, ANONYMOUS, null, 0);
        assertEquals(0, fixture.space.mlock(readOnly, 2 * PAGE));
        assertEquals(2, fixture.mapped(readOnly, 2));
        assertEquals(2, fixture.frames());
        long none = fixture.map(0, 1, 0, ANONYMOUS, null, 0);
        assertResult(Errno.ENOMEM, fixture.space.mlock(none, PAGE));
        MemoryFile file = fixture.file(1);
        long mapped = fixture.map(0, 2, READ, Mman.SHARED, file.open(), 0);
        assertResult(Errno.ENOMEM, fixture.space.mlock(mapped, 2 * PAGE));
        // As on Linux, the mapping stays locked, so DONTNEED is refused.
        assertResult(Errno.EINVAL, fixture.space.madvise(mapped, PAGE, Mman.DONTNEED));
        file.close();
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("what populates ends with EINTR if the backing asks for a retry")
    void populateInterrupted() throws InterruptedException {
        SpaceFixture fixture = new SpaceFixture();
        PagedFile file = new PagedFile(fixture, 2) {
            @Override
            public int fault(Backing.PageRequest request) {
                return -Fault.RETRY;
            }
        };
        long at = fixture.map(0, 2, RW, Mman.SHARED, file, 0);
        assertResult(Errno.EINTR, fixture.space.madvise(at, PAGE, Mman.POPULATE_READ));
        assertResult(Errno.EINTR, fixture.space.mlock(at, PAGE));
        assertResult(Errno.EINTR, fixture.space.read(at, new byte[1], 0, 1));
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("a child does not get DONTFORK mappings, and gets zeros in WIPEONFORK ones")
    void forked() throws InterruptedException {
        SpaceFixture fixture = new SpaceFixture();
        long at = stamped(fixture, 6);
        assertEquals(0, fixture.space.madvise(at, 2 * PAGE, Mman.DONTFORK));
        assertEquals(0, fixture.space.madvise(at + 2 * PAGE, 2 * PAGE, Mman.WIPEONFORK));
        try (AddressSpace child = fixture.space.fork()) {
            fixture.cpu.switchTo(child);
            assertFault(Fault.MAPERR, fixture.memory.load(at + PAGE, 8));
            assertEquals(0, fixture.load(at + 2 * PAGE));
            assertEquals(0x205, fixture.load(at + 5 * PAGE));
            fixture.store(at + 3 * PAGE, 1);
            fixture.cpu.switchTo(fixture.space);
        }
        for (int page = 0; page < 6; page++) {
            assertEquals(0x200 + page, fixture.load(at + page * PAGE));
        }
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("a move takes the pages along; with DONTUNMAP the old place stays mapped and empty")
    void moved() throws InterruptedException {
        SpaceFixture fixture = new SpaceFixture();
        long at = stamped(fixture, 3);
        int frame = Pte.frame(fixture.pte(at));
        long to = fixture.space.mremap(at, 3 * PAGE, 5 * PAGE, Mman.MAYMOVE | Mman.MREMAP_FIXED, 0x5000_0000L);
        assertEquals(0x5000_0000L, to);
        assertEquals(frame, Pte.frame(fixture.pte(to)));
        assertFault(Fault.MAPERR, fixture.memory.load(at, 8));
        for (int page = 0; page < 5; page++) {
            assertEquals(page < 3 ? 0x200 + page : 0, fixture.load(to + page * PAGE));
        }
        long next = fixture.space.mremap(to, 3 * PAGE, 3 * PAGE, Mman.MAYMOVE | Mman.DONTUNMAP, 0);
        assertFalse(Errno.isError(next));
        for (int page = 0; page < 3; page++) {
            assertEquals(0x200 + page, fixture.load(next + page * PAGE));
            assertFalse(fixture.isMapped(to + page * PAGE));
            assertEquals(0, fixture.load(to + page * PAGE));
        }
        fixture.store(to, 1);
        assertEquals(0x200, fixture.load(next));
        assertEquals(4, fixture.frames());
        // Shrinking a mapping frees pages.
        assertEquals(next, fixture.space.mremap(next, 3 * PAGE, PAGE, 0, 0));
        assertEquals(2, fixture.frames());
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("a moved file mapping has the same pages, private copies included, and a truncation finds them")
    void movedFile() throws InterruptedException {
        SpaceFixture fixture = new SpaceFixture();
        MemoryFile file = fixture.file(3);
        long at = fixture.map(0, 3, RW, Mman.PRIVATE, file.open(), 0);
        fixture.store(at + PAGE, 5);
        assertEquals(0x100, fixture.load(at));
        long to = fixture.space.mremap(at, 3 * PAGE, 3 * PAGE, Mman.MAYMOVE | Mman.MREMAP_FIXED, 0x5000_0000L);
        assertTrue(fixture.isMapped(to));
        assertEquals(0x100, fixture.load(to));
        assertEquals(5, fixture.load(to + PAGE));
        file.truncate(PAGE);
        assertFault(Fault.ADRERR, fixture.memory.load(to + PAGE, 8));
        assertEquals(0x100, fixture.load(to));
        file.close();
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("MAP_FIXED over a mapping replaces its pages, and frees them")
    void replaced() throws InterruptedException {
        SpaceFixture fixture = new SpaceFixture();
        long at = stamped(fixture, 3);
        fixture.map(at + PAGE, 1, RW, ANONYMOUS | Mman.FIXED, null, 0);
        assertEquals(2, fixture.frames());
        assertEquals(0x200, fixture.load(at));
        assertEquals(0, fixture.load(at + PAGE));
        assertEquals(0x202, fixture.load(at + 2 * PAGE));
        assertFault(Fault.NONE, fixture.memory.handleFault(at + PAGE, WRITE));
        fixture.closeEmpty();
    }
}
