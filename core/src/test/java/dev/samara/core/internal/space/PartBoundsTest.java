// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.internal.space.District.BeyondDistrict;
import dev.samara.core.internal.space.District.LockHoldTimes;
import dev.samara.core.internal.space.Identity.ChargedPages;
import dev.samara.core.internal.sync.Gate.WaitReporter;
import dev.samara.core.mman.Capability;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import dev.samara.maple.MapleTree;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("P42: a part has an equal share of what is left of each limit, and no layout is divided near a limit")
final class PartBoundsTest {
    private static final long PAGE = 0x1000;
    private static final int PARTS = 4;

    /** The minimum growth of a part. */
    private static final int LEAST = 256;

    /** More pages than any space has. */
    private static final long MANY = 1L << 44;

    private final Map<Resource, Long> limits = new EnumMap<>(Resource.class);
    private final LayoutCounters counters = new LayoutCounters();
    private int maxMapCount = 65530;
    private boolean isPrivileged;

    @BeforeEach
    void use() {
        assumeFalse(Boolean.getBoolean("samara.divided"), "layouts are divided near a limit, too");
        counters.maps = 10;
        counters.total = 1000;
        counters.data = 700;
        counters.locked = 50;
        counters.exec = 3;
        counters.droppable = 4;
        counters.sealed = 2;
    }

    /** The counters with which a part starts, and those up to which it may grow. */
    private record PartBounds(LayoutCounters first, LayoutCounters cap) {}

    private @Nullable PartBounds bounds() {
        AddressSpace space = Machine.builder().maxMapCount(maxMapCount).build().newSpace(Geometry.LINUX_X86_64);
        if (isPrivileged) {
            space.grant(Capability.IPC_LOCK);
        }
        Layout layout = MachineInternals.layoutOf(space);
        Limits all = new Limits(Geometry.LINUX_X86_64, limits);
        LayoutCounters growth = Districts.growth(maxMapCount, layout.privileges.held(), all, counters, PARTS);
        return growth == null
                ? null
                : new PartBounds(
                        Districts.grown(counters, growth, PARTS - 1), Districts.grown(counters, growth, PARTS));
    }

    private PartBounds made() {
        PartBounds bounds = bounds();
        assertNotNull(bounds);
        return bounds;
    }

    private void assertGrowth(long expected, long before, long first, long cap) {
        assertEquals(before + (PARTS - 1) * expected, first, "what a part begins with");
        assertEquals(before + PARTS * expected, cap, "the cap");
    }

    @Test
    @DisplayName("the map count: 16 less than the limit, the remainder is not given out, and 256 for each part")
    void maps() {
        maxMapCount = 16 + 10 + PARTS * LEAST + 3;
        PartBounds bounds = made();
        assertGrowth(LEAST, 10, bounds.first().maps, bounds.cap().maps);
        maxMapCount += 1;
        bounds = made();
        assertGrowth(LEAST + 1, 10, bounds.first().maps, bounds.cap().maps);
        maxMapCount = 16 + 10 + PARTS * LEAST - 1;
        assertNull(bounds());
        maxMapCount = 12;
        assertNull(bounds(), "the limit is exceeded");
    }

    @Test
    @DisplayName("total memory: likewise")
    void total() {
        limits.put(Resource.AS, (1000 + PARTS * LEAST + 3) * PAGE);
        PartBounds bounds = made();
        assertGrowth(LEAST, 1000, bounds.first().total, bounds.cap().total);
        limits.put(Resource.AS, (1000 + PARTS * LEAST - 1) * PAGE);
        assertNull(bounds());
        limits.put(Resource.AS, 0L);
        assertNull(bounds());
        limits.remove(Resource.AS);
        bounds = made();
        assertGrowth((PARTS * MANY - 1000) / PARTS, 1000, bounds.first().total, bounds.cap().total);
    }

    @Test
    @DisplayName("data: a part may have a share of nothing, and a limit of 0 is none")
    void data() {
        limits.put(Resource.DATA, (700 + PARTS * 5 + 3) * PAGE);
        PartBounds bounds = made();
        assertGrowth(5, 700, bounds.first().data, bounds.cap().data);
        limits.put(Resource.DATA, 700 * PAGE);
        bounds = made();
        assertGrowth(0, 700, bounds.first().data, bounds.cap().data);
        limits.put(Resource.DATA, 20 * PAGE);
        bounds = made();
        assertGrowth(0, 700, bounds.first().data, bounds.cap().data);
        limits.put(Resource.DATA, 0L);
        bounds = made();
        assertGrowth(MANY, 700, bounds.first().data, bounds.cap().data);
    }

    @Test
    @DisplayName("locked memory: likewise, 0 is a limit, and who may lock without limit has none")
    void locked() {
        limits.put(Resource.MEMLOCK, (50 + PARTS * 7 + 1) * PAGE);
        PartBounds bounds = made();
        assertGrowth(7, 50, bounds.first().locked, bounds.cap().locked);
        limits.put(Resource.MEMLOCK, 0L);
        bounds = made();
        assertGrowth(0, 50, bounds.first().locked, bounds.cap().locked);
        isPrivileged = true;
        bounds = made();
        assertGrowth(MANY, 50, bounds.first().locked, bounds.cap().locked);
    }

    @Test
    @DisplayName("what no limit bounds is that of the layout")
    void others() {
        PartBounds bounds = made();
        for (LayoutCounters of : new LayoutCounters[] {bounds.first(), bounds.cap()}) {
            assertEquals(3, of.exec);
            assertEquals(4, of.droppable);
            assertEquals(2, of.sealed);
            assertEquals(0, of.accounted);
        }
        assertEquals(10, counters.maps, "the argument is as it was");
    }

    /** A range in flight without content. */
    private static final class Unmapping extends InFlightOperation {
        @Override
        public WaitReporter operation() {
            throw new UnsupportedOperationException();
        }

        @Override
        public boolean givesUpItsRange() {
            return true;
        }

        @Override
        public void completed() {}

        @Override
        protected boolean isReady() {
            return true;
        }

        @Override
        public void run() {}
    }

    /** Returns counters at the cap of {@link #part}. */
    private static LayoutCounters atCap() {
        LayoutCounters cap = new LayoutCounters();
        cap.maps = 100;
        cap.total = 2000;
        cap.data = 1500;
        cap.locked = 300;
        return cap;
    }

    private static District part() {
        ReentrantLock lock = new ReentrantLock();
        LayoutCounters first = new LayoutCounters();
        Limits none = new Limits(Geometry.LINUX_X86_64, Map.of());
        ChargedPages charged = new ChargedPages(first, 1);
        return new District(lock, new MapleTree<>(lock), none, 0, -1, first, atCap(), charged, 0, new LockHoldTimes());
    }

    /** A counter that an edit raises to one above the cap. */
    private enum OneMore {
        MAPS,
        TOTAL,
        DATA,
        LOCKED;

        void add(LayoutCounters to) {
            switch (this) {
                case MAPS -> to.maps++;
                case TOTAL -> to.total++;
                case DATA -> to.data++;
                case LOCKED -> to.locked++;
            }
        }
    }

    @Test
    @DisplayName("a part may grow up to its cap, in each counter; a whole layout has no cap")
    void cap() {
        District part = part();
        assertDoesNotThrow(() -> part.checkCap(atCap(), null));
        Unmapping nothing = new Unmapping();
        assertDoesNotThrow(() -> part.checkCap(atCap(), nothing));
        for (OneMore each : OneMore.values()) {
            LayoutCounters beyond = atCap();
            each.add(beyond);
            assertThrows(BeyondDistrict.class, () -> part.checkCap(beyond, null), each::toString);
            ReentrantLock lock = new ReentrantLock();
            Limits none = new Limits(Geometry.LINUX_X86_64, Map.of());
            District whole =
                    new District(lock, new MapleTree<>(lock), none, new LayoutCounters(), new LockHoldTimes(), 0, 0);
            assertDoesNotThrow(() -> whole.checkCap(beyond, null), each::toString);
        }
    }

    @Test
    @DisplayName("what an edit has unmapped counts until completion: total memory and data, not maps and locked pages")
    void capWithUnmapped() {
        District part = part();
        for (OneMore each : OneMore.values()) {
            LayoutCounters unmapped = new LayoutCounters();
            each.add(unmapped);
            Unmapping range = new Unmapping();
            range.countUnmapped(unmapped);
            if (each == OneMore.TOTAL || each == OneMore.DATA) {
                assertThrows(BeyondDistrict.class, () -> part.checkCap(atCap(), range), each::toString);
            } else {
                assertDoesNotThrow(() -> part.checkCap(atCap(), range), each::toString);
            }
        }
    }

    @Test
    @DisplayName("and is counted by the part until then, and by the layout that the part joins")
    void adopted() {
        District part = part();
        LayoutCounters unmapped = new LayoutCounters();
        unmapped.maps = 1;
        unmapped.total = 30;
        unmapped.data = 20;
        unmapped.locked = 5;
        unmapped.accounted = 10;
        Unmapping range = new Unmapping();
        range.countUnmapped(unmapped);
        LayoutCounters published = new LayoutCounters();
        published.maps = 4;
        published.total = 40;
        part.adopt(published, range);
        assertEquals(4, part.counters().maps);
        assertEquals(70, part.counters().total);
        assertEquals(20, part.counters().data);
        assertEquals(0, part.counters().locked);
        assertEquals(10, part.counters().accounted);
        LayoutCounters whole = new LayoutCounters();
        whole.total = 1000;
        part.addGainTo(whole);
        assertEquals(1070, whole.total);
        part.uncharge(unmapped);
        assertEquals(40, part.counters().total);
        assertEquals(0, part.counters().data);
        assertEquals(0, part.counters().accounted);
    }
}
