// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.CountingBacking;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.syscall.Madvise;
import dev.samara.core.internal.syscall.Mmap;
import dev.samara.core.internal.syscall.Mmap.Munmap;
import dev.samara.core.internal.syscall.Mprotect;
import dev.samara.core.internal.syscall.Mremap;
import dev.samara.core.internal.syscall.Syscall;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@DisplayName("A VMA that has left the layout is detached, also one that goes on as part of another; no other is")
final class DetachedTest {
    private static final long PAGE = Layouts.GEOMETRY.pageSize();
    private static final long PLACE = 0x2000_0000_0000L;
    private static final int READ = Mman.READ;
    private static final int RW = READ | Mman.WRITE;
    private static final int FIXED = Mman.PRIVATE | Mman.FIXED;

    private final Layout layout = Layouts.layout(Layouts.host(100, 0, MachineState.UNLIMITED));

    /** The VMAs of a range through successive calls, with and without an open. */
    private enum Kind {
        ANONYMOUS,
        OPENED
    }

    private List<VmArea> vmas() {
        return Layouts.vmas(layout);
    }

    /**
     * Runs a call, and checks that afterwards all VMAs are attached, and that a number of VMAs were removed and are
     * detached.
     */
    private void check(int left, Runnable call) {
        List<VmArea> before = vmas();
        call.run();
        Set<VmArea> after = Collections.newSetFromMap(new IdentityHashMap<>());
        after.addAll(vmas());
        for (VmArea vma : after) {
            assertFalse((vma.isDetached() && !vma.isFresh()) || vma.isFresh(), () -> "not attached: " + vma);
        }
        List<VmArea> gone = new ArrayList<>(before);
        gone.removeIf(after::contains);
        assertEquals(left, gone.size(), "VMAs that have left");
        for (VmArea vma : gone) {
            assertTrue((vma.isDetached() && !vma.isFresh()), () -> "left and not detached: " + vma);
        }
        layout.validate();
    }

    @ParameterizedTest
    @EnumSource(Kind.class)
    @DisplayName("cuts, joins on either side and on both, narrowings, moves, replacements")
    void everyCall(Kind kind) {
        Backing backing = kind == Kind.OPENED ? new CountingBacking("/device", 3) : null;
        int flags = backing == null ? FIXED | Mman.ANONYMOUS : FIXED;
        Runnable[] calls = {
            () -> Syscall.run(layout, Mmap.of(layout, PLACE, 4 * PAGE, RW, flags, backing, 0)),
            () -> Syscall.run(layout, Mmap.of(layout, PLACE + 8 * PAGE, 4 * PAGE, RW, flags, backing, 8 * PAGE)),
            // The new VMA merges with both of its neighbours.
            () -> Syscall.run(layout, Mmap.of(layout, PLACE + 4 * PAGE, 4 * PAGE, RW, flags, backing, 4 * PAGE)),
            () -> Madvise.madvise(layout, PLACE + 4 * PAGE, 4 * PAGE, Mman.DONTDUMP),
            () -> Madvise.madvise(layout, PLACE + 4 * PAGE, 4 * PAGE, Mman.DODUMP),
            () -> Syscall.run(layout, new Mprotect(PLACE, 4 * PAGE, READ)),
            () -> Syscall.run(layout, new Mprotect(PLACE + 4 * PAGE, 4 * PAGE, READ)),
            () -> Syscall.run(layout, new Mprotect(PLACE + 8 * PAGE, 4 * PAGE, READ)),
            () -> Syscall.run(layout, new Munmap(PLACE + 4 * PAGE, 4 * PAGE)),
            () -> Syscall.run(
                    layout,
                    new Mremap(
                            PLACE + 8 * PAGE, 4 * PAGE, 4 * PAGE, Mman.MAYMOVE | Mman.MREMAP_FIXED, PLACE + 20 * PAGE)),
            // In flight until it is complete, and merged with its neighbour only then.
            () -> Syscall.run(layout, Mmap.of(layout, PLACE + 2 * PAGE, PAGE, READ, flags, backing, 2 * PAGE))
        };
        int[] left = {0, 0, 2, 1, 3, 1, 2, 2, 1, 1, 1};
        for (int i = 0; i < calls.length; i++) {
            check(left[i], calls[i]);
        }
        check(vmas().size(), () -> layout.lifetime.put());
    }
}
