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
import dev.samara.core.mman.LockFlags;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Protection;
import dev.samara.core.mman.RemapFlags;
import dev.samara.core.mman.Resource;
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
    private static final int RW = Protection.READ | Protection.WRITE;
    private static final int ANON = MapFlags.PRIVATE | MapFlags.ANONYMOUS;
    private static final int FIXED = ANON | MapFlags.FIXED;

    private final Machine machine = Machine.builder().memory(1 << 22).build();

    private final AddressSpace space =
            machine.space(Geometry.LINUX_X86_64).grant(Capability.values()).build();

    private void map(long pages) {
        assertEquals(AT, space.mmap(AT, pages * PAGE, RW, FIXED, null, 0));
    }

    @Test
    @DisplayName("mlock: EPERM where nothing may be locked, ENOMEM beyond the limit, neither with IPC_LOCK")
    void mlock() {
        map(3);
        space.setLimit(Resource.MEMLOCK, 0);
        assertEquals(0, space.mlock(AT, 3 * PAGE));
        space.drop(Capability.IPC_LOCK);
        assertEquals(3, space.usage().locked(), "what is locked stays");
        assertEquals(Errno.EPERM.result(), space.mlock(AT, PAGE));
        assertEquals(Errno.EPERM.result(), space.mlock(AT, 0), "an empty range too");
        assertEquals(Errno.EINVAL.result(), space.mlock2(AT, PAGE, 2), "flags come first");
        assertEquals(0, space.munlock(AT, 3 * PAGE), "which needs no privilege");
        space.setLimit(Resource.MEMLOCK, 2 * PAGE);
        assertEquals(Errno.ENOMEM.result(), space.mlock(AT, 3 * PAGE));
        assertEquals(0, space.mlock(AT, 2 * PAGE));
        assertEquals(Errno.ENOMEM.result(), space.mlock2(AT + 2 * PAGE, PAGE, LockFlags.ONFAULT));
        space.grant(Capability.IPC_LOCK);
        assertEquals(0, space.mlock2(AT + 2 * PAGE, PAGE, LockFlags.ONFAULT));
    }

    @Test
    @DisplayName("mlockall: EPERM, ENOMEM of CURRENT only")
    void mlockall() {
        map(3);
        space.drop(Capability.IPC_LOCK);
        space.setLimit(Resource.MEMLOCK, 0);
        assertEquals(Errno.EINVAL.result(), space.mlockall(0), "flags come first");
        assertEquals(Errno.EPERM.result(), space.mlockall(LockFlags.FUTURE));
        space.setLimit(Resource.MEMLOCK, PAGE);
        assertEquals(Errno.ENOMEM.result(), space.mlockall(LockFlags.CURRENT));
        assertEquals(0, space.mlockall(LockFlags.FUTURE));
        assertEquals(Errno.EAGAIN.result(), space.mmap(0, 2 * PAGE, RW, ANON, null, 0));
        space.grant(Capability.IPC_LOCK);
        assertEquals(0, space.mlockall(LockFlags.CURRENT));
        assertEquals(3, space.usage().locked());
    }

    @Test
    @DisplayName("mmap with LOCKED: EPERM before EAGAIN; mremap of locked memory: EAGAIN")
    void lockedMappings() {
        space.drop(Capability.IPC_LOCK);
        space.setLimit(Resource.MEMLOCK, 0);
        assertEquals(Errno.EPERM.result(), space.mmap(AT, PAGE, RW, FIXED | MapFlags.LOCKED, null, 0));
        space.setLimit(Resource.MEMLOCK, 2 * PAGE);
        assertEquals(Errno.EAGAIN.result(), space.mmap(AT, 3 * PAGE, RW, FIXED | MapFlags.LOCKED, null, 0));
        assertEquals(AT, space.mmap(AT, 2 * PAGE, RW, FIXED | MapFlags.LOCKED, null, 0));
        assertEquals(Errno.EAGAIN.result(), space.mremap(AT, 2 * PAGE, 3 * PAGE, RemapFlags.MAYMOVE, 0));
        space.grant(Capability.IPC_LOCK);
        assertEquals(AT, space.mremap(AT, 2 * PAGE, 3 * PAGE, 0, 0));
        assertEquals(3, space.usage().locked());
    }

    @Test
    @DisplayName("mappings below the lowest address: EPERM, unless with SYS_RAWIO; those that exist stay")
    void lowMappings() {
        assertEquals(LOW, space.mmap(LOW, PAGE, RW, FIXED, null, 0));
        space.drop(Capability.SYS_RAWIO);
        assertEquals(Errno.EPERM.result(), space.mmap(LOW + PAGE, PAGE, RW, FIXED, null, 0));
        assertEquals(Errno.EPERM.result(), space.mmap(0, PAGE, RW, FIXED, null, 0));
        assertEquals(0, space.mprotect(LOW, PAGE, Protection.READ));
        assertEquals(Errno.ENOMEM.result(), space.mremap(LOW, PAGE, 2 * PAGE, 0, 0), "does not grow where it is");
        map(1);
        int move = RemapFlags.MAYMOVE | RemapFlags.MREMAP_FIXED;
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
