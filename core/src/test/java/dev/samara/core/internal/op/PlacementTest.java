// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.fixture.LayoutText;
import dev.samara.core.mman.Capability;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.mman.RemapFlags;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** The places that {@code mmap} chooses; the rules for huge pages are in {@link HugePlacementTest}. */
final class PlacementTest {
    private static final Geometry LINUX = Geometry.LINUX_X86_64;
    private static final long PAGE = LINUX.pageSize();
    private static final long LIMIT = LINUX.limit();
    private static final long BASE = 0x7fff_f7ff_f000L;
    private static final long PLACE = 0x2000_0000_0000L;
    private static final long FOUR_GIB = 1L << 32;
    private static final int RW = Protection.READ | Protection.WRITE;
    private static final int ANON = MapFlags.PRIVATE | MapFlags.ANONYMOUS;
    private static final int NOREPLACE = ANON | MapFlags.FIXED_NOREPLACE;

    private final AddressSpace space = Machine.builder().build().newSpace(LINUX);

    private static long map(AddressSpace space, long address, long pages, int flags) {
        return space.mmap(address, pages * PAGE, RW, flags, null, 0);
    }

    private void assertPlaced(long expected, long hint, long pages) {
        assertEquals(expected, map(space, hint, pages, ANON));
    }

    private void occupy(long address, long pages) {
        assertEquals(address, map(space, address, pages, ANON | MapFlags.FIXED));
    }

    @Nested
    @DisplayName("A hint")
    final class Hint {
        @Test
        @DisplayName("is taken if all of it is free, however narrowly")
        void isTakenIfFree() {
            assertPlaced(PLACE, PLACE, 1);
            assertPlaced(PLACE + 3 * PAGE, PLACE + 3 * PAGE, 1);
            assertPlaced(PLACE + PAGE, PLACE + PAGE, 2);
        }

        @Test
        @DisplayName("is not taken if a page of it is mapped")
        void isRefusedIfTaken() {
            occupy(PLACE, 2);
            assertPlaced(BASE - 3 * PAGE, PLACE - PAGE, 3);
            assertPlaced(BASE - 5 * PAGE, PLACE + PAGE, 2);
            assertPlaced(BASE - 6 * PAGE, PLACE, 1);
        }

        @Test
        @DisplayName("may lie above the mmap base, up to the end of the space")
        void mayLieAboveTheBase() {
            assertPlaced(LIMIT - 2 * PAGE, LIMIT - 2 * PAGE, 2);
            assertPlaced(BASE, BASE, 1);
            assertPlaced(LIMIT - 4 * PAGE, LIMIT - 4 * PAGE, 2);
        }

        @Test
        @DisplayName("beyond the end of the space, or across it, counts for nothing")
        void isRefusedBeyondTheEnd() {
            assertPlaced(BASE - 2 * PAGE, LIMIT - PAGE, 2);
            assertPlaced(BASE - 3 * PAGE, LIMIT, 1);
            assertPlaced(BASE - 4 * PAGE, -PAGE, 1);
            assertPlaced(BASE - 5 * PAGE, -1, 1);
        }

        @Test
        @DisplayName("is rounded down to its page; in the first page it is none")
        void isRoundedDown() {
            assertPlaced(PLACE, PLACE + 1, 1);
            assertPlaced(PLACE + PAGE, PLACE + 2 * PAGE - 1, 1);
            assertPlaced(BASE - PAGE, PAGE - 1, 1);
        }

        @Test
        @DisplayName("below the lowest address that may be mapped is raised to that address")
        void isRaisedToTheMinimum() {
            assertPlaced(LINUX.minimum(), PAGE, 1);
            assertPlaced(BASE - PAGE, LINUX.minimum() - 1, 1);
        }
    }

    @Nested
    @DisplayName("Without a hint")
    final class Search {
        @Test
        @DisplayName("the highest gap below the base is taken, at its upper end")
        void highestGapIsTaken() {
            assertPlaced(BASE - 9 * PAGE, 0, 9);
            assertEquals(0, space.munmap(BASE - 8 * PAGE, 3 * PAGE));
            assertEquals(0, space.munmap(BASE - 4 * PAGE, PAGE));
            assertPlaced(BASE - 7 * PAGE, 0, 2);
            assertPlaced(BASE - 13 * PAGE, 0, 4);
            assertPlaced(BASE - 4 * PAGE, 0, 1);
            assertPlaced(BASE - 8 * PAGE, 0, 1);
        }

        @Test
        @DisplayName("what lies above the base is used, upwards, only if nothing fits below")
        void roomAboveTheBaseComesLast() {
            AddressSpace cramped = CrampedSpace.withFree(
                    LINUX, PLACE, PLACE + 2 * PAGE, BASE - 2 * PAGE, BASE + 3 * PAGE, BASE + 9 * PAGE, LIMIT);
            assertEquals(BASE + 9 * PAGE, map(cramped, 0, 6, ANON));
            assertEquals(BASE - 2 * PAGE, map(cramped, 0, 3, ANON));
            assertEquals(PLACE, map(cramped, 0, 2, ANON));
            assertEquals(BASE + PAGE, map(cramped, 0, 1, ANON));
        }

        @Test
        @DisplayName("the base was decided by the limit of the stack at the beginning")
        void baseStaysWhereItIs() {
            AddressSpace large = Machine.builder()
                    .build()
                    .space(LINUX)
                    .limit(Resource.STACK, 1L << 30)
                    .build();
            long base = LINUX.mmapBase(1L << 30, 256 * PAGE);
            assertEquals(base - PAGE, map(large, 0, 1, ANON));
            large.setLimit(Resource.STACK, 8L << 20);
            assertEquals(base - 2 * PAGE, map(large, 0, 1, ANON));
        }

        @Test
        @DisplayName("upwards, the lowest gap from a third of the space on is taken")
        void lowestGapIsTakenUpwards() {
            AddressSpace upwards =
                    Machine.builder().build().space(LINUX).bottomUp(true).build();
            long third = 0x2aaa_aaaa_b000L;
            assertEquals(third, map(upwards, 0, 4, ANON));
            assertEquals(third + 4 * PAGE, map(upwards, 0, 1, ANON));
            assertEquals(0, upwards.munmap(third + PAGE, 2 * PAGE));
            assertEquals(third + 5 * PAGE, map(upwards, 0, 3, ANON));
            assertEquals(third + PAGE, map(upwards, 0, 1, ANON));
            assertEquals(PLACE, map(upwards, PLACE, 1, ANON));
            assertEquals(third + 2 * PAGE, map(upwards, PLACE, 1, ANON));
        }

        @Test
        @DisplayName("upwards, nothing is found below a third of the space")
        void nothingBelowAThirdIsFoundUpwards() {
            AddressSpace cramped = CrampedSpace.builder(LINUX, PLACE, PLACE + 9 * PAGE, LIMIT - PAGE, LIMIT)
                    .bottomUp(true)
                    .build();
            assertEquals(Errno.ENOMEM.result(), map(cramped, 0, 2, ANON));
            assertEquals(LIMIT - PAGE, map(cramped, 0, 1, ANON));
            assertEquals(Errno.ENOMEM.result(), map(cramped, 0, 1, ANON));
        }
    }

    @Nested
    @DisplayName("MAP_32BIT")
    final class Below2G {
        @Test
        @DisplayName("searches upwards from 1 GiB")
        void searchesUpwards() {
            assertEquals(0x4000_0000L, map(space, 0, 1, ANON | MapFlags.BELOW_2G));
            assertEquals(0x4000_1000L, map(space, 0, 1, ANON | MapFlags.BELOW_2G));
        }

        @Test
        @DisplayName("takes a hint below 2 GiB, and only there")
        void takesHintsBelow2G() {
            int flags = ANON | MapFlags.BELOW_2G;
            assertEquals(0x2000_0000L, map(space, 0x2000_0000L, 1, flags));
            assertEquals(0x7fff_f000L, map(space, 0x7fff_f000L, 1, flags));
            assertEquals(0x4000_0000L, map(space, 0x7fff_e000L, 2, flags));
            assertEquals(0x4000_2000L, map(space, 0x8000_0000L, 1, flags));
            assertEquals(0x4000_3000L, map(space, PLACE, 1, flags));
        }

        @Test
        @DisplayName("wins over MAP_ABOVE4G")
        void winsOverAbove4G() {
            assertEquals(0x4000_0000L, map(space, 0, 1, ANON | MapFlags.BELOW_2G | MapFlags.ABOVE_4G));
        }
    }

    @Nested
    @DisplayName("MAP_ABOVE4G")
    final class Above4G {
        @Test
        @DisplayName("binds a search, and no hint")
        void bindsOnlyTheSearch() {
            int flags = ANON | MapFlags.ABOVE_4G;
            assertEquals(BASE - PAGE, map(space, 0, 1, flags));
            assertEquals(0x2000_0000L, map(space, 0x2000_0000L, 1, flags));
            AddressSpace low = CrampedSpace.withFree(LINUX, FOUR_GIB - 4 * PAGE, FOUR_GIB + 2 * PAGE);
            assertEquals(Errno.ENOMEM.result(), map(low, 0, 3, flags));
            assertEquals(FOUR_GIB + PAGE, map(low, 0, 1, flags));
        }

        @Test
        @DisplayName("means nothing to a search upwards, which begins far above")
        void isNothingUpwards() {
            AddressSpace upwards =
                    Machine.builder().build().space(LINUX).bottomUp(true).build();
            assertEquals(LINUX.bottomUpBase(), map(upwards, 0, 1, ANON | MapFlags.ABOVE_4G));
        }
    }

    @Nested
    @DisplayName("With five levels of page tables")
    final class FiveLevels {
        private static final Geometry LA57 = Geometry.LINUX_X86_64_LA57;
        private static final long WINDOW = LA57.window();
        private static final long HIGH = 1L << 52;

        /** The start of a search that may include addresses above the window. */
        private static final long HIGH_BASE = BASE + LA57.limit() - WINDOW;

        private final AddressSpace large = Machine.builder().build().newSpace(LA57);

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
            assertEquals(WINDOW - PAGE, map(large, WINDOW - PAGE, 2, ANON | MapFlags.FIXED));
            assertEquals(LA57.limit() - PAGE, map(large, LA57.limit() - PAGE, 1, ANON | MapFlags.FIXED));
            assertEquals(Errno.ENOMEM.result(), map(large, LA57.limit(), 1, ANON | MapFlags.FIXED));
            int flags = RemapFlags.MAYMOVE | RemapFlags.DONTUNMAP;
            assertEquals(HIGH, large.mremap(WINDOW, PAGE, PAGE, flags, HIGH));
        }
    }

    @Nested
    @DisplayName("MAP_FIXED")
    final class Fixed {
        @Test
        @DisplayName("reaches from the lowest address that may be mapped to the end of the space")
        void boundsOfFixedMappings() {
            int fixed = ANON | MapFlags.FIXED;
            assertEquals(LINUX.minimum(), map(space, LINUX.minimum(), 1, fixed));
            assertEquals(LIMIT - PAGE, map(space, LIMIT - PAGE, 1, fixed));
            assertEquals(Errno.EPERM.result(), map(space, LINUX.minimum() - PAGE, 1, fixed));
            assertEquals(Errno.ENOMEM.result(), map(space, LIMIT - PAGE, 2, fixed));
            assertEquals(Errno.ENOMEM.result(), map(space, LIMIT - PAGE + 1, 1, fixed));
            assertEquals(Errno.EINVAL.result(), map(space, PLACE + 1, 1, fixed));
        }

        @Test
        @DisplayName("reaches address 0 with CAP_SYS_RAWIO")
        void privilegedMappingAtZero() {
            AddressSpace privileged = Machine.builder()
                    .build()
                    .space(LINUX)
                    .grant(Capability.SYS_RAWIO)
                    .build();
            assertEquals(0, map(privileged, 0, 1, ANON | MapFlags.FIXED));
        }

        @Test
        @DisplayName("replaces the pages of its range, and no page more")
        void replacesExactly() {
            occupy(PLACE, 5);
            assertEquals(
                    PLACE + PAGE, space.mmap(PLACE + PAGE, 3 * PAGE, Protection.READ, ANON | MapFlags.FIXED, null, 0));
            assertEquals(3, space.snapshot().vmas().size());
            assertEquals(5, space.usage().total());
        }
    }

    @Nested
    @DisplayName("MAP_FIXED_NOREPLACE")
    final class FixedNoReplace {
        @Test
        @DisplayName("takes exactly the free range")
        void takesWhatIsFree() {
            occupy(PLACE, 1);
            occupy(PLACE + 3 * PAGE, 1);
            assertEquals(PLACE + PAGE, map(space, PLACE + PAGE, 2, NOREPLACE));
            assertEquals(PLACE - PAGE, map(space, PLACE - PAGE, 1, NOREPLACE | MapFlags.FIXED));
        }

        @Test
        @DisplayName("is refused if a single page is mapped, and replaces nothing")
        void isRefusedOverSomething() {
            occupy(PLACE, 3);
            String before = LayoutText.of(space);
            for (int flags : new int[] {NOREPLACE, NOREPLACE | MapFlags.FIXED}) {
                assertEquals(Errno.EEXIST.result(), map(space, PLACE - PAGE, 2, flags));
                assertEquals(Errno.EEXIST.result(), map(space, PLACE + 2 * PAGE, 2, flags));
                assertEquals(Errno.EEXIST.result(), map(space, PLACE + PAGE, 1, flags));
                assertEquals(Errno.EEXIST.result(), map(space, PLACE - PAGE, 5, flags));
            }
            assertEquals(before, LayoutText.of(space));
        }

        @Test
        @DisplayName("is no hint: the address must be one that MAP_FIXED could have")
        void isNoHint() {
            assertEquals(Errno.EINVAL.result(), map(space, PLACE + 1, 1, NOREPLACE));
            assertEquals(Errno.ENOMEM.result(), map(space, LIMIT, 1, NOREPLACE));
            assertEquals(Errno.EPERM.result(), map(space, PAGE, 1, NOREPLACE));
        }
    }
}
