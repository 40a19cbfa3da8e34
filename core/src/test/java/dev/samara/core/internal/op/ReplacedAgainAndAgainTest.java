// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.CountingBacking;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import java.lang.ref.WeakReference;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("I9: a replaced VMA is not retained by its successor")
final class ReplacedAgainAndAgainTest {
    private static final long PLACE = 0x1000_0000L;
    private static final int FIXED = Mman.PRIVATE | Mman.FIXED;

    private final Machine machine = Machine.builder().build();
    private final AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
    private final CountingBacking backing = new CountingBacking("/a", 1);

    private void map() {
        assertEquals(PLACE, space.mmap(PLACE, 0x1000, Mman.READ, FIXED, backing, 0));
    }

    private WeakReference<Vma> first() {
        map();
        return new WeakReference<>(space.find(PLACE));
    }

    @Test
    void collected() throws InterruptedException {
        WeakReference<Vma> first = first();
        for (int i = 0; i < 1_000; i++) {
            map();
        }
        machine.awaitQuiescence();
        Await.collected("the VMA that was replaced a thousand times", first);
        assertNotNull(space.find(PLACE));
        assertEquals(1, backing.stillOpen());
    }
}
