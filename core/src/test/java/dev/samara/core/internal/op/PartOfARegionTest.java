// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.fixture.OpenFiles;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * Calls for every part of a region of five pages, and for ranges that start or end in other regions, or span them.
 * Region maps of emulators made mistakes here.
 */
final class PartOfARegionTest {
    private static final long PAGE = Geometry.LINUX_X86_64.pageSize();
    private static final long PLACE = 0x10000;
    private static final int FIXED = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED;
    private static final int READ = Protection.READ;
    private static final int ALL = Protection.READ | Protection.WRITE | Protection.EXEC;

    private final AddressSpace space = Machine.builder().build().newSpace(Geometry.LINUX_X86_64);

    private static long page(long number) {
        return PLACE + number * PAGE;
    }

    private void map(long first, long pages, int protection) {
        assertEquals(page(first), space.throwing().mmap(page(first), pages * PAGE, protection, FIXED, null, 0));
    }

    /** Returns the rights of the first pages: a letter for all, for some or for none, and a dot for a hole. */
    private String rights(int pages) {
        StringBuilder rights = new StringBuilder();
        for (int i = 0; i < pages; i++) {
            Vma vma = space.find(page(i));
            assertEquals(vma, space.find(page(i + 1) - 1), "a page has one mapping");
            rights.append(vma == null ? '.' : vma.has(VmaFlags.ACCESS) ? 'A' : vma.has(VmaFlags.READ) ? 'r' : '-');
        }
        space.validate();
        return rights.toString();
    }

    private List<String> ranges() {
        return space.snapshot().maps().stream()
                .map(line -> line.substring(0, line.indexOf(' ') + 5))
                .toList();
    }

    @TestFactory
    @DisplayName("any part of five pages is protected, unmapped or replaced, and nothing else")
    List<DynamicTest> everyPartOfFivePages() {
        List<DynamicTest> tests = new ArrayList<>();
        for (int first = 0; first < 5; first++) {
            for (int end = first + 1; end <= 5; end++) {
                int from = first;
                int pages = end - first;
                tests.add(DynamicTest.dynamicTest(pages + " pages from page " + from, () -> assertPart(from, pages)));
            }
        }
        return tests;
    }

    private void assertPart(int first, int pages) {
        int whole = 1 + (first > 0 ? 1 : 0) + (first + pages < 5 ? 1 : 0);
        map(0, 5, ALL);
        space.throwing().mprotect(page(first), pages * PAGE, READ);
        assertEquals(part(first, pages, "r"), rights(5));
        assertEquals(whole, ranges().size());
        space.throwing().mprotect(page(first), pages * PAGE, ALL);
        assertEquals(1, ranges().size(), "its rights restored, the region is one again");
        space.throwing().munmap(page(first), pages * PAGE);
        assertEquals(part(first, pages, "."), rights(5));
        assertEquals(whole - 1, ranges().size());
        map(first, pages, READ);
        assertEquals(part(first, pages, "r"), rights(5));
        assertEquals(whole, ranges().size());
    }

    private static String part(int first, int pages, String letter) {
        return "A".repeat(first) + letter.repeat(pages) + "A".repeat(5 - first - pages);
    }

    @Test
    @DisplayName("an unmap across holes takes every region in its range, and its part of those at the ends")
    void unmapAcrossHoles() {
        map(0, 3, ALL);
        map(4, 1, READ);
        map(6, 1, ALL);
        map(8, 3, READ);
        space.throwing().munmap(page(1), 8 * PAGE);
        assertEquals("A........rr", rights(11));
        assertEquals(3, space.usage().total());
    }

    @Test
    @DisplayName("an unmap that begins in a hole unmaps every mapping in its range")
    void unmapThatBeginsInAHole() {
        map(0, 5, ALL);
        map(8, 2, ALL);
        space.throwing().munmap(page(-4), 6 * PAGE);
        assertEquals("..AAA...AA", rights(10));
        space.throwing().munmap(page(6), 64 * PAGE);
        assertEquals("..AAA.....", rights(10));
        space.throwing().munmap(page(-1), 64 * PAGE);
        assertEquals(List.of(), ranges(), "a hole, a mapping, and a hole");
    }

    @Test
    @DisplayName("a listing shows each right that a mapping has, and no other")
    void rightsInTheListing() {
        map(0, 5, ALL);
        for (int rights = 0; rights <= ALL; rights++) {
            space.throwing().mprotect(page(0), 5 * PAGE, rights);
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
    void replacedParts() {
        map(0, 5, ALL);
        map(4, 3, READ);
        map(0, 1, READ);
        map(2, 1, READ);
        assertEquals("rArArrr", rights(7));
        assertEquals(
                List.of(
                        "00010000-00011000 r--p",
                        "00011000-00012000 rwxp",
                        "00012000-00013000 r--p",
                        "00013000-00014000 rwxp",
                        "00014000-00017000 r--p"),
                ranges());
    }

    @Test
    @DisplayName("an unmap of nothing, or that ends in a hole, succeeds")
    void unmapThatEndsInAHole() {
        space.throwing().munmap(page(0), 9 * PAGE);
        map(0, 3, ALL);
        space.throwing().munmap(page(1), 9 * PAGE);
        assertEquals("A....", rights(5));
    }

    @Test
    @DisplayName("a region over the end of one, the whole of others and the beginning of the last")
    void regionOverSeveral() {
        map(0, 2, ALL);
        map(2, 1, READ);
        map(4, 1, ALL);
        map(6, 3, ALL);
        map(1, 6, Protection.NONE);
        assertEquals("A------AA", rights(9));
        assertEquals(3, ranges().size());
    }

    @Test
    @DisplayName("shared memory is listed as such, even of a file that cannot be written")
    void letterOfSharedMemory() {
        int shared = MapFlags.SHARED | MapFlags.FIXED;
        assertEquals(page(0), space.mmap(page(0), PAGE, ALL, shared | MapFlags.ANONYMOUS, null, 0));
        assertEquals(page(2), space.mmap(page(2), PAGE, READ, shared, OpenFiles.R, 0));
        assertEquals(page(4), space.mmap(page(4), PAGE, READ, MapFlags.PRIVATE | MapFlags.FIXED, OpenFiles.R, 0));
        assertEquals(List.of("00010000-00011000 rwxs", "00012000-00013000 r--s", "00014000-00015000 r--p"), ranges());
    }
}
