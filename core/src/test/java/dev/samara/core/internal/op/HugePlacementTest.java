// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.fixture.OpenFiles;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.mman.RemapFlags;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A mapping that may profit from huge pages is placed on a 2 MiB boundary: Linux searches for a gap that is 2 MiB
 * larger than needed. If one exists, Linux moves the mapping up to the boundary in it; otherwise it uses any gap.
 */
final class HugePlacementTest {
    private static final Geometry LINUX = Geometry.LINUX_X86_64;
    private static final long PAGE = LINUX.pageSize();
    private static final long HUGE = LINUX.hugeSize();
    private static final long BASE = 0x7fff_f7ff_f000L;

    /** A 2 MiB boundary. */
    private static final long PLACE = 0x3000_0000_0000L;

    private static final int RW = Protection.READ | Protection.WRITE;
    private static final int ANON = MapFlags.PRIVATE | MapFlags.ANONYMOUS;

    private static long map(
            AddressSpace space, long hint, long length, int flags, @Nullable Backing file, long offset) {
        return space.mmap(hint, length, RW, flags, file, offset);
    }

    private static long mapAnywhere(AddressSpace space, long length) {
        return map(space, 0, length, ANON, null, 0);
    }

    /** Returns the highest address for a mapping of a length below the base, at a distance above a boundary. */
    private static long highest(long length, long remainder) {
        long fits = BASE - length - remainder;
        return fits - fits % HUGE + remainder;
    }

    private final AddressSpace space = Machine.builder().build().newSpace(LINUX);

    @Nested
    @DisplayName("Private anonymous memory")
    final class Anonymous {
        @Test
        @DisplayName("of whole huge pages lies on a boundary")
        void wholeHugePagesAreAligned() {
            assertEquals(0x7fff_f7c0_0000L, mapAnywhere(space, HUGE));
            assertEquals(0x7fff_f780_0000L, mapAnywhere(space, 2 * HUGE));
            assertEquals(0x7fff_f760_0000L, mapAnywhere(space, HUGE - PAGE + 1));
        }

        @Test
        @DisplayName("of any other length lies anywhere")
        void otherLengthsAreNotAligned() {
            assertEquals(BASE - HUGE - PAGE, mapAnywhere(space, HUGE + PAGE));
            assertEquals(BASE - 2 * HUGE, mapAnywhere(space, HUGE - PAGE));
        }

        @Test
        @DisplayName("that is shared, or has a hint, lies anywhere")
        void sharedOrHintedMemoryIsNotAligned() {
            assertEquals(BASE - HUGE, map(space, 0, HUGE, MapFlags.SHARED | MapFlags.ANONYMOUS, null, 0));
            assertEquals(PLACE + PAGE, map(space, PLACE + PAGE, HUGE, ANON, null, 0));
            assertEquals(BASE - 2 * HUGE, map(space, PLACE + PAGE, HUGE, ANON, null, 0));
        }

        @Test
        @DisplayName("needs 2 MiB more room than it has for that")
        void exactFits() {
            AddressSpace aligned = CrampedSpace.withFree(LINUX, PLACE, PLACE + 3 * HUGE);
            assertEquals(PLACE + HUGE, mapAnywhere(aligned, 2 * HUGE));
            AddressSpace shifted = CrampedSpace.withFree(LINUX, PLACE + PAGE, PLACE + PAGE + 3 * HUGE);
            assertEquals(PLACE + HUGE, mapAnywhere(shifted, 2 * HUGE));
            AddressSpace low = CrampedSpace.withFree(LINUX, PLACE - PAGE, PLACE - PAGE + 3 * HUGE);
            assertEquals(PLACE, mapAnywhere(low, 2 * HUGE));
        }

        @Test
        @DisplayName("is placed anywhere where there is less room, though a boundary might fit")
        void fallsBackToAnyPlace() {
            AddressSpace almost = CrampedSpace.withFree(LINUX, PLACE, PLACE + 3 * HUGE - PAGE);
            assertEquals(PLACE + HUGE - PAGE, mapAnywhere(almost, 2 * HUGE));
            AddressSpace exact = CrampedSpace.withFree(LINUX, PLACE + PAGE, PLACE + PAGE + HUGE);
            assertEquals(PLACE + PAGE, mapAnywhere(exact, HUGE));
            assertEquals(Errno.ENOMEM.result(), mapAnywhere(exact, HUGE));
        }

        @Test
        @DisplayName("prefers a low gap with a boundary to a higher one without")
        void lowGapWithBoundaryComesFirst() {
            AddressSpace two =
                    CrampedSpace.withFree(LINUX, PLACE, PLACE + 2 * HUGE, PLACE + 4 * HUGE, PLACE + 5 * HUGE);
            assertEquals(PLACE + HUGE, mapAnywhere(two, HUGE));
            assertEquals(PLACE + 4 * HUGE, mapAnywhere(two, HUGE));
        }

        @Test
        @DisplayName("upwards lies on the first boundary")
        void upwards() {
            AddressSpace upwards =
                    Machine.builder().build().space(LINUX).bottomUp(true).build();
            assertEquals(0x2aaa_aac0_0000L, mapAnywhere(upwards, HUGE));
            AddressSpace aligned = CrampedSpace.builder(LINUX, PLACE, PLACE + 2 * HUGE)
                    .bottomUp(true)
                    .build();
            assertEquals(PLACE, mapAnywhere(aligned, HUGE));
        }

        @Test
        @DisplayName("below 2 GiB lies one boundary above the first, as on Linux")
        void below2G() {
            assertEquals(0x4020_0000L, map(space, 0, HUGE, ANON | MapFlags.BELOW_2G, null, 0));
        }

        @Test
        @DisplayName("above 4 GiB moves up from there")
        void above4G() {
            long four = 1L << 32;
            AddressSpace low = CrampedSpace.withFree(LINUX, four - HUGE, four + HUGE);
            assertEquals(four, map(low, 0, HUGE, ANON | MapFlags.ABOVE_4G, null, 0));
            AddressSpace higher = CrampedSpace.withFree(LINUX, four - HUGE, four + 2 * HUGE);
            assertEquals(four + HUGE, map(higher, 0, HUGE, ANON | MapFlags.ABOVE_4G, null, 0));
        }

        @Test
        @DisplayName("that moves is placed by its new length")
        void movesAreAlignedByTheNewLength() {
            int fixed = ANON | MapFlags.FIXED;
            assertEquals(PLACE, map(space, PLACE, PAGE, fixed, null, 0));
            assertEquals(PLACE + PAGE, space.mmap(PLACE + PAGE, PAGE, Protection.NONE, fixed, null, 0));
            assertEquals(highest(2 * HUGE, 0), space.mremap(PLACE, PAGE, 2 * HUGE, RemapFlags.MAYMOVE, 0));
        }
    }

    @Nested
    @DisplayName("A file that wants it")
    final class Files {
        @ParameterizedTest(name = "{0} bytes from {1}")
        @CsvSource({
            "0x200000, 0",
            "0x201000, 0",
            "0x200001, 0x400000",
            "0x400000, 0x100000",
            "0x3ff000, 0x1ff000",
            "0x3ff000, 0x1000",
            "0x201000, 0x1ff000",
            "0x800000, 0x1234000",
        })
        @DisplayName("is placed so that address and offset agree, if it holds a whole huge page")
        void addressAndOffsetAgree(long length, long offset) {
            long address = map(space, 0, length, MapFlags.PRIVATE, OpenFiles.HUGE, offset);
            assertEquals(highest(LINUX.roundUp(length), offset % HUGE), address);
            AddressSpace other = Machine.builder().build().newSpace(LINUX);
            assertEquals(address, map(other, 0, length, MapFlags.SHARED, OpenFiles.HUGE, offset));
        }

        @ParameterizedTest(name = "{0} bytes from {1}")
        @CsvSource({"0x1ff000, 0", "0x200000, 0x1000", "0x3fe000, 0x1000", "0x200000, 0x1ff000"})
        @DisplayName("is placed anywhere if it holds none")
        void shortPiecesAreNotAligned(long length, long offset) {
            assertEquals(BASE - length, map(space, 0, length, MapFlags.PRIVATE, OpenFiles.HUGE, offset));
        }

        @Test
        @DisplayName("takes a hint only where 2 MiB more are free, and then as it is")
        void hintNeedsMoreRoom() {
            long hint = PLACE + 5 * PAGE;
            assertEquals(hint, map(space, hint, HUGE, MapFlags.PRIVATE, OpenFiles.HUGE, 0));
            AddressSpace cramped = Machine.builder().build().newSpace(LINUX);
            long behind = hint + 2 * HUGE - PAGE;
            assertEquals(behind, map(cramped, behind, PAGE, ANON | MapFlags.FIXED, null, 0));
            assertEquals(highest(HUGE, 0), map(cramped, hint, HUGE, MapFlags.PRIVATE, OpenFiles.HUGE, 0));
            assertEquals(0, cramped.munmap(behind, PAGE));
            assertEquals(behind + PAGE, map(cramped, behind + PAGE, PAGE, ANON | MapFlags.FIXED, null, 0));
            assertEquals(hint, map(cramped, hint, HUGE, MapFlags.PRIVATE, OpenFiles.HUGE, 0));
        }

        @Test
        @DisplayName("falls back to its hint, or to any place, where there is no more room")
        void fallsBack() {
            AddressSpace exact = CrampedSpace.withFree(LINUX, PLACE + PAGE, PLACE + PAGE + 2 * HUGE - PAGE);
            assertEquals(PLACE + 9 * PAGE, map(exact, PLACE + 9 * PAGE, HUGE, MapFlags.PRIVATE, OpenFiles.HUGE, 0));
            assertEquals(0, exact.munmap(PLACE + 9 * PAGE, HUGE));
            assertEquals(PLACE + HUGE, map(exact, 0, HUGE, MapFlags.PRIVATE, OpenFiles.HUGE, 0));
        }

        @Test
        @DisplayName("stays where MAP_FIXED puts it")
        void fixedFilesStay() {
            long address = PLACE + PAGE;
            assertEquals(address, map(space, address, HUGE, MapFlags.PRIVATE | MapFlags.FIXED, OpenFiles.HUGE, 0));
        }

        @Test
        @DisplayName("that moves keeps agreeing with its offset")
        void movesAgreeWithTheOffset() {
            long offset = HUGE / 2;
            long length = 2 * HUGE;
            assertEquals(PLACE, map(space, PLACE, length, MapFlags.PRIVATE | MapFlags.FIXED, OpenFiles.HUGE, offset));
            assertEquals(PLACE + length, map(space, PLACE + length, PAGE, ANON | MapFlags.FIXED, null, 0));
            long from = PLACE + 3 * PAGE;
            long moved = space.mremap(from, length - 3 * PAGE, length, RemapFlags.MAYMOVE, 0);
            assertEquals(highest(length, offset + 3 * PAGE), moved);
        }

        @Test
        @DisplayName("that does not want it is placed anywhere")
        void otherFilesAreNotAligned() {
            assertEquals(BASE - HUGE, map(space, 0, HUGE, MapFlags.PRIVATE, OpenFiles.A, 0));
        }
    }

    @Test
    @DisplayName("The zero device is placed like a file if private, like shared memory if shared")
    void zeroDevice() {
        long length = 2 * HUGE + PAGE;
        assertEquals(BASE - length, map(space, 0, length, MapFlags.SHARED, OpenFiles.ZERO, 0));
        AddressSpace other = Machine.builder().build().newSpace(LINUX);
        assertEquals(highest(length, 0), map(other, 0, length, MapFlags.PRIVATE, OpenFiles.ZERO, 0));
    }
}
