// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.PageRequest;
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
    private static final class OfferedFile implements Backing {
        private final PageCache cache;
        private final AtomicInteger asked = new AtomicInteger();

        OfferedFile(PageCache cache) {
            this.cache = cache;
        }

        @Override
        public int major() {
            return 1;
        }

        @Override
        public int minor() {
            return 1;
        }

        @Override
        public long inode() {
            return 1;
        }

        @Override
        public String name() {
            return "/offered";
        }

        @Override
        public PageCache pageCache() {
            return cache;
        }

        @Override
        public int fault(PageRequest request) {
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
            long at = fixture.map(0, pages, SpaceFixture.READ, MapFlags.SHARED, file, 0);
            try (Forks forks = new Forks(fixture.space, 1)) {
                while (forks.count.get() < 200 && forks.failure.get() == null) {
                    for (int i = 0; i < pages; i += 16) {
                        assertEquals(Fault.NONE, fixture.memory.load(at + i * PAGE, 8));
                    }
                    assertEquals(0, fixture.space.madvise(at, pages * PAGE, Advice.DONTNEED));
                }
            }
            assertEquals(0, file.asked.get());
            assertEquals(0, fixture.space.munmap(at, pages * PAGE));
            cache.close();
        }
    }

    @Test
    @DisplayName("an operation makes its next attempt before the next fork")
    void operations() {
        int calls = 20;
        try (SpaceFixture fixture = new SpaceFixture()) {
            long pages = 256;
            long busy = fixture.anonymous(pages);
            for (int i = 0; i < pages; i++) {
                assertEquals(Fault.NONE, fixture.memory.store(busy + i * PAGE, 8, i));
            }
            try (Forks forks = new Forks(fixture.space, 4)) {
                for (int i = 0; i < calls; i++) {
                    int before = forks.count.get();
                    while (forks.count.get() == before && forks.failure.get() == null) {
                        Thread.onSpinWait();
                    }
                    long mapped = fixture.space.mmap(0, PAGE, SpaceFixture.RW, SpaceFixture.ANONYMOUS, null, 0);
                    assertFalse(Errno.isError(mapped));
                    assertEquals(0, fixture.space.munmap(mapped, PAGE));
                }
                // Some hundred where operations pass, several thousand where they meet the next copy each time.
                assertTrue(forks.count.get() < calls * 100, () -> forks.count + " forks");
            }
        }
    }
}
