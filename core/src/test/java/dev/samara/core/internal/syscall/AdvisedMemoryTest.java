// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static dev.samara.core.Rig.ANONYMOUS;
import static dev.samara.core.Rig.PAGE;
import static dev.samara.core.Rig.READ;
import static dev.samara.core.Rig.RW;
import static dev.samara.core.Rig.WRITE;
import static dev.samara.core.Rig.assertFault;
import static dev.samara.core.Rig.assertResult;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.PagedFile;
import dev.samara.core.Rig;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Capability;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.LockFlags;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.RemapFlags;
import dev.samara.core.vma.PageRequest;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
@DisplayName("Pages that advice, locking and forking speak of")
final class AdvisedMemoryTest {
    private static long stamped(Rig rig, int pages) {
        long at = rig.anonymous(pages);
        for (int page = 0; page < pages; page++) {
            rig.store(at + page * PAGE, 0x200 + page);
        }
        return at;
    }

    @Test
    @DisplayName("DONTNEED loses private pages, and their frames are free; those of a file come back from it")
    void dontNeed() throws InterruptedException {
        Rig rig = new Rig();
        long at = stamped(rig, 5);
        assertEquals(0, rig.space.madvise(at + PAGE, 3 * PAGE, Advice.DONTNEED));
        assertEquals(2, rig.frames());
        long[] expected = {0x200, 0, 0, 0, 0x204};
        for (int page = 0; page < 5; page++) {
            assertEquals(expected[page], rig.load(at + page * PAGE));
        }
        MemoryFile file = rig.file(2);
        long copy = rig.map(0, 2, RW, MapFlags.PRIVATE, file.open(), 0);
        long shared = rig.map(0, 2, RW, MapFlags.SHARED, file.open(), 0);
        rig.store(copy, 1);
        rig.store(shared + PAGE, 2);
        assertEquals(0, rig.space.madvise(copy, 2 * PAGE, Advice.DONTNEED));
        assertEquals(0, rig.space.madvise(shared, 2 * PAGE, Advice.DONTNEED));
        assertEquals(0x100, rig.load(copy));
        assertEquals(2, rig.load(shared + PAGE));
        file.close();
        rig.closeEmpty();
    }

    @Test
    @DisplayName("FREE, COLD and PAGEOUT change no content")
    void freeAndCold() throws InterruptedException {
        Rig rig = new Rig();
        long at = stamped(rig, 3);
        for (int advice : new int[] {Advice.FREE, Advice.COLD, Advice.PAGEOUT, Advice.WILLNEED}) {
            assertEquals(0, rig.space.madvise(at, 3 * PAGE, advice));
            for (int page = 0; page < 3; page++) {
                assertEquals(0x200 + page, rig.load(at + page * PAGE));
            }
        }
        rig.store(at, 1);
        assertEquals(1, rig.load(at));
        rig.closeEmpty();
    }

    @Test
    @DisplayName("REMOVE makes a hole in a file for everybody, but private copies stay")
    void remove() throws InterruptedException {
        Rig rig = new Rig();
        MemoryFile file = rig.file(4);
        long shared = rig.map(0, 4, RW, MapFlags.SHARED, file.open(), 0);
        long other = rig.map(0, 4, READ, MapFlags.SHARED, file.open(), 0);
        long copy = rig.map(0, 4, RW, MapFlags.PRIVATE, file.open(), 0);
        for (int page = 0; page < 4; page++) {
            rig.load(shared + page * PAGE);
            rig.load(other + page * PAGE);
        }
        rig.store(copy + PAGE, 9);
        assertEquals(0x102, rig.load(copy + 2 * PAGE));
        assertEquals(0, rig.space.madvise(shared + PAGE, 2 * PAGE, Advice.REMOVE));
        for (long at : new long[] {shared, other}) {
            assertEquals(0x100, rig.load(at));
            assertEquals(0, rig.load(at + PAGE));
            assertEquals(0, rig.load(at + 2 * PAGE));
            assertEquals(0x103, rig.load(at + 3 * PAGE));
        }
        assertEquals(9, rig.load(copy + PAGE));
        assertEquals(0, rig.load(copy + 2 * PAGE));
        assertEquals(4 * PAGE, file.size());
        assertResult(Errno.EINVAL, rig.space.madvise(rig.anonymous(1), PAGE, Advice.REMOVE));
        assertResult(Errno.EACCES, rig.space.madvise(copy, PAGE, Advice.REMOVE));
        file.close();
        rig.closeEmpty();
    }

    @Test
    @DisplayName("REMOVE is EOPNOTSUPP for a file that is read again from elsewhere, and all its pages stay")
    void removeWherePagesAreReadAgain() throws InterruptedException {
        Rig rig = new Rig();
        PagedFile file = new PagedFile(rig, 3);
        long shared = rig.map(0, 3, RW, MapFlags.SHARED, file, 0);
        for (int page = 0; page < 3; page++) {
            assertEquals(PagedFile.STAMP + page, rig.load(shared + page * PAGE));
        }
        rig.store(shared + PAGE, 9);
        assertResult(Errno.EOPNOTSUPP, rig.space.madvise(shared, 3 * PAGE, Advice.REMOVE));
        assertEquals(9, rig.load(shared + PAGE));
        assertEquals(3, file.reads.get(), "nothing was dropped");
        // What comes before that in Linux's order.
        long copy = rig.map(0, 3, RW, MapFlags.PRIVATE, file, 0);
        assertResult(Errno.EACCES, rig.space.madvise(copy, PAGE, Advice.REMOVE));
        assertEquals(0, rig.space.mlock(shared, PAGE));
        assertResult(Errno.EINVAL, rig.space.madvise(shared, PAGE, Advice.REMOVE));
        file.cache.truncate(0);
        rig.closeEmpty();
    }

    @Test
    @DisplayName("REMOVE stops at the first file without holes, and what lies before it has its hole")
    void removeStops() throws InterruptedException {
        Rig rig = new Rig();
        MemoryFile before = rig.file(1);
        PagedFile after = new PagedFile(rig, 1);
        long at = rig.map(0, 2, RW, MapFlags.SHARED, before.open(), 0);
        rig.map(at + PAGE, 1, RW, MapFlags.SHARED | MapFlags.FIXED, after, 0);
        assertEquals(0x100, rig.load(at));
        assertEquals(PagedFile.STAMP, rig.load(at + PAGE));
        assertResult(Errno.EOPNOTSUPP, rig.space.madvise(at, 2 * PAGE, Advice.REMOVE));
        assertEquals(0, rig.load(at));
        assertEquals(PagedFile.STAMP, rig.load(at + PAGE));
        assertEquals(1, after.reads.get());
        before.close();
        after.cache.truncate(0);
        rig.closeEmpty();
    }

    @Test
    @DisplayName("a guard is a SIGSEGV for every access, loses the page, and once removed there are zeros")
    void guards() throws InterruptedException {
        Rig rig = new Rig();
        long at = stamped(rig, 4);
        assertEquals(0, rig.space.madvise(at + PAGE, 2 * PAGE, Advice.GUARD_INSTALL));
        assertEquals(2, rig.frames());
        for (int access : new int[] {READ, WRITE}) {
            assertFault(Fault.MAPERR, rig.memory.handleFault(at + PAGE, access));
            assertFault(Fault.MAPERR, rig.memory.handleFault(at + 2 * PAGE + 5, access));
        }
        // Rights and DONTNEED do not remove it, and a child inherits it.
        assertEquals(0, rig.space.mprotect(at, 4 * PAGE, READ));
        assertEquals(0, rig.space.mprotect(at, 4 * PAGE, RW));
        assertEquals(0, rig.space.madvise(at, 4 * PAGE, Advice.DONTNEED));
        assertFault(Fault.MAPERR, rig.memory.load(at + PAGE, 8));
        assertEquals(0, rig.load(at));
        try (AddressSpace child = rig.space.fork()) {
            rig.cpu.load(child);
            assertFault(Fault.MAPERR, rig.memory.store(at + 2 * PAGE, 8, 1));
            rig.store(at + 3 * PAGE, 1);
            rig.cpu.load(rig.space);
        }
        assertEquals(0, rig.space.madvise(at + PAGE, PAGE, Advice.GUARD_REMOVE));
        assertEquals(0, rig.load(at + PAGE));
        assertFault(Fault.MAPERR, rig.memory.load(at + 2 * PAGE, 8));
        // To map anew does away with it.
        rig.map(at + 2 * PAGE, 1, RW, ANONYMOUS | MapFlags.FIXED, null, 0);
        assertEquals(0, rig.load(at + 2 * PAGE));
        rig.closeEmpty();
    }

    @Test
    @DisplayName("to populate or lock what has a guard fails, with EFAULT and ENOMEM, and what lies before it is there")
    void populatedGuard() throws InterruptedException {
        Rig rig = new Rig(Machine.builder().memory(1 << 20));
        AddressSpace space =
                rig.machine.space(Rig.GEOMETRY).grant(Capability.IPC_LOCK).build();
        rig.cpu.load(space);
        long at = space.mmap(0, 3 * PAGE, RW, ANONYMOUS, null, 0);
        assertEquals(0, space.madvise(at + PAGE, PAGE, Advice.GUARD_INSTALL));
        assertResult(Errno.EFAULT, space.madvise(at, 3 * PAGE, Advice.POPULATE_WRITE));
        assertResult(Errno.EFAULT, space.madvise(at, 3 * PAGE, Advice.POPULATE_READ));
        assertEquals(1, rig.frames());
        assertResult(Errno.ENOMEM, space.mlock(at, 3 * PAGE));
        assertEquals(1, rig.frames());
        space.close();
        rig.cpu.load(rig.space);
        rig.closeEmpty();
    }

    @Test
    @DisplayName("POPULATE_READ and POPULATE_WRITE fault every page in, and fail as Linux's do")
    void populate() throws InterruptedException {
        Rig rig = new Rig();
        long at = rig.anonymous(8);
        assertEquals(0, rig.space.madvise(at, 4 * PAGE, Advice.POPULATE_READ));
        assertEquals(4, rig.mapped(at, 8));
        assertEquals(0, rig.frames());
        assertEquals(0, rig.space.madvise(at + 2 * PAGE, 4 * PAGE, Advice.POPULATE_WRITE));
        assertEquals(6, rig.mapped(at, 8));
        assertEquals(4, rig.frames());
        assertEquals(0, rig.space.munmap(at + 6 * PAGE, PAGE));
        assertResult(Errno.ENOMEM, rig.space.madvise(at + 5 * PAGE, 3 * PAGE, Advice.POPULATE_READ));
        assertEquals(0, rig.space.mprotect(at, PAGE, READ));
        assertResult(Errno.EINVAL, rig.space.madvise(at, PAGE, Advice.POPULATE_WRITE));
        MemoryFile file = rig.file(1);
        long mapped = rig.map(0, 3, RW, MapFlags.SHARED, file.open(), 0);
        assertResult(Errno.EFAULT, rig.space.madvise(mapped, 3 * PAGE, Advice.POPULATE_READ));
        assertEquals(1, rig.mapped(mapped, 3));
        file.close();
        rig.closeEmpty();
    }

    @Test
    @DisplayName("to populate without memory fails with ENOMEM, to lock with EAGAIN; MAP_POPULATE does what it can")
    void populateWithoutMemory() throws InterruptedException {
        Rig rig = new Rig(4);
        long at = rig.map(0, 8, RW, ANONYMOUS | MapFlags.POPULATE, null, 0);
        assertEquals(4, rig.mapped(at, 8));
        assertResult(Errno.ENOMEM, rig.space.madvise(at, 8 * PAGE, Advice.POPULATE_WRITE));
        assertResult(Errno.EAGAIN, rig.space.mlock(at, 8 * PAGE));
        assertEquals(4, rig.frames());
        assertEquals(0, rig.space.munmap(at, 2 * PAGE));
        assertEquals(0, rig.space.madvise(at + 4 * PAGE, 2 * PAGE, Advice.POPULATE_WRITE));
        assertEquals(4, rig.frames());
        rig.closeEmpty();
    }

    @Test
    @DisplayName("locked memory is there at once, what is locked on fault is not, and a SIGBUS is ENOMEM")
    void locked() throws InterruptedException {
        Rig rig = new Rig();
        long at = rig.anonymous(4);
        assertEquals(0, rig.space.mlock(at, 2 * PAGE));
        assertEquals(2, rig.frames());
        assertEquals(0, rig.space.mlock2(at + 2 * PAGE, 2 * PAGE, LockFlags.ONFAULT));
        assertEquals(2, rig.frames());
        long readOnly = rig.map(0, 2, READ, ANONYMOUS, null, 0);
        assertEquals(0, rig.space.mlock(readOnly, 2 * PAGE));
        assertEquals(2, rig.mapped(readOnly, 2));
        assertEquals(2, rig.frames());
        long none = rig.map(0, 1, 0, ANONYMOUS, null, 0);
        assertResult(Errno.ENOMEM, rig.space.mlock(none, PAGE));
        MemoryFile file = rig.file(1);
        long mapped = rig.map(0, 2, READ, MapFlags.SHARED, file.open(), 0);
        assertResult(Errno.ENOMEM, rig.space.mlock(mapped, 2 * PAGE));
        // It stays locked, as on Linux: DONTNEED is refused.
        assertResult(Errno.EINVAL, rig.space.madvise(mapped, PAGE, Advice.DONTNEED));
        file.close();
        rig.closeEmpty();
    }

    @Test
    @DisplayName("what populates while its thread is interrupted in a wait ends with EINTR")
    void populateInterrupted() throws InterruptedException {
        Rig rig = new Rig();
        PagedFile file = new PagedFile(rig, 2) {
            @Override
            public int fault(PageRequest request) {
                return -Fault.RETRY;
            }
        };
        long at = rig.map(0, 2, RW, MapFlags.SHARED, file, 0);
        assertResult(Errno.EINTR, rig.space.madvise(at, PAGE, Advice.POPULATE_READ));
        assertResult(Errno.EINTR, rig.space.mlock(at, PAGE));
        rig.closeEmpty();
    }

    @Test
    @DisplayName("a child does not get what is marked DONTFORK, and gets zeros where WIPEONFORK is")
    void forked() throws InterruptedException {
        Rig rig = new Rig();
        long at = stamped(rig, 6);
        assertEquals(0, rig.space.madvise(at, 2 * PAGE, Advice.DONTFORK));
        assertEquals(0, rig.space.madvise(at + 2 * PAGE, 2 * PAGE, Advice.WIPEONFORK));
        try (AddressSpace child = rig.space.fork()) {
            rig.cpu.load(child);
            assertFault(Fault.MAPERR, rig.memory.load(at + PAGE, 8));
            assertEquals(0, rig.load(at + 2 * PAGE));
            assertEquals(0x205, rig.load(at + 5 * PAGE));
            rig.store(at + 3 * PAGE, 1);
            rig.cpu.load(rig.space);
        }
        for (int page = 0; page < 6; page++) {
            assertEquals(0x200 + page, rig.load(at + page * PAGE));
        }
        rig.closeEmpty();
    }

    @Test
    @DisplayName("a move takes the pages along; with DONTUNMAP the old place stays mapped and empty")
    void moved() throws InterruptedException {
        Rig rig = new Rig();
        long at = stamped(rig, 3);
        int frame = Pte.frame(rig.pte(at));
        long to = rig.space.mremap(at, 3 * PAGE, 5 * PAGE, RemapFlags.MAYMOVE | RemapFlags.FIXED, 0x5000_0000L);
        assertEquals(0x5000_0000L, to);
        assertEquals(frame, Pte.frame(rig.pte(to)));
        assertFault(Fault.MAPERR, rig.memory.load(at, 8));
        for (int page = 0; page < 5; page++) {
            assertEquals(page < 3 ? 0x200 + page : 0, rig.load(to + page * PAGE));
        }
        long next = rig.space.mremap(to, 3 * PAGE, 3 * PAGE, RemapFlags.MAYMOVE | RemapFlags.DONTUNMAP, 0);
        assertFalse(Errno.isError(next));
        for (int page = 0; page < 3; page++) {
            assertEquals(0x200 + page, rig.load(next + page * PAGE));
            assertFalse(rig.isMapped(to + page * PAGE));
            assertEquals(0, rig.load(to + page * PAGE));
        }
        rig.store(to, 1);
        assertEquals(0x200, rig.load(next));
        assertEquals(4, rig.frames());
        // What shrinks gives its pages back.
        assertEquals(next, rig.space.mremap(next, 3 * PAGE, PAGE, 0, 0));
        assertEquals(2, rig.frames());
        rig.closeEmpty();
    }

    @Test
    @DisplayName("a moved file mapping has the same pages, private copies included, and a truncation finds them")
    void movedFile() throws InterruptedException {
        Rig rig = new Rig();
        MemoryFile file = rig.file(3);
        long at = rig.map(0, 3, RW, MapFlags.PRIVATE, file.open(), 0);
        rig.store(at + PAGE, 5);
        assertEquals(0x100, rig.load(at));
        long to = rig.space.mremap(at, 3 * PAGE, 3 * PAGE, RemapFlags.MAYMOVE | RemapFlags.FIXED, 0x5000_0000L);
        assertTrue(rig.isMapped(to));
        assertEquals(0x100, rig.load(to));
        assertEquals(5, rig.load(to + PAGE));
        file.truncate(PAGE);
        assertFault(Fault.ADRERR, rig.memory.load(to + PAGE, 8));
        assertEquals(0x100, rig.load(to));
        file.close();
        rig.closeEmpty();
    }

    @Test
    @DisplayName("MAP_FIXED over a mapping replaces its pages, and frees them")
    void replaced() throws InterruptedException {
        Rig rig = new Rig();
        long at = stamped(rig, 3);
        rig.map(at + PAGE, 1, RW, ANONYMOUS | MapFlags.FIXED, null, 0);
        assertEquals(2, rig.frames());
        assertEquals(0x200, rig.load(at));
        assertEquals(0, rig.load(at + PAGE));
        assertEquals(0x202, rig.load(at + 2 * PAGE));
        assertFault(Fault.MINOR, rig.memory.handleFault(at + PAGE, WRITE));
        rig.closeEmpty();
    }
}
