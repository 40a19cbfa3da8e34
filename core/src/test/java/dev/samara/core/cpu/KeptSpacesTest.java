// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.cpu;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A CPU keeps the translations of six spaces")
final class KeptSpacesTest {
    private static final int KEPT = 6;

    private final Machine machine = Machine.builder().memory(1 << 20).build();
    private final List<AddressSpace> spaces = new ArrayList<>();
    private final List<Long> at = new ArrayList<>();

    /** The reasons and ranges with which the listener was called. */
    private final List<String> told = new ArrayList<>();

    private void visit(Cpu cpu, int number) {
        cpu.switchTo(spaces.get(number));
        cpu.enterGuest();
        assertFault(Fault.NONE, cpu.memory().load(at.get(number), 8));
        cpu.leaveGuest();
    }

    private void assertTold(String... expected) {
        assertEquals(List.of(expected), told);
        told.clear();
    }

    @Test
    @DisplayName("a flush listener is called for the changes of the meantime, and for all addresses in a seventh space")
    void listener() {
        for (int i = 0; i <= KEPT; i++) {
            AddressSpace space = machine.newSpace(GEOMETRY);
            spaces.add(space);
            at.add(space.mmap(0, PAGE, RW, Mman.PRIVATE | Mman.ANONYMOUS, null, 0));
        }
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(spaces.get(0));
            cpu.onFlush((start, end, reason, generation) ->
                    told.add(reason + " " + Long.toHexString(start) + "-" + Long.toHexString(end)));
            for (int i = 0; i < KEPT; i++) {
                visit(cpu, i);
                assertTold("UNMAPPED 0-ffffffffffffffff");
            }
            long start = at.get(1);
            assertEquals(0, spaces.get(1).mprotect(start, PAGE, READ));
            visit(cpu, 0);
            assertTold();
            visit(cpu, 1);
            assertTold("PROTECTED " + Long.toHexString(start) + "-" + Long.toHexString(start + PAGE));
            visit(cpu, KEPT);
            assertTold("UNMAPPED 0-ffffffffffffffff");
            visit(cpu, 0);
            assertTold("UNMAPPED 0-ffffffffffffffff");
        }
        spaces.forEach(AddressSpace::close);
        machine.close();
    }
}
