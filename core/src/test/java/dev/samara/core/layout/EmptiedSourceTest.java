// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The source of a move with DONTUNMAP is gated until its old pages are flushed, even if the copy is adjacent and could
 * be merged with it.
 */
class EmptiedSourceTest {
    private static final long PAGE = Geometry.LINUX_X86_64.pageSize();
    private static final long START = 0x2000_0000_0000L;

    private final AtomicReference<@Nullable AddressSpace> retiring = new AtomicReference<>();
    private final List<String> met = new ArrayList<>();

    private final AddressSpace space = MachineInternals.machine(
                    Machine.builder().reportTo(report -> met.add(report.toString())), range -> {
                        AddressSpace its = retiring.get();
                        if (its != null) {
                            its.validate();
                            for (int page = -2; page < 4; page++) {
                                met.add(page + " " + access(its, START + page * PAGE));
                            }
                        }
                    })
            .newSpace(Geometry.LINUX_X86_64);

    /** Returns the result of an access by the test's thread, which cannot wait there. */
    private static String access(AddressSpace its, long address) {
        try {
            return Fault.toString(its.resolve(address, Mman.READ));
        } catch (IllegalStateException wouldWait) {
            return "gated";
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {-2, 2})
    @DisplayName("P27: mremap with DONTUNMAP right beside its source")
    void sourceIsGated(long distance) {
        int flags = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;
        assertEquals(START, space.mmap(START, 2 * PAGE, Mman.READ, flags, null, 0));
        retiring.set(space);
        long target = START + distance * PAGE;
        int how = Mman.MAYMOVE | Mman.MREMAP_FIXED | Mman.DONTUNMAP;
        assertEquals(target, space.mremap(START, 2 * PAGE, 2 * PAGE, how, target));
        List<String> expected = new ArrayList<>();
        for (int page = -2; page < 4; page++) {
            boolean mapped = page >= Math.min(0, distance) && page < Math.max(2, distance + 2);
            expected.add(page + (mapped ? " gated" : " SEGV_MAPERR"));
        }
        assertEquals(expected, met);
        assertEquals(1, space.usage().maps());
        assertTrue(space.snapshot().find(START) != null);
        space.validate();
    }
}
