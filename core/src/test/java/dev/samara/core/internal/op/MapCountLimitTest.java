// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.fixture.LayoutText;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.mman.RemapFlags;
import dev.samara.core.vma.Geometry;
import java.util.function.ToLongFunction;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Historical bug 35, in a space with the maximum number of mappings. */
@DisplayName("35: with as many mappings as there may be")
final class MapCountLimitTest {
    private static final int LIMIT = 8;
    private static final long PAGE = Geometry.LINUX_X86_64.pageSize();
    private static final long PLACE = 0x2000_0000_0000L;
    private static final long HEAP = 0x1000_0000L;
    private static final int READ = Protection.READ;
    private static final int RW = Protection.READ | Protection.WRITE;
    private static final int ANON = MapFlags.PRIVATE | MapFlags.ANONYMOUS;
    private static final int FIXED = ANON | MapFlags.FIXED;

    private final AddressSpace space = Machine.builder()
            .maxMapCount(LIMIT)
            .build()
            .space(Geometry.LINUX_X86_64)
            .heap(HEAP, HEAP)
            .build();

    private static long page(long number) {
        return PLACE + number * PAGE;
    }

    /** Creates eight adjacent mappings of five pages each, alternately {@code rw-} and {@code r--}. */
    @BeforeEach
    void mapAsManyAsAllowed() {
        for (long i = 0; i < LIMIT; i++) {
            assertEquals(page(5 * i), space.mmap(page(5 * i), 5 * PAGE, i % 2 == 0 ? RW : READ, FIXED, null, 0));
        }
        assertMaps(LIMIT);
    }

    private void assertMaps(long expected) {
        space.validate();
        assertEquals(expected, space.usage().maps(), () -> LayoutText.of(space));
    }

    private void assertRefusedUnchanged(Errno errno, ToLongFunction<AddressSpace> call) {
        assertRefusedUnchanged(errno.result(), call);
    }

    private void assertRefusedUnchanged(long result, ToLongFunction<AddressSpace> call) {
        String before = LayoutText.of(space);
        assertEquals(result, call.applyAsLong(space));
        assertEquals(before, LayoutText.of(space));
        space.validate();
    }

    @Test
    @DisplayName("a hole in one is refused before anything changes")
    void holeIsRefused() {
        assertRefusedUnchanged(Errno.ENOMEM, any -> any.munmap(page(1), PAGE));
        assertRefusedUnchanged(Errno.ENOMEM, any -> any.munmap(page(11), 3 * PAGE));
        assertRefusedUnchanged(Errno.ENOMEM, any -> any.mmap(page(1), PAGE, READ, FIXED, null, 0));
        assertRefusedUnchanged(Errno.ENOMEM, any -> any.mremap(page(0), 3 * PAGE, PAGE, 0, 0));
    }

    @Test
    @DisplayName("with room for one, a hole in one is made, and no second one")
    void oneHoleIsMade() {
        assertEquals(0, space.munmap(page(35), 5 * PAGE));
        assertEquals(0, space.munmap(page(1), PAGE));
        assertMaps(LIMIT);
        assertRefusedUnchanged(Errno.ENOMEM, any -> any.munmap(page(6), PAGE));
    }

    @Test
    @DisplayName("a part is not given other rights, nor locked, advised or sealed")
    void cutIsRefused() {
        assertRefusedUnchanged(Errno.ENOMEM, any -> any.mprotect(page(1), PAGE, READ));
        assertRefusedUnchanged(Errno.ENOMEM, any -> any.mprotect(page(0), PAGE, READ));
        assertRefusedUnchanged(Errno.ENOMEM, any -> any.mlock(page(1), PAGE));
        assertRefusedUnchanged(Errno.EAGAIN, any -> any.madvise(page(1), PAGE, Advice.DONTFORK));
        assertRefusedUnchanged(Errno.ENOMEM, any -> any.mseal(page(1), PAGE, 0));
    }

    @Test
    @DisplayName("with room for one, a part in the middle is cut once and keeps its rights")
    void secondCutIsRefused() {
        assertEquals(0, space.munmap(page(35), 5 * PAGE));
        assertEquals(Errno.ENOMEM.result(), space.mprotect(page(1), PAGE, READ));
        assertMaps(LIMIT);
        assertEquals(page(1), space.snapshot().vmas().get(1).start());
        assertEquals(
                Protection.READ | Protection.WRITE,
                space.snapshot().vmas().get(1).flags() & 7);
    }

    @Test
    @DisplayName("with room for one, a part at either end is given other rights")
    void oneCutIsMade() {
        assertEquals(0, space.munmap(page(35), 5 * PAGE));
        assertEquals(0, space.mprotect(page(0), PAGE, READ));
        assertMaps(LIMIT);
        assertEquals(0, space.mprotect(page(0), PAGE, RW));
        assertEquals(0, space.mprotect(page(34), PAGE, READ));
        assertMaps(LIMIT);
    }

    @Test
    @DisplayName("a move is refused some mappings earlier, since it may cut at both places")
    void moveIsRefused() {
        int fixed = RemapFlags.MAYMOVE | RemapFlags.MREMAP_FIXED;
        assertRefusedUnchanged(Errno.ENOMEM, any -> any.mremap(page(0), 5 * PAGE, 6 * PAGE, RemapFlags.MAYMOVE, 0));
        assertRefusedUnchanged(Errno.ENOMEM, any -> any.mremap(page(0), PAGE, PAGE, fixed, page(100)));
        assertEquals(0, space.munmap(page(15), 25 * PAGE));
        assertMaps(LIMIT - 5);
        assertRefusedUnchanged(Errno.ENOMEM, any -> any.mremap(page(0), PAGE, PAGE, fixed, page(100)));
        assertEquals(0, space.munmap(page(10), 5 * PAGE));
        assertEquals(page(100), space.mremap(page(0), PAGE, PAGE, fixed, page(100)));
        assertMaps(LIMIT - 5);
    }

    @Test
    @DisplayName("a move to any place is refused three mappings earlier")
    void moveAnywhereIsRefused() {
        assertEquals(0, space.munmap(page(25), 15 * PAGE));
        assertMaps(LIMIT - 3);
        assertRefusedUnchanged(Errno.ENOMEM, any -> any.mremap(page(0), 5 * PAGE, 6 * PAGE, RemapFlags.MAYMOVE, 0));
        assertEquals(0, space.munmap(page(20), 5 * PAGE));
        assertFalse(Errno.isError(space.mremap(page(0), 5 * PAGE, 6 * PAGE, RemapFlags.MAYMOVE, 0)));
        assertNull(space.find(page(0)));
        assertMaps(LIMIT - 4);
    }

    @Test
    @DisplayName("an edge of one is unmapped")
    void edgeIsUnmapped() {
        assertEquals(0, space.munmap(page(0), PAGE));
        assertEquals(0, space.munmap(page(39), PAGE));
        assertMaps(LIMIT);
    }

    @Test
    @DisplayName("a range is unmapped that cuts two, though there are more for an instant")
    void rangeThatCutsTwoIsUnmapped() {
        assertEquals(0, space.munmap(page(2), 6 * PAGE));
        assertMaps(LIMIT);
        assertNull(space.find(page(2)));
        assertNull(space.find(page(7)));
        assertEquals(0, space.munmap(page(12), 10 * PAGE));
        assertMaps(LIMIT - 1);
    }

    @Test
    @DisplayName("one mapping more is made, and none beyond that")
    void oneMoreIsMapped() {
        assertEquals(page(3), space.mmap(page(3), 4 * PAGE, Protection.NONE, FIXED, null, 0));
        assertMaps(LIMIT + 1);
        assertRefusedUnchanged(Errno.ENOMEM, any -> any.mmap(page(50), PAGE, RW, FIXED, null, 0));
        // Not even a mapping that would only extend another one.
        assertRefusedUnchanged(Errno.ENOMEM, any -> any.mmap(page(40), PAGE, READ, FIXED, null, 0));
    }

    @Test
    @DisplayName("the heap is mapped as one more, and does not grow beyond that")
    void heapIsMapped() {
        assertEquals(HEAP + PAGE, space.brk(HEAP + PAGE));
        assertMaps(LIMIT + 1);
        // Not even a brk that would only extend the heap.
        assertRefusedUnchanged(HEAP + PAGE, any -> any.brk(HEAP + 2 * PAGE));
    }

    @Test
    @DisplayName("mappings are merged")
    void mergesAreNotRefused() {
        assertEquals(0, space.mprotect(page(5), 5 * PAGE, RW));
        assertMaps(LIMIT - 2);
        assertEquals(0, space.mprotect(page(30), 10 * PAGE, RW));
        assertMaps(LIMIT - 3);
    }

    @Test
    @DisplayName("the boundary of two is moved either way")
    void movedBoundaryIsNotRefused() {
        assertEquals(0, space.mprotect(page(5), 2 * PAGE, RW));
        assertEquals(0, space.mprotect(page(4), 3 * PAGE, READ));
        assertEquals(page(4), space.snapshot().vmas().get(1).start());
        assertMaps(LIMIT);
    }

    @Test
    @DisplayName("one is extended by a new one next to it and by mremap")
    void extensionIsNotRefused() {
        assertEquals(page(40), space.mmap(page(40), PAGE, READ, FIXED, null, 0));
        assertEquals(page(35), space.mremap(page(35), 6 * PAGE, 7 * PAGE, 0, 0));
        assertMaps(LIMIT);
    }
}
