// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Placement in a space above whose window there is more; {@code LayoutModelTest} scans small spaces for all places. */
@DisplayName("With five levels of page tables")
final class PlacementTest {
    private static final Geometry LA57 = Geometry.LINUX_X86_64_LA57;
    private static final long PAGE = LA57.pageSize();
    private static final long BASE = 0x7fff_f7ff_f000L;
    private static final long PLACE = 0x2000_0000_0000L;
    private static final int RW = Mman.READ | Mman.WRITE;
    private static final int ANON = Mman.PRIVATE | Mman.ANONYMOUS;
    private static final long WINDOW = LA57.window();
    private static final long HIGH = 1L << 52;

    /** The start of a search that may include addresses above the window. */
    private static final long HIGH_BASE = BASE + LA57.limit() - WINDOW;

    private final AddressSpace large = Machine.builder().build().newSpace(LA57);

    private static long map(AddressSpace space, long address, long pages, int flags) {
        return space.mmap(address, pages * PAGE, RW, flags, null, 0);
    }

    private void assertPlacedInLarge(long expected, long hint, long pages) {
        assertEquals(expected, map(large, hint, pages, ANON));
    }

    @Test
    @DisplayName("nothing is placed above the window unless asked for")
    void windowIsKept() {
        assertPlacedInLarge(BASE - PAGE, 0, 1);
        AddressSpace full = CrampedSpace.withFree(LA57, WINDOW, LA57.limit());
        assertEquals(Errno.ENOMEM.result(), map(full, 0, 1, ANON));
        assertEquals(Errno.ENOMEM.result(), map(full, PLACE, 1, ANON));
        assertEquals(HIGH, map(full, HIGH, 1, ANON));
    }

    @Test
    @DisplayName("a free hint above the window is taken")
    void hintAboveTheWindowIsTaken() {
        assertPlacedInLarge(HIGH, HIGH, 3);
        assertPlacedInLarge(WINDOW + PAGE, WINDOW + PAGE, 1);
        assertPlacedInLarge(LA57.limit() - PAGE, LA57.limit() - PAGE, 1);
    }

    @Test
    @DisplayName("a hint above the window that is taken opens the search to all of the space")
    void refusedHintAboveTheWindowSearchesAll() {
        assertPlacedInLarge(HIGH, HIGH, 1);
        assertPlacedInLarge(HIGH_BASE - PAGE, HIGH, 1);
        assertPlacedInLarge(HIGH_BASE - 3 * PAGE, LA57.limit() - PAGE, 2);
    }

    @Test
    @DisplayName("a hint across the end of the window counts for nothing")
    void hintAcrossTheWindowIsRefused() {
        assertPlacedInLarge(WINDOW - PAGE, WINDOW - PAGE, 1);
        assertPlacedInLarge(BASE - 3 * PAGE, WINDOW - 2 * PAGE, 3);
        assertPlacedInLarge(BASE - 4 * PAGE, WINDOW, 1);
    }

    @Test
    @DisplayName("upwards, a hint above the window lifts the upper end only")
    void hintAboveTheWindowSearchesUpwards() {
        AddressSpace upwards = CrampedSpace.builder(LA57, PLACE * 3, PLACE * 3 + PAGE, HIGH, HIGH + 2 * PAGE)
                .bottomUp(true)
                .build();
        assertEquals(HIGH, map(upwards, LA57.limit() - 2 * PAGE, 2, ANON));
        assertEquals(PLACE * 3, map(upwards, HIGH, 1, ANON));
        assertEquals(0, upwards.munmap(HIGH, PAGE));
        assertEquals(Errno.ENOMEM.result(), map(upwards, PLACE, 1, ANON));
        assertEquals(HIGH, map(upwards, HIGH + PAGE, 1, ANON));
    }

    @Test
    @DisplayName("MAP_FIXED and DONTUNMAP reach everything")
    void namedPlacesReachEverything() {
        assertEquals(WINDOW - PAGE, map(large, WINDOW - PAGE, 2, ANON | Mman.FIXED));
        assertEquals(LA57.limit() - PAGE, map(large, LA57.limit() - PAGE, 1, ANON | Mman.FIXED));
        assertEquals(Errno.ENOMEM.result(), map(large, LA57.limit(), 1, ANON | Mman.FIXED));
        int flags = Mman.MAYMOVE | Mman.DONTUNMAP;
        assertEquals(HIGH, large.mremap(WINDOW, PAGE, PAGE, flags, HIGH));
    }
}
