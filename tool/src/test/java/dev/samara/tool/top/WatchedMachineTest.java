// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Tests samples of real machines that do not change in the meantime. */
final class WatchedMachineTest {
    private static final Geometry GEOMETRY = Geometry.LINUX_X86_64;
    private static final long PAGE = GEOMETRY.pageSize();
    private static final long START = 0x10_0000_0000L;

    private final WatchedMachine place = new WatchedMachine("a place", 1 << 20, PAGE);

    /** Touches pages of a new space, and returns the space. */
    private static AddressSpace touched(Machine machine, int pages) {
        AddressSpace space = machine.newSpace(GEOMETRY);
        int flags = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;
        space.mmap(START, pages * PAGE, Mman.READ | Mman.WRITE, flags, null, 0);
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            cpu.enterGuest();
            for (int n = 0; n < pages; n++) {
                cpu.memory().store(START + n * PAGE, Long.BYTES, 1);
            }
            cpu.leaveGuest();
            cpu.switchTo(null);
        }
        return space;
    }

    @Test
    @DisplayName("a sample has the memory, the spaces and the faults of a machine, and of each space that is listed")
    void figures() {
        try (Machine machine = Machine.builder().memory(1 << 20).build();
                AddressSpace shown = touched(machine, 3);
                AddressSpace other = touched(machine, 2)) {
            place.begin(machine, () -> List.of(new WatchedSpace("shown", shown)));
            MachineFigures figures = place.figures();
            assertEquals(5 * PAGE, figures.used());
            assertEquals(2, figures.spaces());
            assertEquals(5, figures.events().minorFaults());
            SpaceFigures listed = figures.listed().get(0);
            assertEquals(new SpaceFigures("shown", 1, 3 * PAGE, 3 * PAGE, listed.tables(), listed.events()), listed);
            assertEquals(3, listed.events().minorFaults());
            assertEquals(shown.pageTableBytes(), listed.tables());
            assertEquals(1, other.users());
        }
    }

    @Test
    @DisplayName("the events of machines in one place are added up; memory and spaces are those of the current one")
    void oneAfterAnother() {
        try (Machine first = Machine.builder().memory(1 << 20).build()) {
            place.begin(first, List::of);
            touched(first, 3).close();
            place.end();
        }
        assertEquals(3, place.figures().events().minorFaults());
        try (Machine second = Machine.builder().memory(1 << 20).build();
                AddressSpace space = touched(second, 4)) {
            place.begin(second, () -> List.of(new WatchedSpace("shown", space)));
            assertEquals(7, place.figures().events().minorFaults());
            assertEquals(4 * PAGE, place.figures().used());
            place.end();
            assertEquals(7, place.figures().events().minorFaults());
        }
    }

    @Test
    @DisplayName("a machine or a space that is closed beside the view has the events of its last sample")
    void closed() {
        Machine machine = Machine.builder().memory(1 << 20).build();
        AddressSpace space = touched(machine, 3);
        place.begin(machine, () -> List.of(new WatchedSpace("shown", space)));
        place.figures();
        space.close();
        assertEquals(List.of(), place.figures().listed());
        machine.close();
        MachineFigures figures = place.figures();
        assertEquals(3, figures.events().minorFaults());
        assertEquals(0, figures.used());
        place.end();
        assertEquals(figures, place.figures());
    }

    @Test
    @DisplayName("a machine that is closed before the first sample leaves nothing behind")
    void closedAtOnce() {
        Machine machine = Machine.builder().memory(1 << 20).build();
        place.begin(machine, List::of);
        machine.close();
        place.end();
        assertEquals(EventTotals.NONE, place.figures().events());
    }
}
