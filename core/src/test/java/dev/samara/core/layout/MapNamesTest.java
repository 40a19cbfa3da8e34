// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.LayoutSnapshot;
import dev.samara.core.Machine;
import dev.samara.core.fixture.OpenFiles;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The names in the last column of a listing. */
@DisplayName("A listing names files, the heap and the main stack")
final class MapNamesTest {
    private static final Geometry LINUX = Geometry.LINUX_X86_64;
    private static final long PAGE = LINUX.pageSize();
    private static final long PLACE = 0x2000_0000_0000L;
    private static final long HEAP = 0x5555_5555_9000L;
    private static final int RW = Mman.READ | Mman.WRITE;
    private static final int ANON = Mman.PRIVATE | Mman.ANONYMOUS;

    @ParameterizedTest
    @CsvSource({"1000, 2000", "100000000, 100001000", "2000000000000000, 2000000000001000"})
    @DisplayName("names begin in column 73 however long the addresses are")
    void namesBeginInTheirColumn(String start, String end) {
        long first = Long.parseUnsignedLong(start, 16);
        Geometry large = new Geometry(12, 5, 21, 0, 1L << 62, 1L << 62);
        Vma vma = VmArea.describe(first, Long.parseUnsignedLong(end, 16), VmaFlags.READ, 5, OpenFiles.A, null, null);
        AddressSpace space =
                Machine.builder().build().space(large).load(List.of(vma)).build();
        String line = space.snapshot().maps().get(0);
        assertEquals("A", line.substring(73));
        String prefix = String.format("%08x-%08x r--p 00005000 fe:00 1 ", vma.start(), vma.end());
        assertEquals(prefix + " ".repeat(73 - prefix.length()), line.substring(0, 73));
    }

    @Test
    @DisplayName("the heap is named wherever its memory is, and only that")
    void heapIsNamed() {
        AddressSpace space =
                Machine.builder().build().space(LINUX).heap(HEAP, HEAP).build();
        int fixed = ANON | Mman.FIXED;
        space.throwing().mmap(HEAP - PAGE, PAGE, RW, fixed, null, 0);
        assertEquals(List.of(""), names(space));
        space.throwing().brk(HEAP + 3 * PAGE - 1);
        assertEquals(List.of("", "[heap]"), names(space));
        LayoutSnapshot before = space.snapshot();
        space.throwing().mprotect(HEAP + PAGE, PAGE, Mman.READ);
        space.throwing().mmap(HEAP + 2 * PAGE, PAGE, RW, Mman.PRIVATE | Mman.FIXED, OpenFiles.A, 0);
        space.throwing().mmap(HEAP + 3 * PAGE, PAGE, RW, fixed, null, 0);
        assertEquals(List.of("", "[heap]", "[heap]", "A", ""), names(space));
        space.throwing().mmap(HEAP - PAGE, 2 * PAGE, Mman.NONE, fixed, null, 0);
        assertEquals(List.of("[heap]", "[heap]", "A", ""), names(space));
        space.throwing().brk(HEAP);
        assertEquals(List.of("", ""), names(space));
        assertEquals(2, before.maps().size());
        assertEquals("[heap]", before.maps().get(1).substring(73));
    }

    @Test
    @DisplayName("the main stack is named by an address in it, and stays so when it grows; others have no name")
    void stackIsNamed() {
        AddressSpace space =
                Machine.builder().build().space(LINUX).stack(PLACE + PAGE - 8).build();
        int stack = ANON | Mman.FIXED | Mman.GROWSDOWN;
        space.throwing().mmap(PLACE - 4000 * PAGE, PAGE, RW, stack, null, 0);
        space.throwing().mmap(PLACE, PAGE, RW, stack, null, 0);
        assertEquals(List.of("", "[stack]"), names(space));
        space.throwing().growStack(PLACE - 9 * PAGE);
        assertEquals(List.of("", "[stack]"), names(space));
        space.throwing().mprotect(PLACE - 5 * PAGE, 5 * PAGE, Mman.READ);
        assertEquals(List.of("", "", "", "[stack]"), names(space));
    }

    @Test
    @DisplayName("a mapping that ends at the stack's start is the main stack, too, and one that ends below it is not")
    void stackEndsAtItsStart() {
        for (long start : new long[] {PLACE + PAGE, PLACE + PAGE + 1}) {
            AddressSpace space =
                    Machine.builder().build().space(LINUX).stack(start).build();
            space.throwing().mmap(PLACE, PAGE, RW, ANON | Mman.FIXED, null, 0);
            assertEquals(List.of(start == PLACE + PAGE ? "[stack]" : ""), names(space));
        }
    }

    private static List<String> names(AddressSpace space) {
        return space.snapshot().maps().stream()
                .map(line -> line.length() > 73 ? line.substring(73) : "")
                .toList();
    }
}
