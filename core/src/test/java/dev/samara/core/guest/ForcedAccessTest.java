// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.EXEC;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static dev.samara.core.fixture.SpaceFixture.assertResult;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Watchpoint;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.event.Registration;
import dev.samara.core.event.WatchpointFixture;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.ReadOnlyBufferException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@Timeout(value = 300, threadMode = Timeout.ThreadMode.SAME_THREAD)
@DisplayName("A forced access to a space")
final class ForcedAccessTest extends WatchpointFixture {
    private static final long NUMBER = 0x1122_3344_5566_7788L;
    private static final long OTHER = 0x0102_0304_0506_0708L;

    /** The first number in a file of the fixture. */
    private static final long STAMP = 0x100;

    private static ByteBuffer number(long number) {
        return ByteBuffer.allocateDirect(8).order(ByteOrder.LITTLE_ENDIAN).putLong(0, number);
    }

    private static long readForced(AddressSpace from, long address) {
        ByteBuffer target = number(-1);
        assertEquals(8, from.readForced(address, target));
        return target.getLong(0);
    }

    private static long read(AddressSpace from, long address) {
        ByteBuffer target = number(-1);
        assertEquals(8, from.read(address, target));
        return target.getLong(0);
    }

    private static long stored(MemoryFile file) {
        byte[] bytes = new byte[8];
        assertEquals(8, file.pread(bytes, 0, 8, 0));
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
    }

    /** What is mapped. */
    private enum Kind {
        PRIVATE_ANONYMOUS(Mman.PRIVATE | Mman.ANONYMOUS),
        SHARED_ANONYMOUS(Mman.SHARED | Mman.ANONYMOUS),
        PRIVATE_FILE(Mman.PRIVATE),
        PRIVATE_READ_ONLY_FILE(Mman.PRIVATE),
        SHARED_FILE(Mman.SHARED),
        SHARED_READ_ONLY_FILE(Mman.SHARED);

        private final int flags;

        Kind(int flags) {
            this.flags = flags;
        }

        private boolean isPrivate() {
            return (flags & Mman.PRIVATE) != 0;
        }

        private boolean isFile() {
            return (flags & Mman.ANONYMOUS) == 0;
        }

        private boolean mayHave(int rights) {
            return this != SHARED_READ_ONLY_FILE || (rights & WRITE) == 0;
        }

        private Backing open(MemoryFile file) {
            return this == PRIVATE_READ_ONLY_FILE || this == SHARED_READ_ONLY_FILE ? file.openReadOnly() : file.open();
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("reads any mapping, and writes a private one and one that may be written")
    void table(Kind kind) {
        for (int rights = 0; rights <= (READ | WRITE | EXEC); rights++) {
            if (kind.mayHave(rights)) {
                access(kind, rights, false);
                access(kind, rights, true);
            }
        }
    }

    private void access(Kind kind, int rights, boolean isTouched) {
        String message = kind + " with rights " + rights + (isTouched ? ", touched" : "");
        MemoryFile file = fixture.file(1);
        long page = fixture.map(0, 1, isTouched ? READ : rights, kind.flags, kind.isFile() ? kind.open(file) : null, 0);
        if (isTouched) {
            fixture.load(page);
            assertEquals(0, space.mprotect(page, PAGE, rights));
        }
        long before = kind.isFile() ? STAMP : 0;
        assertEquals(before, readForced(space, page), message);
        boolean writes = kind.isPrivate() || (rights & WRITE) != 0;
        ByteBuffer source = number(NUMBER);
        if (writes) {
            assertEquals(8, space.writeForced(page, source), message);
        } else {
            assertResult(Errno.EFAULT, space.writeForced(page, source));
            assertEquals(0, source.position());
        }
        assertEquals(writes ? NUMBER : before, readForced(space, page), message);
        assertFalse((rights & WRITE) == 0 && Pte.has(fixture.pte(page), Pte.WRITE), message);
        if ((rights & WRITE) == 0) {
            assertFault(Fault.ACCERR, memory.store(page, 8, 1));
        }
        if (rights == 0) {
            assertFault(Fault.ACCERR, memory.load(page, 8));
        }
        assertEquals(kind == Kind.SHARED_FILE && writes ? NUMBER : STAMP, stored(file), message);
        assertEquals(0, space.mprotect(page, PAGE, READ));
        assertEquals(writes ? NUMBER : before, fixture.load(page), message);
        assertEquals(0, space.munmap(page, PAGE));
        file.close();
    }

    @Test
    @DisplayName("is EFAULT at a guard, in a hole and beyond the end of a file, and has a count before them")
    void nothingThere() {
        MemoryFile file = fixture.file(1);
        long beyond = fixture.map(0, 2, 0, Mman.PRIVATE, file.open(), 0) + PAGE;
        long guard = fixture.map(0, 2, 0, ANONYMOUS, null, 0) + PAGE;
        assertEquals(0, space.madvise(guard, PAGE, Mman.GUARD_INSTALL));
        long hole = fixture.map(0, 2, 0, ANONYMOUS, null, 0) + PAGE;
        assertEquals(0, space.munmap(hole, PAGE));
        byte[] bytes = new byte[(int) PAGE];
        for (long address : List.of(beyond, guard, hole)) {
            assertResult(Errno.EFAULT, space.readForced(address, number(0)));
            assertResult(Errno.EFAULT, space.writeForced(address, number(0)));
            assertEquals(100, space.readForced(address - 100, bytes, 0, 200));
            assertEquals(100, space.writeForced(address - 100, bytes, 0, 200));
        }
        assertEquals(0, space.munmap(beyond - PAGE, 2 * PAGE));
        file.close();
    }

    @Test
    @DisplayName("is refused as one that is not forced is")
    void refused() {
        ByteBuffer readOnly = number(0).asReadOnlyBuffer();
        assertThrows(ReadOnlyBufferException.class, () -> space.readForced(at, readOnly));
        assertThrows(IndexOutOfBoundsException.class, () -> space.readForced(at, new byte[8], 1, 8));
        assertEquals(8, space.writeForced(at, readOnly));
        cpu.enterGuest();
        assertThrows(IllegalStateException.class, () -> space.readForced(at, number(0)));
        assertThrows(IllegalStateException.class, () -> space.writeForced(at, number(0)));
        cpu.leaveGuest();
    }

    @Test
    @DisplayName("of a locked mapping leaves its page in memory, and in a stack's guard grows the stack")
    void lockedAndGrowing() {
        long locked = fixture.map(0, 1, READ, ANONYMOUS, null, 0);
        assertEquals(0, space.mlock(locked, PAGE));
        assertEquals(8, space.writeForced(locked, number(NUMBER)));
        assertTrue(fixture.isMapped(locked));
        assertEquals(NUMBER, fixture.load(locked));
        long stack = fixture.map(0, 512, RW, ANONYMOUS, null, 0);
        assertEquals(0, space.munmap(stack, 512 * PAGE));
        long top = fixture.map(stack + 511 * PAGE, 1, RW, ANONYMOUS | Mman.FIXED | Mman.GROWSDOWN, null, 0);
        assertEquals(0, readForced(space, top - PAGE));
    }

    @Test
    @DisplayName("copies the page once: a write after mprotect makes no second copy, and is reported as dirty")
    void laterWrite() {
        long page = fixture.map(0, 1, READ, ANONYMOUS, null, 0);
        assertEquals(0, fixture.load(page));
        assertEquals(8, space.writeForced(page, number(NUMBER)));
        long pte = fixture.pte(page);
        assertTrue(Pte.has(pte, Pte.PRESENT | Pte.OWN | Pte.EXCLUSIVE | Pte.DIRTY | Pte.READ), () -> Pte.toString(pte));
        List<Long> dirty = new ArrayList<>();
        assertEquals(1, space.collectDirty(page, PAGE, dirty::add));
        assertEquals(8, space.writeForced(page, number(OTHER)));
        assertEquals(1, space.collectDirty(page, PAGE, dirty::add));
        assertEquals(List.of(page, page), dirty);
        assertEquals(0, space.mprotect(page, PAGE, RW));
        long frames = fixture.frames();
        fixture.store(page, 5);
        assertEquals(Pte.frame(pte), Pte.frame(fixture.pte(page)));
        assertEquals(frames, fixture.frames());
    }

    @Test
    @DisplayName("copies a page that another space has after a fork")
    void afterFork() {
        long page = fixture.map(0, 1, READ, ANONYMOUS, null, 0);
        assertEquals(8, space.writeForced(page, number(1)));
        try (AddressSpace child = space.fork()) {
            assertEquals(8, space.writeForced(page, number(2)));
            assertEquals(1, read(child, page));
            assertEquals(8, child.writeForced(page, number(3)));
            assertEquals(2, fixture.load(page));
            assertEquals(3, read(child, page));
        }
    }

    @Test
    @DisplayName("tells flush listeners of a page that it copies, as a store does, and notifiers of none")
    @SuppressWarnings("try") // used only for its close
    void listeners() {
        fixture.store(at, 1);
        assertEquals(0, space.mprotect(at, PAGE, READ));
        AddressSpace child = space.fork();
        fixture.load(at);
        List<String> heard = new ArrayList<>();
        try (Registration flushes = fixture.cpu.onFlush((start, end, reason, generation) -> heard.add("flush"));
                Registration notifies = space.addNotifier((start, end, reason) -> heard.add("notify"));
                Watchpoint watch = space.watch(at, 4, (address, length) -> heard.add("written"))) {
            // The watchpoint removed the right to write from the page.
            fixture.load(at);
            heard.clear();
            assertEquals(8, space.writeForced(at, number(2)));
            assertEquals(2, fixture.load(at));
            assertEquals(List.of("written", "flush"), heard, "the page is shared with the child, and copied");
            heard.clear();
            assertEquals(8, space.writeForced(at, number(3)));
            assertEquals(3, fixture.load(at));
            assertEquals(List.of("written"), heard, "no translation is dropped");
            assertEquals(0, space.mprotect(at, PAGE, RW));
            fixture.load(at);
            heard.clear();
            fixture.store(at, 4);
            assertEquals(List.of("written"), heard, "nor by a store");
        }
        child.close();
    }

    @Test
    @DisplayName("tells the watchers of the page")
    @SuppressWarnings("try") // used only for its close
    void watched() {
        assertEquals(0, space.mprotect(at, PAGE, READ));
        try (Watchpoint watch = space.watch(at, 4, as("w"))) {
            assertEquals(8, space.writeForced(at, number(3)));
            assertTold("w 0 8");
            assertEquals(8, space.writeForced(at + 8, number(3)));
            assertTold();
        }
    }
}
