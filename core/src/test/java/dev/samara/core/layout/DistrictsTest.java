// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import static dev.samara.core.mman.Mman.ANONYMOUS;
import static dev.samara.core.mman.Mman.FIXED;
import static dev.samara.core.mman.Mman.PRIVATE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.samara.core.AddressSpace;
import dev.samara.core.LayoutSnapshot;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.fixture.AllocatedBytes;
import dev.samara.core.fixture.Awake;
import dev.samara.core.internal.space.Divisions;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("I4 I5 I6: a layout that is divided answers and decides as if it were not")
class DistrictsTest {
    private static final long PAGE = 0x1000;
    private static final long PLACE = 0x1000_0000L;
    private static final int HERE = PRIVATE | ANONYMOUS | FIXED;
    private static final int RW = Mman.READ | Mman.WRITE;

    /** The number of mappings, each of four pages, and each followed by a hole of four pages. */
    private static final int MAPPINGS = 40;

    /** The limit of the map count. */
    private static final int MOST = 1200;

    private Machine machine;
    private AddressSpace space;
    private Layout layout;

    @BeforeEach
    void map() {
        assumeFalse(Boolean.getBoolean("samara.divided"), "each operation divides the layout");
        machine = Machine.builder().maxMapCount(MOST).build();
        space = machine.newSpace(Geometry.LINUX_X86_64);
        layout = MachineInternals.layoutOf(space);
        for (int i = 0; i < MAPPINGS; i++) {
            assertEquals(at(i), space.mmap(at(i), 4 * PAGE, i % 2 == 0 ? RW : Mman.READ, HERE, null, 0));
        }
    }

    private static long at(int i) {
        return PLACE + i * 8L * PAGE;
    }

    private static long[] everyTenth() {
        return new long[] {at(10) - 2 * PAGE, at(20) - 2 * PAGE, at(30)};
    }

    private static List<String> vmas(AddressSpace of) {
        List<String> all = new ArrayList<>();
        for (Vma vma : of.snapshot().vmas()) {
            all.add(vma.toString());
        }
        return all;
    }

    @Test
    @DisplayName("each lookup finds in the parts what it has found in the whole, and so it does after the join")
    void lookups() {
        List<String> before = vmas(space);
        List<@Nullable Vma> found = new ArrayList<>();
        forEachAddress(address -> {
            found.add(space.find(address));
            found.add(space.findNext(address));
            found.add(space.findPrevious(address));
        });
        assertTrue(Divisions.divide(layout, everyTenth()));
        assertEquals(4, Divisions.parts(layout));
        for (int pass = 0; pass < 2; pass++) {
            AtomicInteger next = new AtomicInteger();
            forEachAddress(address -> {
                assertSame(found.get(next.getAndIncrement()), space.find(address));
                assertSame(found.get(next.getAndIncrement()), space.findNext(address));
                assertSame(found.get(next.getAndIncrement()), space.findPrevious(address));
            });
            assertEquals(before, vmas(space));
            assertEquals(pass == 0, Divisions.isDivided(layout));
            Divisions.join(layout);
        }
        space.validate();
    }

    @Test
    @DisplayName("I7: a lookup allocates nothing, also over several borders and empty parts")
    void lookupsAllocateNothing() {
        long top = at(MAPPINGS);
        assertTrue(Divisions.divide(layout, at(10) - 2 * PAGE, at(10) - PAGE, top + PAGE));
        AllocatedBytes.assertNone(i -> {
            assertSame(space.findNext(at(10)), space.findNext(at(9) + 4 * PAGE));
            assertSame(space.findPrevious(at(10)), space.find(at(9)));
            assertNull(space.findNext(top));
            assertNull(space.findPrevious(PLACE));
            assertNull(space.find(at(9) + 4 * PAGE));
        });
        assertTrue(Divisions.isDivided(layout));
    }

    @Test
    @DisplayName("lookups and snapshots leave a layout divided; after a reader has asked, the next operation joins it")
    void askedForJoin() {
        assertTrue(Divisions.divide(layout, everyTenth()));
        assertEquals(MAPPINGS, space.snapshot().vmas().size());
        assertNotNull(space.findNext(at(9) + 4 * PAGE));
        assertEquals(0, space.munmap(at(3), PAGE));
        assertFalse(Divisions.isJoinAsked(layout));
        assertTrue(Divisions.isDivided(layout));
        Divisions.askForJoin(layout);
        assertNotNull(space.findNext(at(9) + 4 * PAGE));
        assertTrue(Divisions.isDivided(layout), "by a lookup");
        assertEquals(0, space.munmap(at(3) + PAGE, PAGE));
        assertFalse(Divisions.isDivided(layout));
        assertTrue(Divisions.divide(layout, everyTenth()));
        assertEquals(0, space.munmap(at(3) + 2 * PAGE, PAGE));
        assertTrue(Divisions.isDivided(layout), "the next parts are not asked for a join");
        space.validate();
    }

    private interface AddressAction {
        void at(long address);
    }

    private static void forEachAddress(AddressAction action) {
        for (long address = PLACE - 4 * PAGE; address < at(MAPPINGS) + 4 * PAGE; address += PAGE) {
            action.at(address);
        }
        action.at(0);
        action.at(Geometry.LINUX_X86_64.limit() - PAGE);
        action.at(-1);
    }

    @Test
    @DisplayName("an operation within a part leaves the layout divided, and one across a border joins it")
    void local() {
        assertTrue(Divisions.divide(layout, everyTenth()));
        assertEquals(0, space.munmap(at(3), 4 * PAGE));
        assertEquals(at(13), space.mmap(at(13), PAGE, Mman.NONE, HERE, null, 0));
        assertEquals(0, space.mprotect(at(24), 2 * PAGE, Mman.READ));
        assertEquals(0, space.madvise(at(35), PAGE, Mman.DONTFORK));
        assertTrue(Divisions.isDivided(layout));
        assertNull(space.find(at(3)));
        assertEquals(0, space.munmap(at(8), at(12) - at(8)));
        assertFalse(Divisions.isDivided(layout));
        for (int i = 8; i < 12; i++) {
            assertNull(space.find(at(i)));
        }
        space.validate();
    }

    @Test
    @DisplayName("no division cuts a mapping")
    void noCut() {
        assertFalse(Divisions.divide(layout, at(20) + PAGE));
        assertFalse(Divisions.isDivided(layout));
        assertTrue(Divisions.divide(layout, at(10) - 2 * PAGE, at(20) + PAGE));
        assertEquals(2, Divisions.parts(layout));
        assertTrue(Divisions.divide(layout, at(10), at(20) + 4 * PAGE));
        assertEquals(3, Divisions.parts(layout));
        space.validate();
    }

    @Test
    @DisplayName("neighbours on both sides of a border are merged")
    void mergeOverBorder() {
        // One border is at the start of mapping 30, which follows a hole.
        assertTrue(Divisions.divide(layout, everyTenth()));
        assertEquals(at(30) - 2 * PAGE, space.mmap(at(30) - 2 * PAGE, 2 * PAGE, RW, HERE, null, 0));
        Vma merged = space.find(at(30));
        assertNotNull(merged);
        assertEquals(at(30) - 2 * PAGE, merged.start());
        assertEquals(at(30) + 4 * PAGE, merged.end());
        space.validate();
    }

    @Test
    @DisplayName("a mapping without an address goes where it goes in a whole layout")
    void placement() {
        AddressSpace other = space.fork();
        assertTrue(Divisions.divide(layout, everyTenth()));
        for (int i = 0; i < 20; i++) {
            long length = (1 + i % 5) * PAGE;
            long placed = other.mmap(0, length, RW, PRIVATE | ANONYMOUS, null, 0);
            assertEquals(placed, space.mmap(0, length, RW, PRIVATE | ANONYMOUS, null, 0));
            Divisions.divide(layout, everyTenth());
        }
        assertEquals(vmas(other), vmas(space));
    }

    @Test
    @DisplayName("mlockall locks later mappings of every part")
    void lockedLater() {
        assertTrue(Divisions.divide(layout, everyTenth()));
        assertEquals(0, space.mlockall(Mman.FUTURE));
        assertTrue(Divisions.divide(layout, everyTenth()));
        assertEquals(at(5) + 5 * PAGE, space.mmap(at(5) + 5 * PAGE, PAGE, RW, HERE, null, 0));
        assertTrue(Divisions.isDivided(layout));
        assertEquals(1, space.usage().locked());
    }

    @Test
    @DisplayName("the break is one, whichever parts the layout has")
    void heap() {
        long start = space.brk(0);
        assertTrue(Divisions.divide(layout, everyTenth()));
        assertEquals(start + 3 * PAGE, space.brk(start + 3 * PAGE));
        assertTrue(Divisions.divide(layout, start + 3 * PAGE));
        assertEquals(start + 5 * PAGE, space.brk(start + 5 * PAGE));
        assertEquals(start + PAGE, space.brk(start + PAGE));
        assertEquals(start + PAGE, space.brk(0));
        space.validate();
    }

    @Test
    @DisplayName("a closed space refuses an operation that has waited for a part")
    void closed() {
        assertTrue(Divisions.divide(layout, everyTenth()));
        space.close();
        assertFalse(Divisions.isDivided(layout));
        assertEquals(Errno.ESRCH.result(), space.munmap(at(3), PAGE));
        assertFalse(Divisions.divide(layout, everyTenth()));
    }

    @Test
    @DisplayName("threads that meet at the lock and work in different places divide the layout")
    void meetings() {
        AtomicBoolean isDivided = new AtomicBoolean();
        ThreadsTogether.run(2, thread -> {
            long own = 0x2000_0000_0000L + ((long) thread << 30);
            while (!isDivided.get()) {
                assertEquals(own, space.mmap(own, 4 * PAGE, RW, HERE, null, 0));
                assertEquals(0, space.munmap(own, 4 * PAGE));
                if (Divisions.isDivided(layout)) {
                    isDivided.set(true);
                }
            }
        });
        space.validate();
    }

    @ParameterizedTest
    @ValueSource(ints = {5, 15, 35})
    @DisplayName("a part that is used alone for long joins the others, whichever part it is")
    void alone(int mapping) {
        assertTrue(Divisions.divide(layout, everyTenth()));
        Divisions.use(layout, at(mapping), Divisions.LOOK);
        assertEquals(4, Divisions.parts(layout));
        Divisions.use(layout, at(mapping), Divisions.LOOK);
        assertFalse(Divisions.isDivided(layout));
    }

    @Test
    @DisplayName("a part that is not used any more joins its neighbour below, while others are used")
    void idle() {
        assertTrue(Divisions.divide(layout, everyTenth()));
        for (int i = 0; i < 3 * Divisions.IDLE / Divisions.LOOK && Divisions.parts(layout) == 4; i++) {
            Divisions.use(layout, at(5), Divisions.LOOK);
            Divisions.use(layout, at(35), 1);
        }
        assertEquals(2, Divisions.parts(layout));
        assertEquals(at(30), Divisions.start(layout, 1));
        space.validate();
    }

    /**
     * One thread moves a mapping back and forth over a border, with one operation per move. Other threads change their
     * own parts, and one thread divides and joins. In each snapshot, and for each lookup of both places, the mapping is
     * at exactly one place.
     */
    @Test
    @DisplayName("I6: a snapshot of parts is the layout of one instant, beside operations, divisions and joins")
    void oneInstant() {
        long here = at(9);
        long there = at(10) + 16 * PAGE;
        AtomicReference<@Nullable String> wrong = new AtomicReference<>();
        AtomicBoolean over = new AtomicBoolean();
        assertEquals(0, space.munmap(there, 4 * PAGE));
        ThreadsTogether.run(5, thread -> {
            switch (thread) {
                case 0 -> {
                    for (int i = 0; i < 3000; i++) {
                        long from = i % 2 == 0 ? here : there;
                        long to = i % 2 == 0 ? there : here;
                        assertEquals(to, space.mremap(from, 4 * PAGE, 4 * PAGE, 3, to));
                    }
                    over.set(true);
                }
                case 1, 2 -> {
                    long own = thread == 1 ? at(5) : at(25);
                    while (!over.get()) {
                        assertEquals(0, space.munmap(own, 4 * PAGE));
                        assertEquals(own, space.mmap(own, 4 * PAGE, RW, HERE, null, 0));
                    }
                }
                case 3 -> {
                    while (!over.get()) {
                        Divisions.divide(layout, everyTenth());
                        Awake.turn();
                    }
                }
                default -> {
                    while (!over.get()) {
                        LayoutSnapshot snapshot = space.snapshot();
                        if (snapshot.find(here) != null == (snapshot.find(there) != null)) {
                            wrong.set("at both places or at none: " + snapshot.vmas());
                        }
                        if (snapshot.vmas().size() < MAPPINGS - 3) {
                            wrong.set("lost: " + snapshot.vmas());
                        }
                        if (space.find(at(15)) == null || space.findNext(at(10) - PAGE) == null) {
                            wrong.set("not found");
                        }
                    }
                }
            }
        });
        assertNull(wrong.get());
        space.validate();
    }
}
