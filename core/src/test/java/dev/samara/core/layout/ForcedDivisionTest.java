// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import static dev.samara.core.mman.Mman.ANONYMOUS;
import static dev.samara.core.mman.Mman.FIXED;
import static dev.samara.core.mman.Mman.PRIVATE;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.internal.space.Divisions;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("With samara.divided each operation divides its layout")
final class ForcedDivisionTest {
    private static final boolean IS_FORCED = Boolean.getBoolean("samara.divided");
    private static final long PAGE = 0x1000;
    private static final long PLACE = 0x1000_0000L;

    @Test
    @DisplayName("at the borders of the VMAs around its range; without it, no operation of a thread alone does")
    void divides() {
        Machine machine = Machine.builder().build();
        AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
        Layout layout = MachineInternals.layoutOf(space);
        for (int i = 0; i < 3; i++) {
            long at = PLACE + 2L * i * PAGE;
            assertEquals(at, space.mmap(at, PAGE, Mman.READ, PRIVATE | ANONYMOUS | FIXED, null, 0));
        }
        for (int i = 0; i < 2; i++) {
            Divisions.join(layout);
            // A call that needs only its own part leaves the parts divided.
            assertEquals(0, space.munmap(PLACE + 2L * i * PAGE, PAGE));
            assertEquals(IS_FORCED, Divisions.isDivided(layout));
        }
        // A call that searches for a place joins the parts.
        space.mmap(0, PAGE, Mman.READ, PRIVATE | ANONYMOUS, null, 0);
        assertEquals(0, Divisions.parts(layout));
        space.close();
        machine.close();
    }
}
