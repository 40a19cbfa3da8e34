// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.fixture.NamedBacking;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class SharedPagesOfAChildTest {
    private final AtomicReference<@Nullable Runnable> atOpen = new AtomicReference<>();

    /** Runs an action when it is opened. */
    private final class BackingWithOpen extends NamedBacking {
        BackingWithOpen() {
            super("/opening", 1);
        }

        @Override
        public @Nullable Errno open(Vma vma) {
            Runnable then = atOpen.getAndSet(null);
            if (then != null) {
                then.run();
            }
            return null;
        }
    }

    @Test
    @DisplayName("pages that the parent unmaps while a backing is opened for the child stay the child's, also in shared"
            + " memory")
    void unmappedByTheParent() {
        int rights = Mman.READ | Mman.WRITE;
        Machine machine = Machine.builder().memory(1 << 20).build();
        AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
        long shared = space.mmap(0, 4096, rights, Mman.SHARED | Mman.ANONYMOUS, null, 0);
        assertTrue(space.mmap(0, 4096, rights, Mman.PRIVATE, new BackingWithOpen(), 0) > 0);
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            assertTrue(cpu.memory().store(shared, 8, 7) == Fault.NONE);
            atOpen.set(() -> {
                long charged = machine.committed();
                assertEquals(0, space.munmap(shared, 4096));
                awaitQuiescence(machine);
                assertEquals(charged, machine.committed(), "charged while only the child will map it");
            });
            AddressSpace child = space.fork();
            assertEquals(null, atOpen.get(), "nothing was opened");
            cpu.switchTo(child);
            assertTrue(cpu.memory().load(shared, 8) == Fault.NONE);
            assertEquals(7, cpu.memory().value());
            child.close();
        }
        space.close();
        awaitQuiescence(machine);
        assertEquals(0, machine.statistics().framesInUse(), "frames in use");
        assertEquals(0, machine.committed());
    }

    private static void awaitQuiescence(Machine machine) {
        try {
            machine.awaitQuiescence();
        } catch (InterruptedException interrupted) {
            throw new IllegalStateException(interrupted);
        }
    }
}
