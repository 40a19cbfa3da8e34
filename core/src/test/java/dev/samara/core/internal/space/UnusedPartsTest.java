// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.internal.space.District.LockHoldTimes;
import dev.samara.core.internal.space.Districts.LayoutParts;
import dev.samara.core.internal.space.Identity.ChargedPages;
import dev.samara.core.vma.Geometry;
import dev.samara.maple.MapleTree;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Parts of a layout that no thread uses are found by the numbers of their operations")
final class UnusedPartsTest {
    private static final int ALL_BUT_FIRST = 0b1110;

    private final LayoutParts parts = parts(0x1000, 0x2000, 0x5000);
    private final District first = parts.district(0);

    /** Returns the parts between borders, without an operation. */
    static LayoutParts parts(long... borders) {
        LayoutCounters none = new LayoutCounters();
        ChargedPages charged = new ChargedPages(none, borders.length + 1);
        District[] parts = new District[borders.length + 1];
        for (int i = 0; i < parts.length; i++) {
            ReentrantLock lock = new ReentrantLock();
            long start = i == 0 ? 0 : borders[i - 1];
            long end = i == borders.length ? -1 : borders[i];
            Limits limits = new Limits(Geometry.LINUX_X86_64, Map.of());
            parts[i] = new District(
                    lock,
                    new MapleTree<>(lock),
                    limits,
                    start,
                    end,
                    none.copy(),
                    none.copy(),
                    charged,
                    i,
                    new LockHoldTimes());
        }
        return new LayoutParts(parts);
    }

    private static void use(District part, int times) {
        for (int i = 0; i < times; i++) {
            part.lock();
            part.unlock();
        }
    }

    @Test
    @DisplayName("once a part has had many operations, those without one are unused: of a part with few, none is")
    void beside() {
        use(parts.district(2), 1);
        use(first, District.LOOK - 1);
        assertEquals(0, first.unusedBeside(parts));
        use(first, 1);
        assertEquals(0b1010, first.unusedBeside(parts));
        use(first, 1);
        assertEquals(0b1010, first.unusedBeside(parts));
        assertEquals(0, parts.district(2).unusedBeside(parts), "of a part with few");
        use(parts.district(1), 1);
        assertEquals(0b1000, first.unusedBeside(parts));
    }

    @Test
    @DisplayName("there is room for the parts that are missing to 16, and in place of the unused ones")
    void room() {
        assertEquals(12, first.room(parts));
        use(first, District.LOOK);
        assertEquals(15, first.room(parts));
        use(parts.district(3), 1);
        assertEquals(14, first.room(parts));
        long[] borders = new long[15];
        for (int i = 0; i < borders.length; i++) {
            borders[i] = 0x1000L * (i + 1);
        }
        LayoutParts full = parts(borders);
        assertEquals(0, full.district(5).room(full));
        use(full.district(5), District.LOOK);
        assertEquals(15, full.district(5).room(full));
        assertEquals(0xffdf, full.district(5).unusedBeside(full));
    }

    @Test
    @DisplayName("all others are unused if none had an operation since the last look: the first look finds none")
    void alone() {
        use(parts.district(1), 3);
        use(first, 1);
        assertEquals(0, first.idle(parts));
        use(first, 1);
        assertEquals(ALL_BUT_FIRST, first.idle(parts));
        use(parts.district(3), 1);
        assertEquals(0, first.idle(parts));
        assertEquals(ALL_BUT_FIRST, first.idle(parts));
        // The checks of each part are independent.
        assertEquals(0, parts.district(1).idle(parts));
        assertEquals(0b1101, parts.district(1).idle(parts));
    }

    @Test
    @DisplayName("those without an operation for very many operations of a part are unused, while others are used")
    void idleForLong() {
        use(first, District.IDLE);
        assertEquals(0, first.idle(parts), "nothing is known from before");
        use(first, District.IDLE / 2);
        use(parts.district(2), 1);
        assertEquals(0, first.idle(parts), "not yet");
        use(first, District.IDLE / 2);
        use(parts.district(2), 1);
        assertEquals(0b1010, first.idle(parts));
        use(first, District.IDLE);
        use(parts.district(2), 1);
        use(parts.district(1), 1);
        assertEquals(0b1000, first.idle(parts));
        use(first, District.IDLE);
        use(parts.district(2), 1);
        assertEquals(0b1010, first.idle(parts), "since the look before, not since the first one");
    }

    @Test
    @DisplayName("a part is not unused for itself, though it may have had no operation either")
    void notItself() {
        assertEquals(0, first.idle(parts));
        use(parts.district(2), 1);
        assertEquals(0b1010, first.idle(parts));
    }

    @Test
    @DisplayName("a look is due after 2^15 operations of a part each, and one for unused parts after 2^18")
    void looks() {
        assertEquals(1 << 15, District.LOOK);
        assertEquals(1 << 18, District.IDLE);
        for (int round = 0; round < District.IDLE / District.LOOK; round++) {
            use(first, District.LOOK - 1);
            assertFalse(first.isDueForLook());
            use(first, 1);
            assertTrue(first.isDueForLook());
        }
    }
}
