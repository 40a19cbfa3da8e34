// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.residency;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.CountingBacking;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.SharedSegment;
import dev.samara.core.vma.Vma;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The number of attachments of a System V segment, as reported by a live kernel 6.18 after the same calls. */
@ExtendWith(OneThread.class)
final class AttachmentsTest {
    private final SpaceFixture fixture = new SpaceFixture();
    private final AddressSpace space = fixture.space;
    private final SharedSegment segment =
            new SharedSegment(3, 0x4711, 8 * PAGE, fixture.machine.newPageCache(SpaceFixture.GEOMETRY, 8 * PAGE));

    @AfterEach
    void close() {
        fixture.close();
    }

    private void check(int attachments, long result) {
        assertTrue(result >= 0, () -> "result " + result);
        assertEquals(attachments, segment.attachments());
    }

    @Test
    @DisplayName("each piece counts: after munmap and mprotect of a part, mremap, shmdt, fork and the end of a child")
    void pieces() {
        check(0, 0);
        long one = space.shmat(segment, 0, 0);
        check(1, one);
        long other = space.shmat(segment, 0, Mman.RDONLY);
        check(2, other);
        check(3, space.munmap(one + 2 * PAGE, PAGE));
        check(3, space.munmap(one, PAGE));
        long to = other + (1L << 24);
        check(3, space.mremap(other, 8 * PAGE, 8 * PAGE, Mman.MAYMOVE | Mman.MREMAP_FIXED, to));
        long second = space.mremap(to, 0, 8 * PAGE, Mman.MAYMOVE, 0);
        check(4, second);
        check(3, space.munmap(second, 8 * PAGE));
        check(5, space.mprotect(to + 4 * PAGE, PAGE, Mman.NONE));
        check(5, space.mprotect(to + 4 * PAGE, PAGE, READ));
        check(3, space.shmdt(one));
        AddressSpace child = space.fork();
        check(6, 0);
        child.close();
        check(3, 0);
        check(0, space.shmdt(to));
    }

    @Test
    @DisplayName("a segment that is removed while it is attached can be attached by its identifier until it is not")
    void removal() {
        long at = space.shmat(segment, 0, 0);
        assertEquals(1, space.write(at, new byte[] {7}, 0, 1));
        long frames = fixture.machine.statistics().framesInUse();
        segment.removeWhenDetached();
        assertTrue(segment.isMarkedForRemoval() && !segment.isRemoved());
        segment.removeWhenDetached();
        long again = space.shmat(segment, 0, 0);
        check(2, again);
        byte[] read = new byte[1];
        assertEquals(1, space.read(again, read, 0, 1));
        assertEquals(7, read[0]);
        check(1, space.shmdt(at));
        assertTrue(!segment.isRemoved());
        check(0, space.shmdt(again));
        assertTrue(segment.isRemoved() && segment.isMarkedForRemoval());
        assertEquals(Errno.EINVAL.result(), space.shmat(segment, 0, 0));
        Await.until("the page is free", () -> fixture.machine.statistics().framesInUse() == frames - 1);
    }

    @Test
    @DisplayName("a segment without an attachment is removed at once, and so is one without memory")
    void removalAtOnce() {
        segment.removeWhenDetached();
        assertTrue(segment.isRemoved());
        assertEquals(Errno.EINVAL.result(), space.shmat(segment, 0, 0));
        SharedSegment bare = new SharedSegment(4, 0, PAGE);
        long at = space.shmat(bare, 0, 0);
        bare.removeWhenDetached();
        assertTrue(bare.isRemoved() && bare.isMarkedForRemoval());
        assertEquals(Errno.EINVAL.result(), space.shmat(bare, 0, 0));
        assertEquals(0, space.shmdt(at));
    }

    @Test
    @DisplayName("an attachment that fails is no use, and the end of the last space that has one removes the segment")
    void failures() {
        long at = space.shmat(segment, 0, 0);
        assertEquals(Errno.EINVAL.result(), space.shmat(segment, at, 0));
        assertEquals(Errno.EINVAL.result(), space.shmat(segment, at + 1, 0));
        assertEquals(1, segment.attachments());
        try (AddressSpace child = space.fork()) {
            segment.removeWhenDetached();
            assertEquals(0, space.shmdt(at));
            assertEquals(1, segment.attachments());
            assertTrue(!segment.isRemoved());
            assertEquals(1, child.write(at, new byte[] {1}, 0, 1));
        }
        assertTrue(segment.isRemoved());
    }

    @Test
    @DisplayName("a fork keeps a marked segment for its child, whose parent detaches it before the child has it")
    void detachedWithinFork() {
        long at = space.shmat(segment, 0, 0);
        List<Long> detached = new ArrayList<>();
        CountingBacking asked = new CountingBacking("/asked", 5) {
            @Override
            protected @Nullable Errno askedForOpen(Vma vma) {
                if (segment.isMarkedForRemoval()) {
                    detached.add(space.shmdt(at));
                }
                return null;
            }
        };
        fixture.map(0, 1, READ, Mman.SHARED, asked, 0);
        segment.removeWhenDetached();
        try (AddressSpace child = space.fork()) {
            assertEquals(List.of(0L), detached);
            assertTrue(!segment.isRemoved(), "removed while a child has it");
            assertEquals(1, segment.attachments());
            assertEquals(1, child.write(at, new byte[] {1}, 0, 1));
        }
        assertTrue(segment.isRemoved());
    }

    @Test
    @DisplayName("beside attachments, forks and detachments a marked segment goes once, after the last of them")
    void beside() throws Exception {
        for (int round = 0; round < 200; round++) {
            SharedSegment removed = new SharedSegment(
                    round, 0, 2 * PAGE, fixture.machine.newPageCache(SpaceFixture.GEOMETRY, 2 * PAGE));
            long first = space.shmat(removed, 0, 0);
            List<Throwable> thrown = new CopyOnWriteArrayList<>();
            Thread other = new Thread(() -> {
                try {
                    for (int i = 0; i < 8; i++) {
                        long at = space.shmat(removed, 0, 0);
                        if (at > 0) {
                            assertTrue(!removed.isRemoved(), "removed while it is attached");
                            assertEquals(1, space.write(at, new byte[] {1}, 0, 1));
                            assertEquals(0, space.shmdt(at));
                        }
                    }
                } catch (Throwable failed) {
                    thrown.add(failed);
                }
            });
            other.start();
            removed.removeWhenDetached();
            try (AddressSpace child = space.fork()) {
                assertEquals(0, space.shmdt(first));
                assertTrue(!removed.isRemoved(), "removed while a child has it");
                assertEquals(1, child.write(first, new byte[] {1}, 0, 1));
            }
            other.join();
            assertEquals(List.of(), thrown);
            assertTrue(removed.isRemoved());
            assertEquals(0, removed.attachments());
        }
        assertEquals(List.of(), fixture.reports);
    }

    @Test
    @DisplayName("a page that comes into a removed segment late is freed with the segment")
    void latePage() {
        long frames = fixture.machine.statistics().framesInUse();
        insertLate();
        Await.until("the page is free", () -> {
            // Provokes a search for unreachable caches.
            System.gc();
            fixture.machine.newPageCache(SpaceFixture.GEOMETRY, PAGE);
            return fixture.machine.statistics().framesInUse() == frames;
        });
    }

    /** Inserts a page late, like a fault that started before the segment was detached. */
    private void insertLate() {
        PageCache pages = fixture.machine.newPageCache(SpaceFixture.GEOMETRY, 2 * PAGE);
        SharedSegment removed = new SharedSegment(5, 0, 2 * PAGE, pages);
        long at = space.shmat(removed, 0, 0);
        assertEquals(1, space.write(at, new byte[] {1}, 0, 1));
        long frames = fixture.machine.statistics().framesInUse();
        removed.removeWhenDetached();
        assertEquals(0, space.shmdt(at));
        Await.until("the first page is free", () -> fixture.machine.statistics().framesInUse() == frames - 1);
        int frame = pages.allocate();
        assertEquals(frame, pages.insert(1, frame));
    }

    @Test
    @DisplayName("a page cache is the memory of one segment, from before it is mapped")
    void oneSegment() {
        PageCache pages = fixture.machine.newPageCache(SpaceFixture.GEOMETRY, PAGE);
        assertEquals(0, new SharedSegment(6, 0, PAGE, pages).attachments());
        assertThrows(IllegalStateException.class, () -> new SharedSegment(7, 0, PAGE, pages));
    }

    @Test
    @DisplayName("pages of a segment count as shared memory, and none are counted without memory")
    void kind() {
        long at = space.shmat(segment, 0, 0);
        assertEquals(1, space.write(at, new byte[] {1}, 0, 1));
        assertEquals(1, space.residency().shmem());
        assertEquals(0, space.residency().file());
        SharedSegment bare = new SharedSegment(4, 0, PAGE);
        assertTrue(space.shmat(bare, 0, 0) > 0);
        assertEquals(0, bare.attachments());
        AddressSpace other = fixture.machine.newSpace(SpaceFixture.GEOMETRY);
        assertTrue(other.shmat(segment, 0, 0) > 0);
        assertEquals(2, segment.attachments());
        other.close();
        assertEquals(1, segment.attachments());
    }
}
