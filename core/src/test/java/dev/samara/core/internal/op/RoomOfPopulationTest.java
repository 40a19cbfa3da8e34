// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.backing.CachedBacking;
import dev.samara.core.fixture.Await;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.PageCache;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

final class RoomOfPopulationTest {
    private static final Geometry LINUX = Geometry.LINUX_X86_64;
    private static final long PAGE = LINUX.pageSize();
    private static final long A = 0x10_0000_0000L;
    private static final long B = 0x20_0000_0000L;

    private final Machine machine =
            Machine.builder().memory(1 << 20).boundGracePeriods(1, false).build();
    private final AddressSpace space = machine.newSpace(LINUX);

    /** Unmaps another mapping while it reads a page. */
    private final class Unmapping extends CachedBacking {
        Unmapping(PageCache cache) {
            super("/unmapping", cache);
        }

        @Override
        protected boolean read(long page, int frame, FrameStore store) {
            assertEquals(0, space.munmap(B, PAGE));
            return true;
        }
    }

    @Test
    @DisplayName("an asynchronous mmap gives its room back before it asks a backing, which may need some")
    void givenBackBeforePopulation() {
        int fixed = Mman.PRIVATE | Mman.FIXED;
        assertEquals(B, space.mmap(B, PAGE, Mman.READ, fixed | Mman.ANONYMOUS, null, 0));
        Unmapping backing = new Unmapping(machine.newPageCache(LINUX, PAGE));
        long mapped = Await.result(
                "a mapping whose backing unmaps",
                space.mmapAsync(A, PAGE, Mman.READ, fixed | Mman.POPULATE, backing, 0),
                List.of());
        assertEquals(A, mapped);
        assertNull(space.find(B));
    }
}
