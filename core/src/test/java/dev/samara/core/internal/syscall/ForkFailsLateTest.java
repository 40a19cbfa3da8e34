// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.CountingBacking;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * An Error at any release of a layout lock within a fork leaves neither a registered copy nor any part of the child.
 * There is only one page table context. The fork returns it before it closes the child, because the close needs it.
 */
final class ForkFailsLateTest {
    private static final long A = 0x10_0000_0000L;
    private static final long B = 0x20_0000_0000L;
    private static final long LENGTH = 4 * 4096;
    private static final int RW = Mman.READ | Mman.WRITE;

    private static final class Failure extends Error {
        private static final long serialVersionUID = 1L;
    }

    /** How many releases of a lock precede the one that fails; if negative, none fails. */
    private int left = -1;

    private final Machine machine = MachineInternals.withContexts(
            MachineInternals.withLocks(Machine.builder().memory(1 << 20).build(), Lock::new), 1);
    private final AddressSpace parent = machine.newSpace(Geometry.LINUX_X86_64);
    private final CountingBacking backing = new CountingBacking("device", 1);

    private final class Lock extends ReentrantLock {
        private static final long serialVersionUID = 1L;

        @Override
        public void unlock() {
            super.unlock();
            if (left >= 0 && left-- == 0) {
                throw new Failure();
            }
        }
    }

    private boolean forks(int releases) {
        left = releases;
        try {
            AddressSpace child = parent.fork();
            left = -1;
            child.close();
            return true;
        } catch (Failure expected) {
            return false;
        }
    }

    @Test
    @DisplayName("opens, charge and frames are given back, and the parent's munmap waits for nothing")
    void everyRelease() throws InterruptedException {
        int shared = Mman.SHARED | Mman.FIXED;
        int anonymous = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED | Mman.POPULATE;
        assertEquals(A, parent.mmap(A, LENGTH, RW, shared, backing, 0));
        assertEquals(B, parent.mmap(B, LENGTH, RW, anonymous, null, 0));
        long charged = machine.committed();
        long frames = machine.statistics().framesInUse();
        int releases = 0;
        while (!forks(releases)) {
            machine.awaitQuiescence();
            assertEquals(1, backing.stillOpen(), "opens after a failure at release " + releases);
            assertEquals(charged, machine.committed(), "charge after a failure at release " + releases);
            assertEquals(frames, machine.statistics().framesInUse(), "frames, release " + releases);
            // Would wait for a registered copy.
            assertEquals(0, Await.result("munmap", parent.munmapAsync(B + LENGTH - 4096, 4096), List.of()));
            assertEquals(B + LENGTH - 4096, parent.mmap(B + LENGTH - 4096, 4096, RW, anonymous, null, 0));
            releases++;
        }
        assertTrue(releases >= 4, releases + " releases");
        parent.close();
        machine.awaitQuiescence();
        assertEquals(0, backing.stillOpen());
        assertEquals(0, machine.statistics().framesInUse());
        parent.validate();
    }
}
