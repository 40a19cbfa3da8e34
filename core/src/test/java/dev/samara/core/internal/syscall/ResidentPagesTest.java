// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static dev.samara.core.mman.Mman.ANONYMOUS;
import static dev.samara.core.mman.Mman.FIXED;
import static dev.samara.core.mman.Mman.PRIVATE;
import static dev.samara.core.mman.Mman.READ;
import static dev.samara.core.mman.Mman.SHARED;
import static dev.samara.core.mman.Mman.WRITE;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.SharedSegment;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** {@code mincore}, and System V memory, which two spaces attach. */
final class ResidentPagesTest {
    private static final Geometry GEOMETRY = Geometry.LINUX_X86_64;
    private static final long PAGE = 4096;

    private final Machine machine =
            Machine.builder().memory(1 << 24).poisonFrames(true).build();
    private final AddressSpace space = machine.newSpace(GEOMETRY);

    private byte[] look(long address, int pages) {
        byte[] vector = new byte[pages];
        assertEquals(0, space.mincore(address, pages * PAGE, vector));
        return vector;
    }

    @Test
    @DisplayName("anonymous memory: the pages that there are")
    void anonymous() {
        long at = space.mmap(0, 4 * PAGE, READ | WRITE, PRIVATE | ANONYMOUS, null, 0);
        assertArrayEquals(new byte[] {0, 0, 0, 0}, look(at, 4));
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            assertEquals(Fault.NONE, cpu.memory().store(at + PAGE, 1, 7));
        }
        assertArrayEquals(new byte[] {0, 1, 0, 0}, look(at, 4));
        assertEquals(0, space.madvise(at, 4 * PAGE, Mman.DONTNEED));
        assertArrayEquals(new byte[] {0, 0, 0, 0}, look(at, 4));
    }

    @Test
    @DisplayName("a file: what its page cache has, mapped or not")
    void file() {
        MemoryFile file = machine.newFile("/memfd:f", 1, GEOMETRY, 4 * PAGE);
        file.pwrite(new byte[] {1}, 0, 1, 2 * PAGE);
        long at = space.mmap(0, 4 * PAGE, READ, PRIVATE, file.open(), 0);
        assertArrayEquals(new byte[] {0, 0, 1, 0}, look(at, 4));
        file.close();
        assertArrayEquals(new byte[] {0, 0, 0, 0}, look(at, 4));
    }

    @Test
    @DisplayName("a guard leaves a page of a file in memory, and takes an anonymous page")
    void guarded() {
        MemoryFile file = machine.newFile("/memfd:g", 1, GEOMETRY, 4 * PAGE);
        file.pwrite(new byte[] {1}, 0, 1, PAGE);
        file.pwrite(new byte[] {1}, 0, 1, 2 * PAGE);
        for (int type : new int[] {PRIVATE, SHARED}) {
            long at = space.mmap(0, 4 * PAGE, READ | WRITE, type, file.open(), 0);
            assertEquals(0, space.madvise(at, 2 * PAGE, Mman.GUARD_INSTALL));
            assertArrayEquals(new byte[] {0, 1, 1, 0}, look(at, 4));
        }
        long shared = touchedAndGuarded(SHARED);
        assertArrayEquals(new byte[] {1, 1}, look(shared, 2));
        long alone = touchedAndGuarded(PRIVATE);
        assertArrayEquals(new byte[] {0, 1}, look(alone, 2));
    }

    /** Maps two anonymous pages, writes both, and puts a guard over the first one. */
    private long touchedAndGuarded(int type) {
        long at = space.mmap(0, 2 * PAGE, READ | WRITE, type | ANONYMOUS, null, 0);
        assertEquals(0, space.madvise(at, 2 * PAGE, Mman.POPULATE_WRITE));
        assertEquals(0, space.madvise(at, PAGE, Mman.GUARD_INSTALL));
        return at;
    }

    @Test
    @DisplayName(
            "errors: EINVAL for an address within a page, ENOMEM for a hole and beyond the limit, EFAULT for a short"
                    + " vector")
    void errors() {
        long at = space.mmap(0, 2 * PAGE, READ | WRITE, PRIVATE | ANONYMOUS, null, 0);
        assertEquals(0, space.munmap(at + PAGE, PAGE));
        byte[] vector = {9, 9, 9, 9};
        assertEquals(Errno.EINVAL.result(), space.mincore(at + 1, PAGE, vector));
        assertEquals(Errno.ENOMEM.result(), space.mincore(at, 2 * PAGE, vector));
        assertEquals(0, vector[0], "before the hole");
        assertEquals(9, vector[1]);
        assertEquals(Errno.ENOMEM.result(), space.mincore(0, -1, vector));
        assertEquals(Errno.ENOMEM.result(), space.mincore(-PAGE, PAGE, vector));
        assertEquals(Errno.EFAULT.result(), space.mincore(at, 5 * PAGE, vector));
        assertEquals(0, space.mincore(at, 0, vector));
        assertEquals(0, space.mincore(at, 1, vector), "part of a page is a page");
    }

    @Test
    @DisplayName("a System V segment is the same memory in two spaces, until it is removed")
    void segment() {
        SharedSegment segment = new SharedSegment(3, 5, 2 * PAGE, machine.newPageCache(GEOMETRY, 2 * PAGE));
        AddressSpace other = machine.newSpace(GEOMETRY);
        long at = space.shmat(segment, 0, 0);
        long there = other.shmat(segment, 0, 0);
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            assertEquals(Fault.NONE, cpu.memory().store(at + PAGE, 8, 42));
            cpu.switchTo(other);
            assertEquals(Fault.NONE, cpu.memory().load(there + PAGE, 8));
            assertEquals(42, cpu.memory().value());
            segment.remove();
            assertEquals(Fault.ADRERR, cpu.memory().load(there + PAGE, 8));
        }
        space.close();
        other.close();
        assertEquals(0, machine.statistics().framesInUse());
    }

    @Test
    @DisplayName("a segment without memory is a SIGBUS")
    void segmentWithoutMemory() {
        long at = space.shmat(new SharedSegment(3, 5, PAGE), 0, 0);
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            assertEquals(Fault.ADRERR, cpu.memory().load(at, 1));
        }
        assertEquals(at, space.mmap(at, PAGE, READ, SHARED | ANONYMOUS | FIXED, null, 0));
    }
}
