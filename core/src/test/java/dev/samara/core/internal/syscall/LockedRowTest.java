// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static dev.samara.core.mman.Mman.ANONYMOUS;
import static dev.samara.core.mman.Mman.EXEC;
import static dev.samara.core.mman.Mman.FIXED;
import static dev.samara.core.mman.Mman.PRIVATE;
import static dev.samara.core.mman.Mman.READ;
import static dev.samara.core.mman.Mman.WRITE;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * When locked memory becomes writable, {@code mprotect_fixup} faults it in before the next mapping is changed. So the
 * first of three mappings gets a new anon_vma, because the second one has none to reuse; the third one was written
 * before.
 */
@DisplayName("mprotect that makes a row of locked mappings writable")
final class LockedRowTest {
    private static final long PAGE = 4096;
    private static final long AT = 0x10_0000;

    private final Machine machine =
            Machine.builder().memory(1 << 24).poisonFrames(true).build();
    private final AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);

    private void makeRow(int lockFlags) {
        assertEquals(AT, space.mmap(AT, 3 * PAGE, READ, PRIVATE | ANONYMOUS | FIXED, null, 0));
        assertEquals(0, space.mprotect(AT + 2 * PAGE, PAGE, READ | WRITE));
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            assertEquals(Fault.NONE, cpu.memory().store(AT + 2 * PAGE, 1, 7));
        }
        assertEquals(0, space.mprotect(AT + PAGE, PAGE, READ | EXEC));
        assertEquals(0, space.mprotect(AT + 2 * PAGE, PAGE, READ));
        assertEquals(0, space.mlock2(AT, 3 * PAGE, lockFlags));
        assertEquals(List.of(1L, 1L, 1L), lengths());
    }

    private List<Long> lengths() {
        List<Long> pages = new ArrayList<>();
        space.forEach(AT, 4 * PAGE, (Vma vma) -> pages.add(vma.length() / PAGE));
        return pages;
    }

    private void assertResident() {
        byte[] found = new byte[3];
        assertEquals(0, space.mincore(AT, 3 * PAGE, found));
        assertArrayEquals(new byte[] {1, 1, 1}, found);
    }

    @Test
    @DisplayName("joins the first with the second, and neither with the third, which was written before")
    void inTurn() {
        makeRow(0);
        assertEquals(0, space.mprotect(AT, 3 * PAGE, READ | WRITE));
        assertEquals(List.of(2L, 1L), lengths());
        assertResident();
    }

    @Test
    @DisplayName("does so up to a hole, where it fails")
    void upToHole() {
        makeRow(0);
        assertEquals(Errno.ENOMEM.result(), space.mprotect(AT, 4 * PAGE, READ | WRITE));
        assertEquals(List.of(2L, 1L), lengths());
        assertResident();
    }

    @Test
    @DisplayName("joins all if they are locked on fault: nothing is faulted in")
    void onFault() {
        makeRow(Mman.ONFAULT);
        assertEquals(0, space.mprotect(AT, 3 * PAGE, READ | WRITE));
        assertEquals(List.of(3L), lengths());
    }
}
