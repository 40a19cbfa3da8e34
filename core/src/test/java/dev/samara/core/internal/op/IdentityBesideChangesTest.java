// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.fixture.RepeatedStep;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.Geometry;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * The first write to a mapping, which gives it its identity, concurrent with changes that repeatedly replace its VMAs.
 * The run is random; {@code VmaRecheckTest} tests a fault that finds a replaced VMA.
 */
class IdentityBesideChangesTest {
    private static final long PAGE = Geometry.LINUX_X86_64.pageSize();
    private static final long PLACE = 0x10_0000_0000L;
    private static final int PAGES = 8;
    private static final int ROUNDS = 12_000;

    private final Machine machine = Machine.builder().memory(1 << 20).build();
    private final AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);

    private void map() {
        int flags = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED;
        assertEquals(PLACE, space.mmap(PLACE, PAGES * PAGE, Protection.READ | Protection.WRITE, flags, null, 0));
    }

    /** Splits mappings and merges them again. */
    private void change(Random random) {
        long start = PLACE + random.nextInt(PAGES) * PAGE;
        assertEquals(0, space.madvise(start, PAGE, Advice.DONTDUMP));
        assertEquals(0, space.madvise(start, PAGE, Advice.DODUMP));
    }

    @Test
    @DisplayName(
            "a page that was written before a fork is the child's, however often its mapping was replaced meanwhile")
    void pageMkwrite() {
        map();
        Random random = new Random(5);
        try (RepeatedStep changing = new RepeatedStep("changing", () -> change(random));
                Cpu parents = machine.claimCpu();
                Cpu childs = machine.claimCpu()) {
            parents.switchTo(space);
            for (int round = 1; round <= ROUNDS && changing.goesOn(); round++) {
                map();
                long address = PLACE + round % PAGES * PAGE;
                assertEquals(Fault.NONE, parents.memory().store(address, 8, round));
                try (AddressSpace child = space.fork()) {
                    childs.switchTo(child);
                    assertEquals(Fault.NONE, childs.memory().load(address, 8));
                    assertEquals(round, childs.memory().value());
                    childs.switchTo(null);
                }
            }
        }
    }
}
