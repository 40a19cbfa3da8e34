// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.LayoutSnapshot;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.fixture.Await;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.util.concurrent.FutureTask;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The test's thread holds the layout lock while another thread takes a snapshot. */
@DisplayName("A snapshot takes no lock")
class SnapshotTakesNoLockTest {
    private static final long PLACE = 0x1000_0000L;
    private static final long PAGE = Geometry.LINUX_X86_64.pageSize();

    private final ReentrantLock lock = new ReentrantLock();
    private final AddressSpace space = MachineInternals.withLocks(
                    Machine.builder().memory(1 << 20).build(), () -> lock)
            .newSpace(Geometry.LINUX_X86_64);

    private void assertSnapshot(int vmas) throws Exception {
        FutureTask<LayoutSnapshot> snapshot = new FutureTask<>(space::snapshot);
        Thread thread = new Thread(snapshot, "takes a snapshot");
        thread.setDaemon(true);
        lock.lock();
        try {
            thread.start();
            Await.until(
                    "there is a snapshot, or its thread waits for the layout lock",
                    () -> snapshot.isDone() || lock.hasQueuedThread(thread),
                    thread);
            assertTrue(snapshot.isDone(), "it waits for the layout lock");
        } finally {
            lock.unlock();
        }
        assertEquals(vmas, snapshot.get().vmas().size());
    }

    private void map(long page, long pages) {
        int flags = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;
        long at = PLACE + page * PAGE;
        assertEquals(at, space.mmap(at, pages * PAGE, Mman.READ, flags, null, 0));
    }

    @Test
    @DisplayName("of a new space, behind a call that maps, and behind one that unmaps")
    void never() throws Exception {
        assertSnapshot(0);
        map(0, 4);
        assertSnapshot(1);
        assertEquals(0, space.munmap(PLACE + PAGE, PAGE));
        assertSnapshot(2);
        assertSnapshot(2);
        map(0, 2);
        assertSnapshot(1);
        assertEquals(0, space.munmap(PLACE, 4 * PAGE));
        assertSnapshot(0);
        assertEquals(Errno.ENOMEM.result(), space.mprotect(PLACE, PAGE, Mman.READ));
        assertSnapshot(0);
    }
}
