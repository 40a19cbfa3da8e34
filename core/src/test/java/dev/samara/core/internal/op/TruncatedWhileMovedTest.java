// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.mman.RemapFlags;
import dev.samara.core.vma.Geometry;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** A file that is truncated and extended again while a private mapping of it is moved, narrowed or unmapped. */
class TruncatedWhileMovedTest {
    private static final Geometry GEOMETRY = Geometry.LINUX_X86_64;
    private static final long PAGE = GEOMETRY.pageSize();
    private static final long LENGTH = 4 * PAGE;
    private static final long FROM = 0x10_0000_0000L;
    private static final long TO = FROM + 16 * PAGE;

    private final AtomicReference<Runnable> inFlight = new AtomicReference<>(TruncatedWhileMovedTest::nothing);
    private final Machine machine = MachineInternals.machine(
            Machine.builder().memory(1 << 20),
            range -> inFlight.getAndSet(TruncatedWhileMovedTest::nothing).run());
    private final AddressSpace space = machine.newSpace(GEOMETRY);
    private final MemoryFile file = machine.newFile("/file", 1, GEOMETRY, LENGTH);

    private static void nothing() {}

    private void mapAndWrite() {
        space.mmap(FROM, LENGTH, Protection.READ | Protection.WRITE, MapFlags.PRIVATE | MapFlags.FIXED, file.open(), 0);
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            for (long page = 0; page < LENGTH; page += PAGE) {
                assertEquals(Fault.NONE, cpu.memory().store(FROM + page, 8, 7));
            }
        }
        inFlight.set(() -> {
            file.truncate(PAGE);
            file.truncate(LENGTH);
        });
    }

    private void judge(long address) {
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            for (long page = 0; page < LENGTH; page += PAGE) {
                cpu.memory().load(address + page, 8);
                assertEquals(page == 0 ? 7 : 0, cpu.memory().value(), "page " + page / PAGE);
            }
        }
        space.close();
        file.close();
        assertEquals(0, machine.statistics().framesInUse(), "frames in use");
    }

    @Test
    @DisplayName("private pages that lay beyond the end while their mapping was moved are not there after the move")
    void moved() {
        mapAndWrite();
        assertEquals(TO, space.mremap(FROM, LENGTH, LENGTH, RemapFlags.MAYMOVE | RemapFlags.MREMAP_FIXED, TO));
        judge(TO);
    }

    @Test
    @DisplayName("nor those of a mapping that was narrowed at that time")
    void narrowed() {
        mapAndWrite();
        assertEquals(0, space.mprotect(FROM, LENGTH, Protection.READ));
        judge(FROM);
    }
}
