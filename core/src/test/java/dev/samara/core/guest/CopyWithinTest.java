// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.Watchpoint;
import dev.samara.core.backing.CachedBacking;
import dev.samara.core.event.WatchpointFixture;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.PageCache;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(OneThread.class)
@DisplayName("A copy within guest memory")
final class CopyWithinTest extends WatchpointFixture {
    private static final int BYTES = (int) (8 * PAGE);

    private final Random random = new Random(23);

    private byte[] fillAtRandom() {
        byte[] model = new byte[BYTES];
        random.nextBytes(model);
        assertEquals(BYTES, memory.copyIn(at, model, 0, BYTES));
        return model;
    }

    private void assertBytes(byte[] expected) {
        byte[] seen = new byte[expected.length];
        assertEquals(seen.length, memory.copyOut(at, seen, 0, seen.length));
        assertArrayEquals(expected, seen);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @DisplayName("leaves what an array's copy leaves, however source and target overlap, in GUEST and outside")
    void overlaps(boolean isGuest) {
        byte[] model = fillAtRandom();
        if (isGuest) {
            cpu.enterGuest();
        }
        for (int round = 0; round < 2_000; round++) {
            int length = random.nextInt(round % 2 == 0 ? 64 : (int) (3 * PAGE));
            int from = random.nextInt(BYTES - length);
            int near = from + random.nextInt(2 * length + 1) - length;
            int to = round % 3 == 0 ? random.nextInt(BYTES - length) : Math.max(0, Math.min(near, BYTES - length));
            assertEquals(length, memory.copy(at + from, at + to, length));
            assertFault(Fault.NONE, memory.fault());
            System.arraycopy(model, from, model, to, length);
        }
        assertBytes(model);
        if (isGuest) {
            cpu.leaveGuest();
        }
    }

    @Test
    @DisplayName("of no bytes makes no access")
    void nothing() {
        assertEquals(0, memory.copy(0, 1, 0));
        assertFault(Fault.NONE, memory.fault());
    }

    /** Changes the pages at random, and returns the rights of each page, or -1 if it is unmapped. */
    private int[] layAtRandom() {
        int[] rights = new int[BYTES / (int) PAGE];
        for (int page = 0; page < rights.length; page++) {
            int chosen = random.nextInt(10);
            rights[page] = chosen < 7 ? RW : chosen == 7 ? READ : chosen == 8 ? 0 : -1;
            long address = at + page * PAGE;
            if (rights[page] < 0) {
                assertEquals(0, space.munmap(address, PAGE));
            } else {
                assertEquals(0, space.mprotect(address, PAGE, rights[page]));
            }
        }
        return rights;
    }

    private static int faultOf(int rights, int access) {
        return rights < 0 ? Fault.MAPERR : (rights & access) == 0 ? Fault.ACCERR : Fault.NONE;
    }

    @Test
    @DisplayName("ends where a copy byte by byte ends, in either direction, with the address of the byte and its fault")
    void faults() {
        int failed = 0;
        for (int round = 0; round < 600; round++) {
            fixture.map(at, 8, RW, SpaceFixture.ANONYMOUS | Mman.FIXED, null, 0);
            byte[] model = fillAtRandom();
            int[] rights = layAtRandom();
            int length = 1 + random.nextInt(3 * (int) PAGE);
            int from = random.nextInt(BYTES - length);
            int to = random.nextInt(BYTES - length);
            boolean isDown = to > from && to < from + length;
            Fault expected = null;
            int done = 0;
            while (done < length && expected == null) {
                int index = isDown ? length - 1 - done : done;
                int read = faultOf(rights[(from + index) / (int) PAGE], READ);
                int written = faultOf(rights[(to + index) / (int) PAGE], WRITE);
                if (read != Fault.NONE) {
                    expected = new Fault(read, at + from + index, READ, 1);
                } else if (written != Fault.NONE) {
                    expected = new Fault(written, at + to + index, WRITE, 1);
                } else {
                    model[to + index] = model[from + index];
                    done++;
                }
            }
            assertEquals(done, memory.copy(at + from, at + to, length));
            if (expected != null) {
                failed++;
                assertEquals(expected, memory.lastFault());
                assertEquals(expected.address(), memory.faultAddress());
            }
            assertFault(expected == null ? Fault.NONE : expected.kind(), memory.fault());
            assertReadable(model, rights);
        }
        assertTrue(failed > 100 && failed < 500, "failed: " + failed);
        fixture.map(at, 8, RW, SpaceFixture.ANONYMOUS | Mman.FIXED, null, 0);
    }

    private void assertReadable(byte[] model, int[] rights) {
        byte[] seen = new byte[(int) PAGE];
        for (int page = 0; page < rights.length; page++) {
            if (rights[page] >= 0) {
                long address = at + page * PAGE;
                assertEquals(0, space.mprotect(address, PAGE, READ));
                assertEquals(seen.length, memory.copyOut(address, seen, 0, seen.length));
                int start = page * (int) PAGE;
                assertArrayEquals(Arrays.copyOfRange(model, start, start + (int) PAGE), seen, "page " + page);
            }
        }
    }

    @Test
    @DisplayName("reads a page again that was lost during the fault of the target, and fails there")
    void lostMeanwhile() {
        long source = fixture.anonymous(1);
        fixture.store(source, 7);
        List<Long> results = new ArrayList<>();
        PageCache cache = fixture.machine.newPageCache(SpaceFixture.GEOMETRY, PAGE);
        CachedBacking unmapping = new CachedBacking("/unmapping", cache) {
            @Override
            protected boolean read(long page, int frame, FrameStore store) {
                results.add(space.munmap(source, PAGE));
                store.fill(frame, 0, (int) PAGE, (byte) 0);
                return true;
            }
        };
        long target = fixture.map(0, 1, RW, Mman.SHARED, unmapping, 0);
        assertEquals(0, memory.copy(source + 16, target + 8, 8));
        assertEquals(List.of(0L), results);
        assertEquals(new Fault(Fault.MAPERR, source + 16, READ, 1), memory.lastFault());
        assertEquals(0, fixture.load(target + 8));
        assertEquals(0, space.munmap(target, PAGE));
        cache.remove(0, 1);
    }

    @Test
    @DisplayName("is told to watchers part by part, in its direction")
    void watched() {
        try (Watchpoint watch = space.watch(at, BYTES, as("w"))) {
            assertEquals(PAGE, memory.copy(at + 100, at, PAGE), watch::toString);
            assertTold("w 0 " + (PAGE - 100), "w " + (PAGE - 100) + " 100");
            assertEquals(PAGE, memory.copy(at, at + 100, PAGE));
            assertTold("w " + PAGE + " 100", "w 100 " + (PAGE - 100));
        }
    }

    @Test
    @DisplayName("writes a copy of a shared page, also if that is the source's page too")
    void copiesOnWrite() {
        byte[] before = fillAtRandom();
        try (AddressSpace child = space.fork()) {
            byte[] model = before.clone();
            assertEquals(200, memory.copy(at, at + 100, 200));
            System.arraycopy(model, 0, model, 100, 200);
            assertEquals(PAGE, memory.copy(at + PAGE, at + 4 * PAGE - 50, PAGE));
            System.arraycopy(model, (int) PAGE, model, (int) (4 * PAGE) - 50, (int) PAGE);
            assertBytes(model);
            cpu.switchTo(child);
            assertBytes(before);
            cpu.switchTo(space);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @DisplayName("needs no two translations in the TLB: source and target may have one slot")
    void oneSlot(boolean isChecked) {
        try (SpaceFixture small = new SpaceFixture(
                Machine.builder().memory(6 * PAGE).tlbEntries(2).checked(isChecked))) {
            long start = small.anonymous(4);
            // Reuses some of the few frames several times, so that the reuse stamps differ.
            for (int round = 0; round < 9; round++) {
                small.store(start, 1);
                assertEquals(0, small.space.madvise(start, PAGE, Mman.DONTNEED));
            }
            byte[] bytes = new byte[(int) (4 * PAGE)];
            random.nextBytes(bytes);
            small.memory.copyIn(start, bytes, 0, bytes.length);
            small.cpu.enterGuest();
            assertEquals(PAGE, small.memory.copy(start + 10, start + 2 * PAGE, PAGE));
            assertEquals(PAGE, small.memory.copy(start + 3 * PAGE, start + PAGE - 7, PAGE));
            System.arraycopy(bytes, 10, bytes, (int) (2 * PAGE), (int) PAGE);
            System.arraycopy(bytes, (int) (3 * PAGE), bytes, (int) PAGE - 7, (int) PAGE);
            byte[] seen = new byte[bytes.length];
            assertEquals(seen.length, small.memory.copyOut(start, seen, 0, seen.length));
            small.cpu.leaveGuest();
            assertArrayEquals(bytes, seen);
            assertEquals(List.of(), small.reports);
        }
    }
}
