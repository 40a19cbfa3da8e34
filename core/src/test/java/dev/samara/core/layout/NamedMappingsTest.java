// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.mman.RemapFlags;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * How calls treat names of memory: {@code is_mergeable_vma} compares them with {@code anon_vma_name_eq}, {@code
 * vm_area_dup} copies them ({@code mm/vma.c}, Linux 6.18), and a new mapping has no name.
 */
@DisplayName("the name of memory is cut, joined, moved and inherited with its mapping")
final class NamedMappingsTest {
    private static final Geometry LINUX = Geometry.LINUX_X86_64;
    private static final long PAGE = LINUX.pageSize();
    private static final long AT = 0x1000_0000L;
    private static final int READ = Protection.READ;
    private static final int RW = READ | Protection.WRITE;
    private static final int FIXED = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED;
    private static final int MOVE = RemapFlags.MAYMOVE | RemapFlags.MREMAP_FIXED;

    private final AddressSpace space = Machine.builder()
            .memory(1 << 22)
            .build()
            .space(LINUX)
            .heap(at(100), at(100))
            .build();

    private static long at(long page) {
        return AT + page * PAGE;
    }

    private void map(long page, long pages, int protection) {
        assertEquals(at(page), space.mmap(at(page), pages * PAGE, protection, FIXED, null, 0));
    }

    private void name(long page, long pages, @Nullable String name) {
        assertEquals(0, space.setAnonymousName(at(page), pages * PAGE, name));
    }

    private void assertLayout(String expected) {
        space.validate();
        assertEquals(expected, text(space));
    }

    /** Returns the pages and names of the mappings, such as {@code 0-2:x 2-3}. */
    private static String text(AddressSpace space) {
        StringBuilder text = new StringBuilder();
        for (Vma vma : space.snapshot()) {
            text.append(text.isEmpty() ? "" : " ")
                    .append((vma.start() - AT) / PAGE)
                    .append('-')
                    .append((vma.end() - AT) / PAGE);
            if (vma.name() != null) {
                text.append(':').append(vma.name().replaceAll("\\[anon:|]", ""));
            }
        }
        return text.toString();
    }

    @Test
    @DisplayName("naming cuts, and joins what has equal names")
    void naming() {
        map(0, 6, RW);
        name(1, 2, "x");
        assertLayout("0-1 1-3:x 3-6");
        name(3, 1, "x");
        assertLayout("0-1 1-4:x 4-6");
        name(5, 1, "y");
        name(4, 1, "y");
        assertLayout("0-1 1-4:x 4-6:y");
        name(0, 6, "x");
        assertLayout("0-6:x");
        name(0, 3, "");
        assertLayout("0-3: 3-6:x");
        name(0, 6, null);
        assertLayout("0-6");
    }

    @Test
    @DisplayName("a new mapping joins unnamed neighbours only")
    void mmap() {
        map(0, 1, RW);
        map(2, 1, RW);
        name(0, 1, "x");
        map(1, 1, RW);
        assertLayout("0-1:x 1-3");
        name(0, 3, "x");
        map(1, 1, RW);
        assertLayout("0-1:x 1-2 2-3:x");
    }

    @Test
    @DisplayName("rights, advice and locks that become equal join equal names only")
    void changes() {
        map(0, 4, RW);
        name(0, 2, "x");
        name(2, 2, "y");
        assertEquals(0, space.mprotect(at(1), 2 * PAGE, READ));
        assertLayout("0-1:x 1-2:x 2-3:y 3-4:y");
        assertEquals(0, space.mprotect(at(1), 2 * PAGE, RW));
        assertLayout("0-2:x 2-4:y");
        assertEquals(0, space.madvise(at(1), 2 * PAGE, Advice.DONTFORK));
        assertLayout("0-1:x 1-2:x 2-3:y 3-4:y");
        assertEquals(0, space.madvise(at(0), 4 * PAGE, Advice.DONTFORK));
        assertLayout("0-2:x 2-4:y");
        assertEquals(0, space.mlock(at(1), 2 * PAGE));
        assertEquals(0, space.munlock(at(0), 4 * PAGE));
        assertLayout("0-2:x 2-4:y");
        assertEquals(0, space.madvise(at(1), PAGE, Advice.GUARD_INSTALL));
        assertLayout("0-2:x 2-4:y");
        assertEquals(0, space.mseal(at(1), 2 * PAGE, 0));
        assertLayout("0-1:x 1-2:x 2-3:y 3-4:y");
    }

    @Test
    @DisplayName("munmap leaves the name on both sides of a hole")
    void munmap() {
        map(0, 3, RW);
        name(0, 3, "x");
        assertEquals(0, space.munmap(at(1), PAGE));
        assertLayout("0-1:x 2-3:x");
    }

    @Test
    @DisplayName("mremap: growth, a move, a part that moves, and a copy have the name; it decides what they join")
    void mremap() {
        map(0, 2, RW);
        name(0, 2, "x");
        assertEquals(at(0), space.mremap(at(0), 2 * PAGE, 3 * PAGE, 0, 0));
        assertLayout("0-3:x");
        map(4, 1, RW);
        assertEquals(at(0), space.mremap(at(0), 3 * PAGE, 4 * PAGE, 0, 0));
        assertLayout("0-4:x 4-5");
        assertEquals(at(10), space.mremap(at(1), PAGE, PAGE, MOVE, at(10)));
        assertLayout("0-1:x 2-4:x 4-5 10-11:x");
        assertEquals(at(1), space.mremap(at(10), PAGE, PAGE, MOVE, at(1)));
        assertLayout("0-4:x 4-5");
        name(1, 1, "y");
        assertEquals(at(5), space.mremap(at(1), PAGE, PAGE, MOVE, at(5)));
        assertLayout("0-1:x 2-4:x 4-5 5-6:y");
        assertEquals(at(20), space.mremap(at(2), 2 * PAGE, 2 * PAGE, MOVE | RemapFlags.DONTUNMAP, at(20)));
        assertLayout("0-1:x 2-4:x 4-5 5-6:y 20-22:x");
    }

    @Test
    @DisplayName("the growth of the heap has no name; the growth of a stack has that of the stack")
    void growth() {
        assertEquals(at(102), space.brk(at(102)));
        name(100, 2, "x");
        assertEquals(at(103), space.brk(at(103)));
        assertLayout("100-102:x 102-103");
        assertEquals(at(102), space.brk(at(102)));
        name(100, 2, null);
        assertEquals(at(103), space.brk(at(103)));
        assertLayout("100-103");
        int stack = FIXED | MapFlags.GROWSDOWN;
        assertEquals(at(900), space.mmap(at(900), PAGE, RW, stack, null, 0));
        name(900, 1, "s");
        assertEquals(0, space.growStack(at(898)));
        assertLayout("100-103 898-901:s");
    }

    @Test
    @DisplayName("a child has the names of its parent, and its own from then on")
    void fork() {
        map(0, 2, RW);
        name(0, 1, "x");
        try (AddressSpace child = space.fork()) {
            assertEquals("0-1:x 1-2", text(child));
            assertEquals(0, child.setAnonymousName(at(0), 2 * PAGE, "y"));
            assertEquals("0-2:y", text(child));
        }
        assertLayout("0-1:x 1-2");
    }

    @Test
    @DisplayName("a call over many mappings has one text of a name for all, and its cuts have that, too")
    void oneText() {
        for (int page = 0; page < 400; page += 2) {
            map(page, 1, RW);
            map(page + 1, 1, READ);
        }
        name(0, 400, "x");
        Vma first = Objects.requireNonNull(space.find(at(0)));
        for (Vma vma : space.snapshot()) {
            assertSame(first.name(), vma.name(), vma::toString);
        }
        assertEquals(400, space.usage().maps());
    }
}
