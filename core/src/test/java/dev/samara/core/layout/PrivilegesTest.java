// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.mman.Capability;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** {@code AddressSpace.grant} and {@code drop}, as a guest's setuid uses them ({@code mm/mlock.c, mm/util.c}). */
@DisplayName("privileges change while a space is in use")
final class PrivilegesTest {
    private static final long PAGE = Geometry.LINUX_X86_64.pageSize();
    private static final long AT = 0x1000_0000L;
    private static final long LOW = PAGE;
    private static final int RW = Mman.READ | Mman.WRITE;
    private static final int FIXED = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;

    private final Machine machine = Machine.builder().memory(1 << 22).build();

    private final AddressSpace space =
            machine.space(Geometry.LINUX_X86_64).grant(Capability.values()).build();

    @Test
    @DisplayName("mappings below the lowest address: EPERM, unless with SYS_RAWIO; those that exist stay")
    void lowMappings() {
        assertEquals(LOW, space.mmap(LOW, PAGE, RW, FIXED, null, 0));
        space.drop(Capability.SYS_RAWIO);
        assertEquals(Errno.EPERM.result(), space.mmap(LOW + PAGE, PAGE, RW, FIXED, null, 0));
        assertEquals(Errno.EPERM.result(), space.mmap(0, PAGE, RW, FIXED, null, 0));
        assertEquals(0, space.mprotect(LOW, PAGE, Mman.READ));
        assertEquals(Errno.ENOMEM.result(), space.mremap(LOW, PAGE, 2 * PAGE, 0, 0), "does not grow where it is");
        assertEquals(AT, space.mmap(AT, PAGE, RW, FIXED, null, 0));
        int move = Mman.MAYMOVE | Mman.MREMAP_FIXED;
        assertEquals(Errno.EPERM.result(), space.mremap(AT, PAGE, PAGE, move, LOW + PAGE));
        space.grant(Capability.SYS_RAWIO);
        assertEquals(LOW + PAGE, space.mremap(AT, PAGE, PAGE, move, LOW + PAGE));
    }

    @Test
    @DisplayName("a child has its parent's privileges of the fork, and changes its own")
    void fork() {
        space.drop(Capability.SYS_RAWIO);
        try (AddressSpace child = space.fork()) {
            assertEquals(EnumSet.of(Capability.IPC_LOCK), child.capabilities());
            child.drop(Capability.IPC_LOCK);
            space.grant(Capability.SYS_RAWIO);
            assertEquals(Set.of(), child.capabilities());
            assertEquals(EnumSet.allOf(Capability.class), space.capabilities());
        }
    }

    @Test
    @DisplayName("a space that replaces another has what its builder granted")
    void exec() {
        try (Cpu cpu = machine.claimCpu()) {
            AddressSpace next = machine.newSpace(Geometry.LINUX_X86_64);
            cpu.switchTo(space);
            cpu.exec(next);
            assertEquals(Set.of(), next.capabilities());
            next.grant(Capability.IPC_LOCK);
            assertEquals(Set.of(Capability.IPC_LOCK), next.capabilities());
        }
    }

    @Test
    @DisplayName("a closed reference is ESRCH, and has no privilege")
    void closed() {
        space.close();
        assertEquals(
                Errno.ESRCH,
                assertThrows(MmException.class, () -> space.grant(Capability.IPC_LOCK))
                        .errno());
        assertEquals(
                Errno.ESRCH,
                assertThrows(MmException.class, () -> space.drop(Capability.IPC_LOCK))
                        .errno());
        assertEquals(Set.of(), space.capabilities());
    }

    @Test
    @DisplayName("two threads that change two privileges lose no change")
    void noChangeIsLost() throws Exception {
        List<Capability> both = List.of(Capability.values());
        CyclicBarrier start = new CyclicBarrier(both.size());
        ExecutorService threads = Executors.newFixedThreadPool(both.size());
        try {
            List<Future<?>> changes = both.stream()
                    .<Future<?>>map(own -> threads.submit(() -> {
                        start.await();
                        for (int round = 0; round < 200_000; round++) {
                            space.drop(own);
                            assertTrue(!space.capabilities().contains(own), () -> own + " is not dropped");
                            space.grant(own);
                            assertTrue(space.capabilities().contains(own), () -> own + " is not granted");
                        }
                        return null;
                    }))
                    .toList();
            for (Future<?> change : changes) {
                change.get();
            }
        } finally {
            threads.shutdownNow();
        }
    }
}
