// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.backing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.fixture.CountingBacking;
import dev.samara.core.fixture.Latches;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A backing that is asked for an open may call into its space, and no other call waits for its answer")
final class CallingBackTest {
    private static final long PAGE = 0x1000;
    private static final long PLACE = 0x1000_0000L;
    private static final int READ = Protection.READ;
    private static final int FIXED = MapFlags.PRIVATE | MapFlags.FIXED;
    private static final int HELD = 3;

    private static final class Scripted extends CountingBacking {
        private volatile @Nullable Runnable onFirstOpen;
        private volatile @Nullable Runnable onClose;

        Scripted() {
            super("/scripted", 1);
        }

        @Override
        protected @Nullable Errno askedForOpen(Vma vma) {
            Runnable first = onFirstOpen;
            onFirstOpen = null;
            if (first != null) {
                first.run();
            }
            return null;
        }

        @Override
        protected void toldOfClose(Vma vma) {
            Runnable script = onClose;
            if (script != null) {
                script.run();
            }
        }
    }

    private final Semaphore waits = new Semaphore(0);
    private final List<CountDownLatch> releases = new ArrayList<>();
    private final Semaphore held = new Semaphore(0);
    private final AtomicInteger retirings = new AtomicInteger();
    private final List<Future<Long>> unmapping = new ArrayList<>();
    private boolean holding;

    private final Machine machine = MachineInternals.machine(
            Machine.builder().reportWaitsLongerThan(Duration.ofNanos(1)).reportTo(report -> waits.release()),
            range -> retire());
    private final AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
    private final Scripted backing = new Scripted();
    private final ExecutorService pool = Executors.newCachedThreadPool();

    private void retire() {
        int number = retirings.getAndIncrement();
        if (holding && number < HELD) {
            held.release();
            Latches.await(releases.get(number));
        }
    }

    @AfterEach
    void allIsClosed() throws Exception {
        for (Future<Long> result : unmapping) {
            assertEquals(0, result.get());
        }
        pool.shutdown();
        space.validate();
        space.close();
        machine.awaitQuiescence();
        assertEquals(0, backing.stillOpen());
    }

    private static long page(int number) {
        return PLACE + number * PAGE;
    }

    private long anonymous(int page, int pages) {
        return space.mmap(page(page), pages * PAGE, READ, FIXED | MapFlags.ANONYMOUS, null, 0);
    }

    @Test
    @DisplayName("mapping and unmapping elsewhere, and in the very range of the operation that asks")
    void meddling() {
        anonymous(0, 8);
        backing.onFirstOpen = () -> {
            assertEquals(page(20), anonymous(20, 2));
            assertEquals(0, space.munmap(page(0), 2 * PAGE));
            assertEquals(page(4), anonymous(4, 1));
            assertEquals(0, space.munmap(page(4), PAGE));
            assertNotNull(space.find(page(5)));
        };
        assertEquals(page(3), space.mmap(page(3), 3 * PAGE, READ, FIXED, backing, 0));
        assertNull(space.find(page(0)));
        assertNotNull(space.find(page(20)));
        Vma placed = space.find(page(4));
        assertEquals(backing, placed == null ? null : placed.backing());
    }

    @Test
    @DisplayName("a close may map, unmap and fork")
    void closing() throws InterruptedException {
        assertEquals(page(3), space.mmap(page(3), 3 * PAGE, READ, FIXED, backing, 0));
        backing.onClose = () -> {
            backing.onClose = null;
            assertEquals(page(3), anonymous(3, 3));
            space.fork().close();
            assertEquals(0, space.munmap(page(4), PAGE));
        };
        assertEquals(0, space.munmap(page(3), 3 * PAGE));
        machine.awaitQuiescence();
        assertEquals(2, space.snapshot().vmas().size());
    }

    /**
     * Starts a mapping over pages 0 to 9 that restarts three times and then takes a ticket. The unmappings that it
     * waits for are released in the order of their publication, which is also the order of its waits.
     */
    private Future<Long> mapAfterThreeRestarts() throws InterruptedException {
        anonymous(0, 10);
        holding = true;
        for (int i = 0; i < HELD; i++) {
            releases.add(new CountDownLatch(1));
        }
        for (int i = 0; i < HELD; i++) {
            int page = 1 + 2 * i;
            unmapping.add(pool.submit(() -> space.munmap(page(page), PAGE)));
            held.acquire();
        }
        Future<Long> mapping = pool.submit(() -> space.mmap(page(0), 10 * PAGE, READ, FIXED, backing, 0));
        for (CountDownLatch release : releases) {
            waits.acquire();
            release.countDown();
        }
        return mapping;
    }

    @Test
    @DisplayName("an operation that insists on being next lets calls from its backing's open pass")
    void ofOneThatInsists() throws Exception {
        long[] result = {1};
        backing.onFirstOpen = () -> result[0] = space.munmap(page(0), 10 * PAGE);
        assertEquals(page(0), mapAfterThreeRestarts().get());
        assertEquals(0, result[0]);
        assertEquals(1, space.snapshot().vmas().size());
    }

    @Test
    @DisplayName("while a backing does not answer, others change its range, also if the call that asks has a ticket")
    void hanging() throws Exception {
        CountDownLatch asked = new CountDownLatch(1);
        CountDownLatch answer = new CountDownLatch(1);
        backing.onFirstOpen = () -> {
            asked.countDown();
            Latches.await(answer);
        };
        Future<Long> mapping = mapAfterThreeRestarts();
        Latches.await(asked);
        assertEquals(0, space.munmap(page(0), 4 * PAGE));
        assertEquals(page(2), anonymous(2, 4));
        assertEquals(0, space.mprotect(page(2), PAGE, Protection.NONE));
        answer.countDown();
        assertEquals(page(0), mapping.get());
        assertEquals(1, space.snapshot().vmas().size());
    }
}
