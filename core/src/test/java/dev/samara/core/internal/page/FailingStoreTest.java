// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.Geometry;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** If a call of a frame store throws within a fault or a fork, the caller gets the exception, and no frame is lost. */
final class FailingStoreTest {
    private static final long A = 0x10_0000_0000L;
    private static final long B = 0x20_0000_0000L;
    private static final long PAGE = 4096;
    private static final int RW = Protection.READ | Protection.WRITE;
    private static final int FIXED = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED;

    private final FailingStore failing = new FailingStore(new DirectFrames(12, 10, 1 << 8));
    private final Machine machine = Machine.builder()
            .memory((1 << 8) * PAGE)
            .frameStore((pageShift, frames) -> failing.store())
            .build();
    private final AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);

    private void map() {
        assertEquals(A, space.mmap(A, 2 * PAGE, RW, FIXED, null, 0));
    }

    private void populate(long at, int access) {
        assertEquals(0, space.madvise(at, PAGE, access));
    }

    /**
     * Makes the first call fail, then the second one, and so on until the action succeeds. After each failure, the
     * action must be repeatable.
     */
    private void failEach(String method, int least, Runnable before, Runnable action) {
        int failed = 0;
        for (; ; failed++) {
            before.run();
            failing.fail(method, failed);
            if (isDone(action)) {
                break;
            }
            assertTrue(failing.isOver());
        }
        failing.fail("", 0);
        assertTrue(failed >= least, failed + " calls have failed");
    }

    private static boolean isDone(Runnable action) {
        try {
            action.run();
            return true;
        } catch (FailingStore.Failure expected) {
            return false;
        }
    }

    @AfterEach
    @DisplayName("nothing is left")
    void nothingIsLeft() throws InterruptedException {
        space.close();
        machine.awaitQuiescence();
        assertEquals(0, machine.statistics().framesInUse());
        // Would fail if a reader section had been left open.
        try (AddressSpace other = machine.newSpace(Geometry.LINUX_X86_64)) {
            assertEquals(A, other.mmap(A, PAGE, RW, MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED, null, 0));
            assertEquals(0, other.munmap(A, PAGE));
        }
    }

    @Test
    @DisplayName("a page written to for the first time")
    void pageMkwrite() {
        map();
        failEach("fill", 1, () -> space.madvise(A, PAGE, Advice.DONTNEED), () -> populate(A, Advice.POPULATE_WRITE));
    }

    @Test
    @DisplayName("the zero page: the next fault makes it")
    void pageOfZeros() {
        map();
        failing.fail("fill", 0);
        assertThrows(FailingStore.Failure.class, () -> populate(A, Advice.POPULATE_READ));
        populate(A, Advice.POPULATE_READ);
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            assertEquals(Fault.NONE, cpu.memory().load(A, 8));
            assertEquals(0, cpu.memory().value());
        }
    }

    @Test
    @DisplayName("making frames")
    void extend() {
        map();
        failEach("extend", 1, () -> {}, () -> populate(A, Advice.POPULATE_WRITE));
    }

    @Test
    @DisplayName("copy-on-write")
    void copyOnWrite() {
        map();
        populate(A, Advice.POPULATE_WRITE);
        AddressSpace child = space.fork();
        failEach("copy", 1, () -> {}, () -> populate(A, Advice.POPULATE_WRITE));
        child.close();
    }

    @Test
    @DisplayName("a private copy of a page of a file")
    void copyOfAFile() {
        MemoryFile file = new MemoryFile("file", 1, machine.newPageCache(Geometry.LINUX_X86_64, PAGE));
        assertEquals(1, file.pwrite(new byte[] {1}, 0, 1, 0));
        assertEquals(B, space.mmap(B, PAGE, RW, MapFlags.PRIVATE | MapFlags.FIXED, file.open(), 0));
        failEach("copy", 1, () -> {}, () -> populate(B, Advice.POPULATE_WRITE));
        assertEquals(0, file.truncate(0));
    }

    @Test
    @DisplayName("a fork that copies a pinned page: the parent goes on, and waits for no copy")
    void pinned() {
        map();
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            assertEquals(Fault.NONE, cpu.memory().store(A, 8, 1));
            assertEquals(Fault.NONE, cpu.memory().store(A + PAGE, 8, 1));
            PinnedFrame pinned = SpaceFixture.pin(cpu.memory(), A + PAGE, Protection.WRITE);
            failEach("copy", 1, () -> {}, () -> space.fork().close());
            assertEquals(0, space.munmap(A, 2 * PAGE));
            pinned.close();
        }
    }

    @Test
    @DisplayName("a write behind the end of a file: the file is as large as before, and zeros are there when it grows")
    void writeBehindTheEnd() {
        MemoryFile file = machine.newFile("file", 1, Geometry.LINUX_X86_64, 0);
        assertEquals(1, file.pwrite(new byte[] {1}, 0, 1, 0));
        byte[] bytes = {2, 2};
        for (long offset : new long[] {1, PAGE, 600 * PAGE}) {
            failing.failAfter("write");
            assertThrows(FailingStore.Failure.class, () -> file.pwrite(bytes, 0, 2, offset));
            assertTrue(failing.isOver());
            assertEquals(1, file.size());
        }
        assertEquals(0, file.truncate(3));
        byte[] read = {9, 9, 9};
        assertEquals(3, file.pread(read, 0, 3, 0));
        assertArrayEquals(new byte[] {1, 0, 0}, read);
        assertEquals(2, file.pwrite(bytes, 0, 2, 600 * PAGE));
        assertEquals(2, machine.statistics().framesInUse());
        assertEquals(0, file.truncate(0));
    }
}
