// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.fixture.CountingBacking;
import dev.samara.core.fixture.LayoutText;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A backing that does not let a mapping be cut is heard where Linux hears it")
final class SplitRefusalTest {
    private static final long PAGE = 0x1000;
    private static final long PLACE = 0x1000_0000L;
    private static final int READ = Mman.READ;
    private static final int READ_WRITE = READ | Mman.WRITE;
    private static final int MOVE_TO = Mman.MAYMOVE | Mman.MREMAP_FIXED;
    private static final long EIO = Errno.EIO.result();

    /** Refuses splits at some pages, and records at which pages it was asked. */
    private static final class Whole extends CountingBacking {
        private final List<Long> asked = new ArrayList<>();
        private final List<Long> refused = new ArrayList<>();
        private boolean throwing;

        Whole() {
            super("/whole", 1);
        }

        @Override
        protected @Nullable Errno askedForSplit(Vma vma, long address) {
            asked.add((address - PLACE) / PAGE);
            boolean refuses = refused.contains((address - PLACE) / PAGE);
            if (refuses && throwing) {
                throw new ArithmeticException("at " + address);
            }
            return refuses ? Errno.EIO : null;
        }
    }

    private final Machine machine = Machine.builder().build();
    private final AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
    private final Whole backing = new Whole();

    private static long page(int number) {
        return PLACE + number * PAGE;
    }

    /** Maps pages 0 to 9 of the backing, and pages 10 to 19 with other rights. */
    @BeforeEach
    void map() {
        int fixed = Mman.PRIVATE | Mman.FIXED;
        assertEquals(page(0), space.mmap(page(0), 10 * PAGE, READ_WRITE, fixed, backing, 0));
        assertEquals(page(10), space.mmap(page(10), 10 * PAGE, READ, fixed, backing, 10 * PAGE));
    }

    private String state() {
        return LayoutText.of(space) + space.usage();
    }

    /**
     * Checks that a call is refused if splits are refused at some pages, and that the backing was asked only about some
     * pages.
     */
    private void assertRefused(java.util.function.LongSupplier call, List<Long> refusedAt, List<Long> asked)
            throws InterruptedException {
        backing.refused.addAll(refusedAt);
        String before = state();
        assertEquals(EIO, call.getAsLong());
        assertEquals(before, state());
        assertEquals(asked, backing.asked);
        machine.awaitQuiescence();
        assertEquals(space.snapshot().vmas().size(), backing.stillOpen());
        space.validate();
    }

    @Test
    @DisplayName("munmap asks about its start, then its end, and is refused by either with nothing changed")
    void munmap() throws InterruptedException {
        assertRefused(() -> space.munmap(page(3), 2 * PAGE), List.of(3L), List.of(3L));
    }

    @Test
    @DisplayName("munmap that is refused at its end leaves its start cut, as Linux does")
    void munmapAtItsEnd() throws InterruptedException {
        backing.refused.add(5L);
        assertEquals(EIO, space.munmap(page(3), 2 * PAGE));
        assertEquals(List.of(3L, 5L), backing.asked);
        Vma upper = space.find(page(3));
        assertTrue(upper != null && upper.start() == page(3) && upper.end() == page(10));
        machine.awaitQuiescence();
        assertEquals(3, backing.stillOpen());
        space.validate();
    }

    @Test
    @DisplayName("munmap of whole mappings asks no backing")
    void munmapOfWhole() {
        assertEquals(0, space.munmap(page(0), 20 * PAGE));
        assertEquals(List.of(), backing.asked);
    }

    @Test
    @DisplayName("mmap over the inside of one is refused by a cut")
    void mmap() throws InterruptedException {
        int anonymous = Mman.PRIVATE | Mman.FIXED | Mman.ANONYMOUS;
        assertRefused(() -> space.mmap(page(3), 2 * PAGE, READ, anonymous, null, 0), List.of(3L), List.of(3L));
    }

    @Test
    @DisplayName("mprotect is refused by the first cut, before any limit on mappings that a second would meet")
    void mprotect() throws InterruptedException {
        assertRefused(() -> space.mprotect(page(3), 2 * PAGE, READ), List.of(3L), List.of(3L));
    }

    @Test
    @DisplayName("mprotect that is refused in its second mapping has changed its first")
    void mprotectOfTwo() throws InterruptedException {
        backing.refused.add(15L);
        assertEquals(EIO, space.mprotect(page(0), 15 * PAGE, Mman.NONE));
        Vma first = space.find(page(0));
        Vma second = space.find(page(10));
        assertTrue(first != null && (first.flags() & READ_WRITE) == 0);
        assertTrue(second != null && (second.flags() & READ) != 0 && second.end() == page(20));
        machine.awaitQuiescence();
        assertEquals(2, backing.stillOpen());
        space.validate();
    }

    @Test
    @DisplayName("a seal and a wrong right come before the question")
    void mprotectEarlierErrors() {
        backing.refused.add(3L);
        assertEquals(0, space.mseal(page(0), 10 * PAGE, 0));
        assertEquals(Errno.EPERM.result(), space.mprotect(page(3), PAGE, READ));
        assertEquals(Errno.EPERM.result(), space.munmap(page(3), PAGE));
        assertEquals(List.of(), backing.asked);
    }

    @Test
    @DisplayName("a move asks about both ends before it charges anything, and is refused by either")
    void mremap() throws InterruptedException {
        space.setLimit(Resource.AS, 40 * PAGE);
        assertRefused(() -> space.mremap(page(3), 2 * PAGE, 2 * PAGE, MOVE_TO, page(50)), List.of(3L, 5L), List.of(3L));
    }

    @Test
    @DisplayName("a move that is refused at its end has not moved")
    void mremapAtItsEnd() throws InterruptedException {
        assertRefused(() -> space.mremap(page(3), 2 * PAGE, 2 * PAGE, MOVE_TO, page(50)), List.of(5L), List.of(3L, 5L));
    }

    @Test
    @DisplayName("a move of the head asks about its end only, and one of the tail about its start")
    void mremapOfEnds() {
        assertEquals(page(50), space.mremap(page(0), 2 * PAGE, 2 * PAGE, MOVE_TO, page(50)));
        assertEquals(List.of(2L), backing.asked);
        assertEquals(page(60), space.mremap(page(8), 2 * PAGE, 2 * PAGE, MOVE_TO, page(60)));
        assertEquals(List.of(2L, 8L), backing.asked);
        assertEquals(page(70), space.mremap(page(10), 10 * PAGE, 10 * PAGE, MOVE_TO, page(70)));
        assertEquals(List.of(2L, 8L), backing.asked);
    }

    @Test
    @DisplayName("a move of two that is refused in the second has moved the first")
    void mremapOfTwo() throws InterruptedException {
        backing.refused.add(15L);
        assertEquals(EIO, space.mremap(page(0), 15 * PAGE, 15 * PAGE, MOVE_TO, page(50)));
        assertEquals(null, space.find(page(0)));
        assertTrue(space.find(page(50)) != null);
        assertTrue(space.find(page(10)) != null && space.find(page(60)) == null);
        machine.awaitQuiescence();
        assertEquals(2, backing.stillOpen());
        space.validate();
    }

    @Test
    @DisplayName(
            "an exception of the backing is thrown to the caller of each, with nothing changed and all opens closed")
    void thrown() throws InterruptedException {
        backing.throwing = true;
        backing.refused.add(5L);
        String before = state();
        assertThrows(ArithmeticException.class, () -> space.munmap(page(3), 2 * PAGE));
        assertThrows(ArithmeticException.class, () -> space.mprotect(page(3), 2 * PAGE, READ));
        assertThrows(ArithmeticException.class, () -> space.mremap(page(3), 2 * PAGE, 2 * PAGE, MOVE_TO, page(50)));
        assertEquals(before, state());
        machine.awaitQuiescence();
        assertEquals(2, backing.stillOpen());
        space.validate();
    }
}
