// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.fixture.LayoutText;
import dev.samara.core.internal.vma.AnonVma;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.mman.RemapFlags;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * Historical bug 29: a move merged memory that had private pages with memory that had none, and pages lost their owner.
 */
final class MovedIdentityTest {
    private static final Geometry LINUX = Geometry.LINUX_X86_64;
    private static final long PAGE = LINUX.pageSize();
    private static final long PLACE = 0x2000_0000_0000L;
    private static final int RW = Protection.READ | Protection.WRITE;
    private static final int FIXED = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED;
    private static final int MOVE = RemapFlags.MAYMOVE | RemapFlags.MREMAP_FIXED;
    private static final long TOUCHED = VmaFlags.READ | VmaFlags.WRITE | VmaFlags.MAY_ACCESS | VmaFlags.ACCOUNT;

    private static long page(long number) {
        return PLACE + number * PAGE;
    }

    private static void map(AddressSpace space, long first, long pages, int protection) {
        assertEquals(page(first), space.mmap(page(first), pages * PAGE, protection, FIXED, null, 0));
    }

    private static Vma touched(long first, long mappedAt, long pages, AnonVma identity) {
        return VmArea.describe(page(first), page(first + pages), TOUCHED, page(mappedAt) / PAGE, null, null, identity);
    }

    private static AddressSpace holding(Vma... vmas) {
        return Machine.builder().build().space(LINUX).load(List.of(vmas)).build();
    }

    @Test
    @DisplayName("29: moved next to memory that had no page yet, memory with pages lost whose they were")
    void moveOfTouchedMemoryKeepsItsIdentityInAMerge() {
        AnonVma identity = AnonVma.fresh();
        // The VMA was mapped at page 1 and moved away, so its offset fits at page 1.
        Vma touched = touched(50, 1, 1, identity);
        for (int neighbours = 1; neighbours <= 3; neighbours++) {
            AddressSpace space = holding(touched);
            if ((neighbours & 1) != 0) {
                map(space, 0, 1, RW);
            }
            if ((neighbours & 2) != 0) {
                map(space, 2, 1, RW);
            }
            assertEquals(page(1), space.mremap(page(50), PAGE, PAGE, MOVE, page(1)));
            List<Vma> vmas = space.snapshot().vmas();
            assertEquals(1, vmas.size());
            assertSame(identity, VmArea.of(vmas.get(0)).anonVma());
            assertEquals(neighbours == 3 ? 3 * PAGE : 2 * PAGE, vmas.get(0).length());
        }
    }

    @Test
    @DisplayName("29: a move joined memory that was copied from a parent with memory that was not")
    void moveNeverJoinsInheritedMemoryWithUntouched() {
        AddressSpace parent = holding(touched(0, 0, 1, AnonVma.fresh()), touched(60, 11, 1, AnonVma.fresh()));
        map(parent, 50, 1, RW);
        map(parent, 10, 1, RW);
        try (AddressSpace child = parent.fork()) {
            for (AddressSpace space : List.of(child, parent)) {
                assertEquals(page(1), space.mremap(page(50), PAGE, PAGE, MOVE, page(1)));
                assertEquals(page(11), space.mremap(page(60), PAGE, PAGE, MOVE, page(11)));
                int expected = space == child ? 4 : 2;
                assertEquals(expected, space.snapshot().vmas().size(), () -> LayoutText.of(space));
            }
        }
    }
}
