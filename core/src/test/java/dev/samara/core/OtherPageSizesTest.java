// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.samara.core.fixture.LayoutText;
import dev.samara.core.fixture.OpenFiles;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.OpenFile;
import dev.samara.core.vma.Vma;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Calls in spaces with the page sizes of other processors, 16 KiB and 64 KiB. A multiple of 4 KiB is not always a
 * multiple of the page size.
 */
@ParameterizedClass(name = "{0}")
@MethodSource("geometries")
final class OtherPageSizesTest {
    private static final long SMALL_PAGE = 4096;
    private static final long PLACE = 0x2000_0000_0000L;
    private static final int RW = Mman.READ | Mman.WRITE;
    private static final int ANON = Mman.PRIVATE | Mman.ANONYMOUS;
    private static final int FIXED = ANON | Mman.FIXED;

    private final Geometry geometry;
    private final long page;
    private final AddressSpace space;

    OtherPageSizesTest(Geometry geometry) {
        this.geometry = geometry;
        page = geometry.pageSize();
        space = Machine.builder().build().newSpace(geometry);
    }

    static Stream<Arguments> geometries() {
        long window = 1L << 47;
        return Stream.of(
                Arguments.of(Named.of("16 KiB", new Geometry(14, 4, 25, 0x10000, window, window))),
                Arguments.of(Named.of("64 KiB", new Geometry(16, 3, 29, 0x10000, window, 1L << 51))));
    }

    private long map(long first, long pages, int protection) {
        long address = PLACE + first * page;
        assertEquals(address, space.mmap(address, pages * page, protection, FIXED, null, 0));
        return address;
    }

    private List<Long> pageCounts() {
        space.validate();
        return space.snapshot().vmas().stream().map(vma -> vma.length() / page).toList();
    }

    @Test
    @DisplayName("lengths are rounded up to whole pages")
    void lengthsAreRounded() {
        assertEquals(PLACE, space.mmap(PLACE, 1, RW, FIXED, null, 0));
        assertNotNull(space.find(PLACE + page - 1));
        assertNull(space.find(PLACE + page));
        assertEquals(PLACE + page, space.mmap(PLACE + page, SMALL_PAGE + 2 * page, RW, FIXED, null, 0));
        assertEquals(List.of(4L), pageCounts());
        assertEquals(0, space.mprotect(PLACE, SMALL_PAGE, Mman.READ));
        assertEquals(List.of(1L, 3L), pageCounts());
        assertEquals(0, space.munmap(PLACE + page, SMALL_PAGE));
        assertEquals(List.of(1L, 2L), pageCounts());
        assertEquals(PLACE + 2 * page, space.mremap(PLACE + 2 * page, page + 1, 2 * page, 0, 0));
        assertEquals(PLACE + 2 * page, space.mremap(PLACE + 2 * page, 2 * page, 2 * page + 1, 0, 0));
        assertEquals(List.of(1L, 3L), pageCounts());
        assertEquals(Errno.ENOMEM.result(), space.mmap(0, -page + 1, RW, ANON, null, 0));
    }

    @Test
    @DisplayName("an address within a page is refused where Linux refuses it")
    void addressesWithinAPageAreRefused() {
        map(0, 8, RW);
        String before = LayoutText.of(space);
        long within = PLACE + SMALL_PAGE;
        int move = Mman.MAYMOVE | Mman.MREMAP_FIXED;
        long[] results = {
            space.mmap(within, page, RW, FIXED, null, 0),
            space.mmap(0, page, RW, Mman.PRIVATE, OpenFiles.A, SMALL_PAGE),
            space.munmap(within, page),
            space.mprotect(within, page, Mman.READ),
            space.mremap(within, page, page, 0, 0),
            space.mremap(PLACE, page, page, move, within + 16 * page),
            space.madvise(within, page, Mman.DONTFORK),
            space.msync(within, page, Mman.SYNC),
            space.mseal(within, page, 0),
            space.shmat(OpenFiles.FIVE_PAGES, within + 16 * page, 0),
            space.shmdt(within)
        };
        for (long result : results) {
            assertEquals(Errno.EINVAL.result(), result);
        }
        assertEquals(before, LayoutText.of(space));
    }

    @Test
    @DisplayName("a lock begins with the page of its address and ends with that of its last byte")
    void locksAreRoundedOutwards() {
        map(0, 4, RW);
        assertEquals(0, space.mlock(PLACE + page + SMALL_PAGE, page));
        assertEquals(List.of(1L, 2L, 1L), pageCounts());
        assertEquals(2, space.usage().locked());
        assertEquals(0, space.munlock(PLACE + 2 * page - 1, 1));
        assertEquals(1, space.usage().locked());
    }

    @Test
    @DisplayName("a hint is rounded down, and a search ends at the base")
    void placement() {
        assertEquals(PLACE, space.mmap(PLACE + page - 1, page, RW, ANON, null, 0));
        long base = geometry.mmapBase(8L << 20, 256 * page);
        assertEquals(base - page, space.mmap(0, 1, RW, ANON, null, 0));
        assertEquals(base - 2 * page, space.mmap(PLACE + SMALL_PAGE, page, RW, ANON, null, 0));
        assertEquals(geometry.minimum(), space.mmap(page, page, RW, ANON, null, 0));
        assertEquals(Errno.EPERM.result(), space.mmap(geometry.minimum() - page, page, RW, FIXED, null, 0));
    }

    @Test
    @DisplayName("whole huge pages, and only those, lie on their boundary")
    void hugePages() {
        long huge = geometry.hugeSize();
        long base = geometry.mmapBase(8L << 20, 256 * page);
        assertEquals(base - huge / 2, space.mmap(0, huge / 2, RW, ANON, null, 0));
        long aligned = space.mmap(0, huge, RW, ANON, null, 0);
        assertEquals(0, aligned % huge);
        assertEquals(base - huge / 2 - huge - (base - huge / 2) % huge, aligned);
        long agreeing = space.mmap(0, 2 * huge, RW, Mman.PRIVATE, OpenFiles.HUGE, 3 * page);
        assertEquals(3 * page, agreeing % huge);
    }

    @Test
    @DisplayName("offsets count pages of that size, and continue each other")
    void offsetsCountPages() {
        int file = Mman.SHARED | Mman.FIXED;
        assertEquals(PLACE, space.mmap(PLACE, 4 * page, RW, file, OpenFiles.A, 5 * page));
        assertEquals(0, space.munmap(PLACE + page, 2 * page));
        Vma last = space.find(PLACE + 3 * page);
        assertNotNull(last);
        assertEquals(8, last.pageOffset());
        String line = String.format("%08x-%08x rw-s %08x fe:00 1 ", PLACE + 3 * page, PLACE + 4 * page, 8 * page);
        assertEquals(line, space.snapshot().maps().get(1).substring(0, line.length()));
        assertEquals(PLACE + page, space.mmap(PLACE + page, 2 * page, RW, file, OpenFiles.A, 6 * page));
        assertEquals(List.of(4L), pageCounts());
    }

    @Test
    @DisplayName("the maximum size of the file is compared in bytes")
    void fileSizes() {
        OpenFile file =
                OpenFile.named("file").maximumSize(3 * page + SMALL_PAGE).open();
        assertEquals(PLACE, space.mmap(PLACE, 3 * page, RW, Mman.SHARED | Mman.FIXED, file, 0));
        assertEquals(Errno.EOVERFLOW.result(), space.mmap(0, 4 * page, RW, Mman.SHARED, file, 0));
        assertEquals(Errno.EOVERFLOW.result(), space.mmap(0, 3 * page, RW, Mman.SHARED, file, page));
        assertEquals(
                PLACE + 8 * page, space.mmap(PLACE + 8 * page, page, RW, Mman.SHARED | Mman.FIXED, file, 2 * page));
    }

    @Test
    @DisplayName("limits in bytes are whole pages, rounded down")
    void limitsAreRoundedDown() {
        space.setLimit(Resource.AS, 3 * page + SMALL_PAGE);
        map(0, 3, Mman.READ);
        assertEquals(Errno.ENOMEM.result(), space.mmap(0, 1, Mman.READ, ANON, null, 0));
        space.setLimit(Resource.AS, -1);
        space.setLimit(Resource.MEMLOCK, 2 * page - 1);
        assertEquals(Errno.ENOMEM.result(), space.mlock(PLACE, 2 * page));
        assertEquals(0, space.mlock(PLACE, page));
        space.setLimit(Resource.DATA, page);
        assertEquals(Errno.ENOMEM.result(), space.mprotect(PLACE + page, 2 * page, RW));
        assertEquals(0, space.mprotect(PLACE + page, page, RW));
        assertEquals(new Usage(3, 3, 1, 0, 0, 1, 1), space.usage());
    }

    @Test
    @DisplayName("machines count bytes, whatever the pages of their spaces")
    void committedBytes() {
        Machine machine = Machine.builder().commitLimit(3 * page).build();
        AddressSpace large = machine.newSpace(geometry);
        AddressSpace small = machine.newSpace(Geometry.LINUX_X86_64);
        assertEquals(PLACE, large.mmap(PLACE, 2 * page, RW, FIXED, null, 0));
        assertEquals(PLACE, small.mmap(PLACE, SMALL_PAGE, RW, FIXED, null, 0));
        assertEquals(2 * page + SMALL_PAGE, machine.committed());
        assertEquals(Errno.ENOMEM.result(), large.mmap(0, page, RW, ANON, null, 0));
        assertNotEquals(Errno.ENOMEM.result(), small.mmap(0, page - SMALL_PAGE, RW, ANON, null, 0));
        assertEquals(3 * page, machine.committed());
    }

    @Test
    @DisplayName("the heap ends where it was told, and is mapped in whole pages")
    void heap() {
        long start = geometry.defaultHeap();
        assertEquals(start + 1, space.brk(start + 1));
        assertEquals(1, space.usage().total());
        assertEquals(start + page, space.brk(start + page));
        assertEquals(1, space.usage().total());
        assertEquals(start + page + SMALL_PAGE, space.brk(start + page + SMALL_PAGE));
        assertEquals(List.of(2L), pageCounts());
        assertEquals(start + page - SMALL_PAGE, space.brk(start + page - SMALL_PAGE));
        assertEquals(List.of(1L), pageCounts());
    }

    @Test
    @DisplayName("a stack grows by whole pages and keeps its gap in pages")
    void stack() {
        long stack = PLACE + 4000 * page;
        space.setLimit(Resource.STACK, 400 * page);
        assertEquals(stack, space.mmap(stack, page, RW, FIXED | Mman.GROWSDOWN, null, 0));
        map(4000 - 260, 1, RW);
        assertEquals(0, space.growStack(stack - page - 1));
        assertEquals(3, space.usage().stack());
        assertEquals(0, space.growStack(stack - 3 * page));
        assertEquals(Errno.ENOMEM.result(), space.growStack(stack - 3 * page - 1));
        assertEquals(4, space.usage().stack());
        assertEquals(stack - 262 * page, space.mmap(stack - 262 * page, 2 * page, RW, ANON, null, 0));
    }

    @Test
    @DisplayName("shared memory takes whole pages, and its address may be rounded down")
    void sharedMemory() {
        long pages = geometry.roundUp(OpenFiles.FIVE_PAGES.size()) / page;
        assertEquals(PLACE, space.shmat(OpenFiles.FIVE_PAGES, PLACE + page - 1, Mman.RND));
        assertEquals(List.of(pages), pageCounts());
        assertEquals(0, space.shmdt(PLACE));
        assertEquals(List.of(), pageCounts());
    }

    @Test
    @DisplayName("the printed layout is read as an equal layout")
    void printedAndRead() {
        map(0, 4, RW);
        assertEquals(0, space.mprotect(PLACE + page, page, Mman.READ));
        int file = Mman.SHARED | Mman.FIXED;
        assertEquals(PLACE + 6 * page, space.mmap(PLACE + 6 * page, 2 * page, RW, file, OpenFiles.A, 11 * page));
        LayoutSnapshot printed = space.snapshot();
        AddressSpace again = Machine.builder()
                .build()
                .space(geometry)
                .load(ProcMaps.parse(
                        geometry, printed.maps(), printed.vmFlags(), (major, minor, inode, name, flags) -> OpenFiles.A))
                .build();
        assertEquals(LayoutText.of(space), LayoutText.of(again));
    }
}
