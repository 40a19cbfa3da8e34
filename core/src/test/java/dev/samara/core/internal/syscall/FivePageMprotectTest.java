// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Four mistakes that region maps of emulators have made when a call does not fit the regions exactly. */
final class FivePageMprotectTest {
    private static final long PAGE = 0x1000;
    private static final long START = 0x1_0000;
    private static final int RWX = Protection.READ | Protection.WRITE | Protection.EXEC;
    private static final int FIXED = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED;

    private final AddressSpace space = Machine.builder().build().newSpace(Geometry.LINUX_X86_64);

    @BeforeEach
    void mapFivePages() {
        assertEquals(START, space.mmap(START, 5 * PAGE, RWX, FIXED, null, 0));
    }

    private Vma page(int number) {
        Vma vma = space.find(START + number * PAGE);
        assertNotNull(vma, () -> "page " + number + " is gone");
        return vma;
    }

    @Test
    @DisplayName("the middle page of five becomes read-only, and pages 3 and 4 stay what they were")
    void middlePage() {
        assertEquals(0, space.mprotect(START + 2 * PAGE, PAGE, Protection.READ));
        for (int number = 0; number < 5; number++) {
            assertEquals(number != 2, page(number).has(VmaFlags.WRITE), "page " + number + " can be written");
        }
        assertEquals(
                List.of(
                        "00010000-00012000 rwxp 00000000 00:00 0 ",
                        "00012000-00013000 r--p 00000000 00:00 0 ",
                        "00013000-00015000 rwxp 00000000 00:00 0 "),
                space.snapshot().maps());
        space.validate();
        assertEquals(0, space.mprotect(START + 2 * PAGE, PAGE, RWX));
        assertEquals(
                List.of("00010000-00015000 rwxp 00000000 00:00 0 "),
                space.snapshot().maps());
    }

    @Test
    @DisplayName("an unmap that begins in a hole unmaps every mapping in its range")
    void unmapFromAHole() {
        assertEquals(START + 8 * PAGE, space.mmap(START + 8 * PAGE, 2 * PAGE, RWX, FIXED, null, 0));
        assertEquals(0, space.munmap(START - 4 * PAGE, 6 * PAGE));
        assertNull(space.find(START + PAGE));
        assertTrue(page(2).contains(START + 4 * PAGE));
        assertEquals(0, space.munmap(START + 6 * PAGE, 64 * PAGE));
        assertNull(space.find(START + 9 * PAGE));
        assertEquals(
                List.of("00012000-00015000 rwxp 00000000 00:00 0 "),
                space.snapshot().maps());
        assertEquals(0, space.munmap(START - PAGE, 64 * PAGE), "a hole, a mapping, and a hole");
        assertEquals(List.of(), space.snapshot().vmas());
    }

    @Test
    @DisplayName("a listing shows each right that a mapping has, and no other")
    void rightsInTheListing() {
        for (int rights = 0; rights <= RWX; rights++) {
            assertEquals(0, space.mprotect(START, 5 * PAGE, rights));
            String shown = ((rights & Protection.READ) != 0 ? "r" : "-")
                    + ((rights & Protection.WRITE) != 0 ? "w" : "-")
                    + ((rights & Protection.EXEC) != 0 ? "x" : "-");
            assertEquals(
                    List.of("00010000-00015000 " + shown + "p 00000000 00:00 0 "),
                    space.snapshot().maps());
        }
    }

    @Test
    @DisplayName("a new mapping over the end of one, over its start, and in its middle replaces just that part")
    void replaceAPart() {
        int read = Protection.READ;
        assertEquals(START + 4 * PAGE, space.mmap(START + 4 * PAGE, 3 * PAGE, read, FIXED, null, 0));
        assertEquals(START, space.mmap(START, PAGE, read, FIXED, null, 0));
        assertEquals(START + 2 * PAGE, space.mmap(START + 2 * PAGE, PAGE, read, FIXED, null, 0));
        assertEquals(
                List.of(
                        "00010000-00011000 r--p 00000000 00:00 0 ",
                        "00011000-00012000 rwxp 00000000 00:00 0 ",
                        "00012000-00013000 r--p 00000000 00:00 0 ",
                        "00013000-00014000 rwxp 00000000 00:00 0 ",
                        "00014000-00017000 r--p 00000000 00:00 0 "),
                space.snapshot().maps());
        space.validate();
    }
}
