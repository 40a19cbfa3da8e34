// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.HeldOperations;
import dev.samara.core.fixture.NamedBacking;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.PageCache;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Beside threads that fork in a loop,")
class BesideForksTest {
    private static final long PAGE = SpaceFixture.PAGE;

    /** A file whose pages are all in memory, and which is asked for none. */
    private static final class OfferedFile extends NamedBacking {
        private final PageCache cache;
        private final AtomicInteger asked = new AtomicInteger();

        OfferedFile(PageCache cache) {
            super("/offered", 1);
            this.cache = cache;
        }

        @Override
        public PageCache pageCache() {
            return cache;
        }

        @Override
        public int fault(Backing.PageRequest request) {
            asked.incrementAndGet();
            return -Fault.ADRERR;
        }
    }

    /** Threads that fork a space until they are closed. */
    private static final class Forks implements AutoCloseable {
        private final AtomicInteger count = new AtomicInteger();
        private final AtomicReference<Throwable> failure = new AtomicReference<>();
        private final List<Thread> threads = new ArrayList<>();
        private volatile boolean ends;

        Forks(AddressSpace space, int number) {
            for (int i = 0; i < number; i++) {
                Thread thread = new Thread(() -> run(space));
                threads.add(thread);
                thread.start();
            }
        }

        private void run(AddressSpace space) {
            try {
                while (!ends) {
                    space.fork().close();
                    count.incrementAndGet();
                }
            } catch (Throwable thrown) {
                failure.compareAndSet(null, thrown);
            }
        }

        @Override
        public void close() {
            ends = true;
            try {
                for (Thread thread : threads) {
                    thread.join();
                }
            } catch (InterruptedException unexpected) {
                throw new IllegalStateException(unexpected);
            }
            assertEquals(null, failure.get());
        }
    }

    @Test
    @DisplayName("a load of a page that its backing offers does not ask the backing")
    void offered() {
        int pages = 256;
        try (SpaceFixture fixture = new SpaceFixture()) {
            PageCache cache = fixture.machine.newPageCache(SpaceFixture.GEOMETRY, pages * PAGE);
            for (int i = 0; i < pages; i++) {
                assertTrue(cache.insert(i, cache.allocate()) >= 0);
            }
            OfferedFile file = new OfferedFile(cache);
            long busy = fixture.anonymous(pages);
            for (int i = 0; i < pages; i++) {
                assertEquals(Fault.NONE, fixture.memory.store(busy + i * PAGE, 8, i));
            }
            long at = fixture.map(0, pages, SpaceFixture.READ, Mman.SHARED, file, 0);
            try (Forks forks = new Forks(fixture.space, 1)) {
                while (forks.count.get() < 200 && forks.failure.get() == null) {
                    for (int i = 0; i < pages; i += 16) {
                        assertEquals(Fault.NONE, fixture.memory.load(at + i * PAGE, 8));
                    }
                    assertEquals(0, fixture.space.madvise(at, pages * PAGE, Mman.DONTNEED));
                }
            }
            assertEquals(0, file.asked.get());
            assertEquals(0, fixture.space.munmap(at, pages * PAGE));
            cache.close();
        }
    }

    @Test
    @DisplayName("an operation that waited for the copy of one makes its next attempt before the next one's instant")
    void operations() throws Exception {
        try (SpaceFixture fixture = new SpaceFixture();
                Cpu cpu = fixture.machine.claimCpu()) {
            long at = fixture.anonymous(1);
            cpu.switchTo(fixture.space);
            cpu.enterGuest();
            assertEquals(Fault.NONE, cpu.memory().store(at, Long.BYTES, 1));
            // Its copy ends when this CPU has flushed.
            HeldOperations.Caller<AddressSpace> first = HeldOperations.start(fixture.space::fork);
            Await.until("the fork waits for the CPU", () -> isParked(first.thread), first.thread);
            HeldOperations.Caller<Long> call = HeldOperations.waits(
                    () -> fixture.space.mmap(0, PAGE, SpaceFixture.RW, SpaceFixture.ANONYMOUS, null, 0));
            HeldOperations.Caller<AddressSpace> second = HeldOperations.waits(fixture.space::fork);
            cpu.leaveGuest();
            first.result().close();
            long mapped = call.result();
            try (AddressSpace child = second.result()) {
                assertNotNull(child.find(mapped));
            }
            assertEquals(0, fixture.space.munmap(mapped, PAGE));
            cpu.switchTo(null);
        }
    }

    private static boolean isParked(Thread thread) {
        return thread.getState() == Thread.State.WAITING || thread.getState() == Thread.State.TIMED_WAITING;
    }
}
