// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.AddressSpaceBuilder;
import dev.samara.core.LayoutSnapshot;
import dev.samara.core.Machine;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Random;
import java.util.concurrent.FutureTask;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("findNext, findPrevious and forEach of a space and of a snapshot")
class FindNeighboursTest {
    private static final Geometry LINUX = Geometry.LINUX_X86_64;
    private static final long PAGE = LINUX.pageSize();
    private static final long PLACE = 0x1000_0000L;
    private static final int PAGES = 256;

    private final AddressSpace space = Machine.builder().build().newSpace(LINUX);

    private Vma map(long address, long pages, int protection) {
        int flags = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;
        assertEquals(address, space.mmap(address, pages * PAGE, protection, flags, null, 0));
        Vma vma = space.find(address);
        assertNotNull(vma);
        return vma;
    }

    private static boolean isAtMost(long address, long other) {
        return Long.compareUnsigned(address, other) <= 0;
    }

    /** Compares both neighbours of an address with those found in a list. */
    private void assertNeighbours(List<Vma> vmas, LayoutSnapshot snapshot, long address) {
        Vma previous = null;
        Vma next = null;
        for (Vma vma : vmas) {
            if (isAtMost(vma.end(), address)) {
                previous = vma;
            } else if (next == null) {
                next = vma;
            }
        }
        assertSame(next, space.findNext(address), () -> Long.toHexString(address));
        assertSame(next, snapshot.findNext(address), () -> Long.toHexString(address));
        assertSame(previous, space.findPrevious(address), () -> Long.toHexString(address));
        assertSame(previous, snapshot.findPrevious(address), () -> Long.toHexString(address));
    }

    private void assertForEach(List<Vma> vmas, LayoutSnapshot snapshot, long start, long length) {
        List<Vma> expected = new ArrayList<>();
        for (Vma vma : vmas) {
            boolean isBeyond = isAtMost(vma.end(), start) || isAtMost(length, vma.start() - start);
            if (!isBeyond || (length != 0 && vma.contains(start))) {
                expected.add(vma);
            }
        }
        List<Vma> ofSpace = new ArrayList<>();
        List<Vma> ofSnapshot = new ArrayList<>();
        space.forEach(start, length, ofSpace::add);
        snapshot.forEach(start, length, ofSnapshot::add);
        assertEquals(expected, ofSpace);
        assertEquals(expected, ofSnapshot);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    @DisplayName("A search of the list of all VMAs gives equal results")
    void model(long seed) {
        Random random = new Random(seed);
        for (int step = 0; step < 300; step++) {
            int page = random.nextInt(PAGES);
            int count = 1 + random.nextInt(8);
            if (random.nextInt(3) == 0) {
                assertEquals(0, space.munmap(PLACE + page * PAGE, count * PAGE));
            } else {
                map(PLACE + page * PAGE, count, random.nextBoolean() ? Mman.READ : Mman.WRITE);
            }
            LayoutSnapshot snapshot = space.snapshot();
            List<Vma> vmas = snapshot.vmas();
            for (int n = 0; n < 16; n++) {
                long address = PLACE + random.nextInt(PAGES) * PAGE;
                assertNeighbours(vmas, snapshot, address);
                assertNeighbours(vmas, snapshot, address - 1);
                assertNeighbours(vmas, snapshot, address + 1);
                assertForEach(vmas, snapshot, address, random.nextInt(PAGES) * PAGE + random.nextInt(3));
            }
            List<Vma> iterated = new ArrayList<>();
            snapshot.iterator().forEachRemaining(iterated::add);
            assertEquals(vmas, iterated);
        }
    }

    @Test
    @DisplayName("An empty space has no neighbours")
    void empty() {
        LayoutSnapshot snapshot = space.snapshot();
        for (long address : new long[] {0, PAGE, LINUX.limit(), Long.MIN_VALUE, -1}) {
            assertNeighbours(List.of(), snapshot, address);
        }
        assertForEach(List.of(), snapshot, 0, -1);
        Iterator<Vma> all = snapshot.iterator();
        assertFalse(all.hasNext());
        assertThrows(NoSuchElementException.class, all::next);
    }

    @Test
    @DisplayName("The first and the last address, and ranges that wrap")
    void ends() {
        List<Vma> vmas = List.of(map(0x1_0000, 1, Mman.READ), map(LINUX.limit() - PAGE, 1, Mman.READ));
        LayoutSnapshot snapshot = space.snapshot();
        assertEquals(vmas, snapshot.vmas());
        for (long address : new long[] {0, 1, 0x1_0000, LINUX.limit() - 1, LINUX.limit(), Long.MIN_VALUE, -1}) {
            assertNeighbours(vmas, snapshot, address);
        }
        assertNull(space.findPrevious(0));
        assertNull(space.findNext(-1));
        assertForEach(vmas, snapshot, 0, -1);
        assertForEach(vmas, snapshot, 0, LINUX.limit());
        assertForEach(vmas, snapshot, PLACE, -1);
        assertForEach(vmas, snapshot, 0x1_0000, 0);
        assertForEach(vmas, snapshot, -1, 1);
        assertForEach(vmas, snapshot, -1, -1);
    }

    @Test
    @DisplayName("forEach sees changes of its action above the last VMA; a snapshot does not")
    void changedByTheAction() {
        map(PLACE, 1, Mman.READ);
        map(PLACE + 2 * PAGE, 1, Mman.READ);
        LayoutSnapshot snapshot = space.snapshot();
        List<Long> starts = new ArrayList<>();
        space.forEach(0, LINUX.limit(), vma -> {
            starts.add(vma.start());
            assertEquals(0, space.munmap(PLACE, 4 * PAGE));
            if (starts.size() == 1) {
                map(PLACE + 3 * PAGE, 1, Mman.READ);
            }
        });
        assertEquals(List.of(PLACE, PLACE + 3 * PAGE), starts);
        List<Vma> before = new ArrayList<>();
        snapshot.forEach(0, LINUX.limit(), before::add);
        assertEquals(2, before.size());
    }

    @Test
    @DisplayName("findPrevious: the result was the predecessor at one instant of the call")
    void previousOfOneInstant() throws Exception {
        map(PLACE, 1, Mman.READ);
        long late = PLACE + 2 * PAGE;
        long covering = PLACE + 4 * PAGE;
        long middle = covering + 2 * PAGE;
        map(covering, 4, Mman.READ);
        FutureTask<@Nullable Void> reader = new FutureTask<>(() -> {
            while (space.find(LINUX.limit() - PAGE) == null) {
                Vma previous = space.findPrevious(middle);
                assertTrue(previous != null && previous.start() != late, "mapped only while another VMA was nearer");
            }
            return null;
        });
        Thread thread = new Thread(reader, "finds predecessors");
        thread.start();
        for (int round = 0; round < 20_000; round++) {
            assertEquals(0, space.mprotect(middle, 2 * PAGE, Mman.WRITE));
            map(late, 1, Mman.READ);
            assertEquals(0, space.munmap(late, PAGE));
            assertEquals(0, space.mprotect(middle, 2 * PAGE, Mman.READ));
        }
        map(LINUX.limit() - PAGE, 1, Mman.READ);
        reader.get();
    }

    @Test
    @DisplayName("Mappings above the limit are iterated, and not found by address")
    void aboveTheLimit() {
        Vma vsyscall = AddressSpaceBuilder.mapping(-0xa0_0000L, -0x9f_f000L, VmaFlags.EXEC, 0, null, "[vsyscall]");
        AddressSpace loaded =
                Machine.builder().build().space(LINUX).load(List.of(vsyscall)).build();
        LayoutSnapshot snapshot = loaded.snapshot();
        List<Vma> iterated = new ArrayList<>();
        for (Vma vma : snapshot) {
            iterated.add(vma);
        }
        assertEquals(snapshot.vmas(), iterated);
        assertEquals(1, iterated.size());
        assertNull(snapshot.findNext(PLACE));
        assertNull(loaded.findNext(PLACE));
        assertNull(loaded.findPrevious(-1));
        loaded.forEach(0, -1, vma -> {
            throw new AssertionError(vma);
        });
    }
}
