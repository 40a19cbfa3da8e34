// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.backing.CachedBacking;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.PageRequest;
import dev.samara.core.vma.PageWindow;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("A backing whose answers are out of date when the fault checks them")
final class AnswersOutOfDateTest {
    /** More wrong answers than one fault accepts. */
    private static final int OFTEN = 40;

    private final SpaceFixture fixture = new SpaceFixture();
    private final PageCache cache = fixture.machine.newPageCache(GEOMETRY, 4 * PAGE);
    private final PagedFile file = new PagedFile(cache);

    /** The number of the file's answers. */
    private int answers;

    /** A file that offers no pages, so that each fault asks it, and whose answers a test chooses. */
    private static final class PagedFile extends CachedBacking {
        @Nullable
        ToIntFunction<PageRequest> answer;

        PagedFile(PageCache cache) {
            super("/f", cache);
        }

        Runnable reading = () -> {};

        @Override
        protected boolean read(long page, int frame, FrameStore store) {
            reading.run();
            return true;
        }

        @Override
        public void rcuMapPages(PageWindow window) {
            // Offers no pages.
        }

        @Override
        public int fault(PageRequest request) {
            return answer == null ? super.fault(request) : answer.applyAsInt(request);
        }

        int rightAnswer(PageRequest request) {
            return super.fault(request);
        }
    }

    @AfterEach
    void everyFrameComesBack() {
        cache.close();
        fixture.closeEmpty();
    }

    private long map(int protection, int flags) {
        return fixture.map(0, 4, protection, flags, file, 0);
    }

    private void assertNotBlamed(Runnable removal) {
        for (int flags : new int[] {MapFlags.SHARED, MapFlags.PRIVATE}) {
            for (int access : new int[] {READ, WRITE}) {
                answers = 0;
                file.answer = request -> {
                    int frame = file.rightAnswer(request);
                    if (answers++ < OFTEN) {
                        removal.run();
                    }
                    return frame;
                };
                long at = map(RW, flags);
                int fault = fixture.memory.handleFault(at + PAGE, access);
                assertTrue(fault == Fault.NONE, () -> Fault.toString(fault));
                assertEquals(OFTEN + 1, answers);
                assertEquals(List.of(), fixture.reports);
                assertEquals(0, fixture.space.munmap(at, 4 * PAGE));
                cache.remove(0, 4);
            }
        }
    }

    @Test
    @DisplayName("because the file is truncated each time is not blamed")
    void truncated() {
        assertNotBlamed(() -> {
            cache.truncate(0);
            cache.truncate(4 * PAGE);
        });
    }

    @Test
    @DisplayName("because pages are removed each time is not blamed")
    void removed() {
        assertNotBlamed(() -> cache.remove(0, 4));
    }

    private void assertBlamed(long at) {
        assertFault(Fault.ADRERR, fixture.memory.load(at, 8));
        assertEquals(1, fixture.reports.size());
        assertEquals(Report.Kind.CALLBACK_FAILED, fixture.reports.get(0).kind());
        fixture.reports.clear();
    }

    @Test
    @DisplayName("is blamed if pages of another file are removed, and none of its own")
    void anotherFile() {
        FilePages other = (FilePages) fixture.machine.newPageCache(GEOMETRY, PAGE);
        file.answer = request -> {
            assertTrue(other.frameFor(0) > 0);
            other.remove(0, 1);
            return 0;
        };
        assertBlamed(map(READ, MapFlags.SHARED));
    }

    @Test
    @DisplayName("is blamed for wrong answers to one fault, whatever the result of a fault that it begins itself")
    void faultsInside() {
        long anonymous = fixture.anonymous(1);
        long good = map(READ, MapFlags.SHARED);
        long at = map(READ, MapFlags.SHARED);
        file.answer = request -> {
            if (request.address() == good + PAGE) {
                return file.rightAnswer(request);
            }
            fixture.store(anonymous, 1);
            fixture.memory.load(good + PAGE, 8);
            assertEquals(0, fixture.space.madvise(good, 4 * PAGE, Advice.DONTNEED));
            return 0;
        };
        assertBlamed(at);
    }

    @Test
    @DisplayName("is not blamed in one fault for wrong answers to another one")
    void nextFault() {
        for (int round = 0; round < 3; round++) {
            long at = map(READ, MapFlags.SHARED);
            answers = 0;
            file.answer = request -> {
                if (++answers == 15) {
                    assertEquals(0, fixture.space.munmap(at, 4 * PAGE));
                }
                return 0;
            };
            assertFault(Fault.MAPERR, fixture.memory.load(at, 8));
            assertEquals(15, answers);
        }
        assertEquals(List.of(), fixture.reports);
    }

    @Test
    @DisplayName("because it removes the pages itself is blamed in the end, also if its thread is interrupted")
    void endless() {
        long at = map(READ, MapFlags.SHARED);
        file.answer = request -> {
            int frame = file.rightAnswer(request);
            cache.remove(0, 4);
            if (++answers == OFTEN) {
                Thread.currentThread().interrupt();
            }
            return frame;
        };
        assertBlamed(at);
        assertTrue(Thread.interrupted());
        assertEquals(4096, answers);
    }

    @Test
    @DisplayName("because its read removes the page is asked many times, and then the page is unreadable")
    void endlessRead() {
        long at = map(READ, MapFlags.SHARED);
        file.reading = () -> {
            answers++;
            cache.remove(0, 4);
        };
        assertFault(Fault.ADRERR, fixture.memory.load(at, 8));
        assertEquals(4096, answers);
        assertEquals(Errno.EIO.result(), file.pread(new byte[1], 0, 1, 0));
        assertEquals(List.of(), fixture.reports);
    }

    @Test
    @DisplayName("because a reclaim has removed its page, and puts it back, is not blamed")
    void inTheHandOfAReclaim() throws Exception {
        FilePages pages = (FilePages) cache;
        Frames frames = fixture.layout().memory().frames();
        long read = map(READ, MapFlags.PRIVATE);
        assertTrue(fixture.memory.load(read, 8) == Fault.NONE);
        int known = pages.frameFor(1);
        long[] leaf = Objects.requireNonNull(fixture.layout().pages().leaf(read));
        CountDownLatch asked = new CountDownLatch(OFTEN);
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try (AddressSpace space = fixture.machine.newSpace(GEOMETRY);
                OtherCpu other = new OtherCpu(space)) {
            long at = space.mmap(0, 4 * PAGE, READ, MapFlags.PRIVATE, file, 0);
            Future<Integer> reclaimed;
            pages.content().lock();
            try {
                ReclaimCandidates batch = new ReclaimCandidates(frames);
                batch.collect(pages.index(), 0);
                reclaimed = thread.submit(() -> pages.present().reclaim.run(batch));
                Await.until(
                        "it is about to take pages out", () -> pages.content().hasQueuedThreads());
                // The reclaim acquires the lock once more, after it removed page 1.
                Leaf.lock(leaf);
            } finally {
                pages.content().unlock();
            }
            Future<Integer> fault = other.submit(of -> {
                Await.until("it has the page in hand", () -> cache.frameAt(1) < 0);
                file.answer = request -> {
                    asked.countDown();
                    return known;
                };
                return of.memory().load(at + PAGE, 8);
            });
            try {
                Await.until("it is asked again and again", () -> asked.getCount() == 0 || fault.isDone());
                frames.setDirty(known);
            } finally {
                Leaf.unlock(leaf);
            }
            assertFault(Fault.NONE, Await.result("the fault", fault, fixture.reports));
            assertEquals(0, Await.result("the reclaim", reclaimed, fixture.reports));
        } finally {
            thread.shutdown();
        }
        assertEquals(known, cache.frameAt(1));
        assertEquals(List.of(), fixture.reports);
    }
}
