// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Calls in a space of nearly 2^64 addresses, half of which are negative numbers. */
@ExtendWith(OneThread.class)
@DisplayName("In a space of all 64 bits")
final class FullSpaceTest {
    private static final Geometry GEOMETRY = Geometry.flat(64);
    private static final long PAGE = GEOMETRY.pageSize();
    private static final long LIMIT = GEOMETRY.limit();

    /** The first address that is a negative number. */
    private static final long HALF = 1L << 63;

    private static final int FIXED = ANONYMOUS | Mman.FIXED;

    private final Machine machine = Machine.builder().memory(8 << 20).build();
    private final AddressSpace space = machine.newSpace(GEOMETRY);
    private final Cpu cpu = machine.claimCpu();

    FullSpaceTest() {
        cpu.switchTo(space);
    }

    @AfterEach
    void close() {
        space.validate();
        cpu.close();
        space.close();
    }

    private void map(long address, long length) {
        assertEquals(address, space.mmap(address, length, RW, FIXED | Mman.NORESERVE, null, 0));
    }

    private void store(long address, long number) {
        SpaceFixture.assertFault(Fault.NONE, cpu.memory().store(address, 8, number));
    }

    private long load(long address) {
        SpaceFixture.assertFault(Fault.NONE, cpu.memory().load(address, 8));
        return cpu.memory().value();
    }

    @Test
    @DisplayName("the first and the last page are mapped, and nothing beyond the limit")
    void bounds() {
        map(0, PAGE);
        map(LIMIT - PAGE, PAGE);
        store(0, 1);
        store(LIMIT - 8, 2);
        assertEquals(1, load(0));
        assertEquals(2, load(LIMIT - 8));
        SpaceFixture.assertFault(Fault.MAPERR, cpu.memory().load(LIMIT - 4, 8));
        SpaceFixture.assertFault(Fault.MAPERR, cpu.memory().load(-8, 8));
        SpaceFixture.assertFault(Fault.MAPERR, cpu.memory().store(-4, 8, 1));
        for (long address : new long[] {LIMIT, -PAGE}) {
            assertEquals(Errno.ENOMEM.result(), space.mmap(address, PAGE, RW, FIXED, null, 0));
        }
        assertEquals(Errno.ENOMEM.result(), space.mmap(LIMIT - PAGE, 2 * PAGE, RW, FIXED, null, 0));
        assertEquals(Errno.EINVAL.result(), space.munmap(LIMIT, PAGE));
        List<String> maps = space.snapshot().maps();
        assertTrue(maps.get(1).startsWith("ffffffffffdff000-ffffffffffe00000 "), maps::toString);
    }

    @Test
    @DisplayName("mappings are placed below the base, which is a negative number, and found in unsigned order")
    void placement() {
        long base = GEOMETRY.mmapBase(8L << 20, 256 * PAGE);
        assertEquals(LIMIT - (128L << 20), base);
        assertEquals(base - PAGE, space.mmap(0, PAGE, RW, ANONYMOUS, null, 0));
        assertEquals(base - 3 * PAGE, space.mmap(0, 2 * PAGE, READ, ANONYMOUS, null, 0));
        assertEquals(HALF - PAGE, space.mmap(HALF - PAGE, 2 * PAGE, RW, ANONYMOUS, null, 0));
        assertEquals(base - 5 * PAGE, space.mmap(HALF, 2 * PAGE, RW, ANONYMOUS, null, 0), "the hint is not free");
        Vma first = space.findNext(0);
        assertNotNull(first);
        assertEquals(HALF - PAGE, first.start());
        assertEquals(0, space.munmap(base - 3 * PAGE, 2 * PAGE));
        assertEquals(base - 3 * PAGE, space.mmap(0, 2 * PAGE, READ, ANONYMOUS, null, 0), "the hole");
        assertEquals(
                Errno.ENOMEM.result(),
                space.mmap(0, LIMIT - PAGE, RW, ANONYMOUS | Mman.NORESERVE, null, 0),
                "no hole is so large");
        AddressSpace upwards = machine.space(GEOMETRY).bottomUp(true).build();
        long third = GEOMETRY.bottomUpBase();
        assertEquals(0x5555_5555_554a_b000L, third);
        assertEquals(third, upwards.mmap(0, PAGE, RW, ANONYMOUS, null, 0));
        assertEquals(third + PAGE, upwards.mmap(0, HALF - PAGE, READ, ANONYMOUS | Mman.NORESERVE, null, 0));
        assertEquals(0, upwards.munmap(0, LIMIT));
        assertNull(upwards.findNext(0));
        upwards.close();
    }

    @Test
    @DisplayName("ranges across the middle are cut, protected, moved, grown, forked and discarded")
    void middle() {
        map(HALF - 4 * PAGE, 8 * PAGE);
        for (int page = -4; page < 4; page++) {
            store(HALF + page * PAGE, page);
        }
        assertEquals(0, space.mprotect(HALF - PAGE, 2 * PAGE, READ));
        SpaceFixture.assertFault(Fault.ACCERR, cpu.memory().store(HALF, 8, 1));
        store(HALF + PAGE, 1);
        assertEquals(0, space.mprotect(HALF - PAGE, 2 * PAGE, RW));
        assertEquals(1, space.usage().maps());
        int move = Mman.MAYMOVE | Mman.MREMAP_FIXED;
        long high = LIMIT - 64 * PAGE;
        assertEquals(high, space.mremap(HALF - 4 * PAGE, 8 * PAGE, 8 * PAGE, move, high));
        assertEquals(-4, load(high));
        assertEquals(high, space.mremap(high, 8 * PAGE, 56 * PAGE, 0, 0));
        assertEquals(Errno.ENOMEM.result(), space.mremap(high, 56 * PAGE, 57 * PAGE + (64 << 10) * PAGE, 0, 0));
        assertEquals(HALF - 4 * PAGE, space.mremap(high, 56 * PAGE, 8 * PAGE, move, HALF - 4 * PAGE));
        AddressSpace child = space.fork();
        store(HALF, 9);
        cpu.switchTo(child);
        assertEquals(0, load(HALF));
        cpu.switchTo(space);
        child.close();
        List<Long> dirty = new ArrayList<>();
        assertTrue(space.collectDirty(0, LIMIT, page -> {}) >= 0);
        store(HALF - PAGE, 5);
        store(HALF + PAGE, 5);
        assertEquals(2, space.collectDirty(0, LIMIT, dirty::add));
        assertEquals(List.of(HALF - PAGE, HALF + PAGE), dirty);
        assertEquals(0, space.madvise(HALF - 2 * PAGE, 4 * PAGE, Mman.DONTNEED));
        assertEquals(0, load(HALF));
        assertEquals(-4, load(HALF - 4 * PAGE));
        assertEquals(0, space.munmap(HALF - PAGE, 2 * PAGE));
        assertEquals(2, space.usage().maps());
        assertEquals(0, space.munmap(PAGE, LIMIT - PAGE));
        assertEquals(0, space.usage().maps());
    }

    @Test
    @DisplayName("one mapping may have more than half of the addresses")
    void large() {
        map(PAGE, LIMIT - 2 * PAGE);
        store(HALF, 3);
        store(LIMIT - 2 * PAGE, 4);
        assertEquals(0, space.mprotect(PAGE, LIMIT - 3 * PAGE, READ));
        assertEquals(3, load(HALF));
        assertEquals(2, space.usage().maps());
        assertEquals(0, space.madvise(PAGE, LIMIT - 2 * PAGE, Mman.DONTNEED));
        assertEquals(0, load(HALF));
        assertEquals(0, space.munmap(0, LIMIT));
        assertEquals(0, machine.statistics().framesInUse());
    }

    @Test
    @DisplayName("the break does not go to the last page of all numbers, also where the heap is empty at 0")
    void lastBreak() {
        for (AddressSpace empty : List.of(
                machine.newSpace(Geometry.flat(12)),
                machine.space(GEOMETRY).heap(0, 0).build())) {
            for (long address : new long[] {-1, 1 - PAGE, -PAGE}) {
                assertEquals(0, empty.brk(address));
                assertEquals(0, empty.brk(0));
            }
            assertEquals(0, empty.usage().maps());
            empty.close();
        }
    }

    @Test
    @DisplayName("a stack grows, and keeps its gap, above the middle")
    void stack() {
        long stack = HALF + 4096 * PAGE;
        space.setLimit(Resource.STACK, 64 * PAGE);
        assertEquals(stack, space.mmap(stack, PAGE, RW, FIXED | Mman.GROWSDOWN, null, 0));
        map(stack - 300 * PAGE, PAGE);
        store(stack - 8, 1);
        assertEquals(1, load(stack - 8));
        assertEquals(0, space.growStack(stack - 40 * PAGE));
        assertEquals(Errno.ENOMEM.result(), space.growStack(stack - 50 * PAGE), "the gap");
    }
}
