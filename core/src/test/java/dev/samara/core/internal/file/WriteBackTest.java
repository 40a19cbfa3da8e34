// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertResult;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.PagedFile;
import dev.samara.core.fixture.RepeatedStep;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.RemapFlags;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("A write-back")
final class WriteBackTest extends ReclaimFixture {
    private static final int PAGE_BYTES = (int) PAGE;
    private static final int PAGES = 16;

    private final ByteBuffer buffer = ByteBuffer.allocateDirect(8 * PAGE_BYTES);

    /** The saved bytes of a file, and the runs that were written. */
    private final ByteBuffer saved = ByteBuffer.allocate(PAGES * PAGE_BYTES).order(ByteOrder.LITTLE_ENDIAN);

    private final List<String> runs = new ArrayList<>();

    private long save(long offset, ByteBuffer bytes) {
        runs.add(offset + "+" + bytes.remaining());
        saved.position((int) offset).put(bytes);
        return 0;
    }

    private long writeBack(PagedFile file) {
        return writeBackOf(file).run(0, Long.MAX_VALUE, true, buffer, this::save);
    }

    private static WriteBack writeBackOf(PagedFile file) {
        FilePages pages = pages(file);
        PresentPages present = pages.present();
        return new WriteBack(pages.memory(), present.cached, pages.reverseMap(), present.removals);
    }

    private static FilePages pages(PagedFile file) {
        return (FilePages) file.cache;
    }

    private long map(PagedFile file) {
        return fixture.map(0, PAGES, RW, MapFlags.SHARED, file, 0);
    }

    @Test
    @DisplayName("writes each page once that was written since the last one")
    void writtenPages() {
        PagedFile file = file(PAGES);
        long at = map(file);
        for (long page = 0; page < 3; page++) {
            fixture.store(at + page * PAGE + 8, page + 1);
        }
        fixture.load(at + 4 * PAGE);
        fixture.store(at + 10 * PAGE, 11);
        assertEquals(0, writeBack(file));
        assertEquals(List.of("0+" + 3 * PAGE, 10 * PAGE + "+" + PAGE), runs);
        assertEquals(2, saved.getLong(PAGE_BYTES + 8));
        assertEquals(PagedFile.STAMP + 1, saved.getLong(PAGE_BYTES));
        assertEquals(11, saved.getLong(10 * PAGE_BYTES));
        runs.clear();
        assertEquals(0, writeBack(file));
        assertEquals(List.of(), runs);
        fixture.store(at + PAGE, 7);
        assertEquals(8, file.cache.pwrite(new byte[8], 0, 8, 4 * PAGE));
        assertEquals(0, writeBack(file));
        assertEquals(List.of(PAGE + "+" + PAGE, 4 * PAGE + "+" + PAGE), runs);
        assertEquals(7, saved.getLong(PAGE_BYTES));
    }

    @Test
    @DisplayName("of a range writes no other page")
    void range() {
        PagedFile file = file(PAGES);
        long at = map(file);
        for (long page = 0; page < PAGES; page++) {
            fixture.store(at + page * PAGE, page);
        }
        assertEquals(0, writeBackOf(file).run(3, 12, true, buffer, this::save));
        assertEquals(List.of(3 * PAGE + "+" + 8 * PAGE, 11 * PAGE + "+" + 2 * PAGE), runs);
        assertThrows(
                IllegalArgumentException.class,
                () -> writeBackOf(file).run(0, 3, true, buffer, (offset, bytes) -> {
                    throw new IllegalArgumentException("a writer");
                }));
        runs.clear();
        assertEquals(0, writeBack(file));
        assertEquals(List.of("0+" + 3 * PAGE, 13 * PAGE + "+" + 3 * PAGE), runs, "nothing is lost by the exception");
    }

    @Test
    @DisplayName("ends at the end of the file, and never writes the rest of its last page")
    void end() {
        PagedFile file = file(PAGES);
        file.cache.truncate(2 * PAGE + 100);
        long at = map(file);
        fixture.store(at + 2 * PAGE + 8, 1);
        fixture.store(at + 2 * PAGE + 200, 2);
        assertEquals(0, writeBack(file));
        assertEquals(List.of(2 * PAGE + "+100"), runs);
    }

    @Test
    @DisplayName("writes what it has copied, and no byte more, though the file grows before the write")
    void growthMeanwhile() {
        PagedFile file = file(PAGES);
        file.cache.truncate(2 * PAGE + 100);
        long at = map(file);
        fixture.store(at, 1);
        fixture.store(at + 2 * PAGE + 8, 1);
        assertEquals(0, writeBackOf(file).run(0, Long.MAX_VALUE, true, buffer, (offset, bytes) -> {
            file.cache.truncate(PAGES * PAGE);
            return save(offset, bytes);
        }));
        assertEquals(List.of("0+" + PAGE, 2 * PAGE + "+100"), runs);
    }

    @Test
    @DisplayName("sees a store that comes while the page is written: the page is dirty again")
    void storeMeanwhile() {
        PagedFile file = file(PAGES);
        long at = map(file);
        fixture.store(at, 1);
        fixture.store(at + PAGE, 1);
        assertEquals(0, writeBackOf(file).run(0, 1, true, buffer, (offset, bytes) -> {
            fixture.store(at, 2);
            assertEquals(8, file.cache.pwrite(new byte[] {3, 0, 0, 0, 0, 0, 0, 0}, 0, 8, PAGE));
            return save(offset, bytes);
        }));
        assertEquals(1, saved.getLong(0));
        assertEquals(1, saved.getLong(PAGE_BYTES));
        assertEquals(0, writeBack(file));
        assertEquals(2, saved.getLong(0));
        assertEquals(3, saved.getLong(PAGE_BYTES));
    }

    @Test
    @DisplayName("that meets a page with the most pins that there can be writes the others, and fails")
    void pins() {
        PagedFile file = file(PAGES);
        long at = map(file);
        fixture.store(at, 1);
        fixture.store(at + PAGE, 2);
        int frame = file.cache.frameAt(0);
        Frames frames = pages(file).memory().frames();
        int pins = 0;
        while (frames.pin(frame)) {
            pins++;
        }
        assertResult(Errno.EAGAIN, writeBack(file));
        assertEquals(List.of(PAGE + "+" + PAGE), runs);
        while (pins-- > 0) {
            frames.unpin(frame);
        }
        assertEquals(0, writeBack(file));
        assertEquals(1, saved.getLong(0));
    }

    @Test
    @DisplayName("that fails leaves the page dirty: it is not reclaimed, and written by the next one")
    void failure() {
        PagedFile file = file(PAGES);
        long at = map(file);
        fixture.store(at, 1);
        fixture.store(at + 9 * PAGE, 10);
        assertEquals(0, space.munmap(at, PAGES * PAGE));
        assertResult(Errno.ENOSPC, writeBackOf(file).run(0, Long.MAX_VALUE, true, buffer, (offset, bytes) -> {
            fillAgain();
            return offset == 0 ? Errno.ENOSPC.result() : save(offset, bytes);
        }));
        assertEquals(List.of(9 * PAGE + "+" + PAGE), runs);
        int reads = file.reads.get();
        fixture.store(fixture.anonymous(1), 1);
        assertEquals(0, writeBack(file));
        assertEquals(1, saved.getLong(0));
        assertEquals(reads, file.reads.get());
    }

    @Test
    @DisplayName("finds what was written through mappings that are gone, narrower or elsewhere")
    void changedMappings() {
        PagedFile file = file(PAGES);
        long at = map(file);
        for (long page = 0; page < 4; page++) {
            fixture.store(at + page * PAGE, page + 1);
        }
        assertEquals(0, space.munmap(at, PAGE));
        assertEquals(0, space.mprotect(at + PAGE, PAGE, SpaceFixture.READ));
        long to = fixture.anonymous(1);
        assertEquals(to, space.mremap(at + 2 * PAGE, PAGE, PAGE, RemapFlags.MAYMOVE | RemapFlags.MREMAP_FIXED, to));
        assertEquals(0, space.madvise(at + 3 * PAGE, PAGE, Advice.DONTNEED));
        assertEquals(0, writeBack(file));
        assertEquals(List.of("0+" + 4 * PAGE), runs);
        for (int page = 0; page < 4; page++) {
            assertEquals(page + 1, saved.getLong(page * PAGE_BYTES));
        }
    }

    @Test
    @DisplayName("takes nothing from a collection of written pages, nor does a collection from it")
    void collections() {
        PagedFile file = file(PAGES);
        long at = map(file);
        fixture.store(at, 1);
        assertEquals(0, writeBack(file));
        List<Long> pages = new ArrayList<>();
        assertEquals(1, space.collectDirty(at, PAGES * PAGE, pages::add));
        assertEquals(0, space.collectDirty(at, PAGES * PAGE, pages::add));
        assertEquals(List.of(at), pages);
        fixture.store(at, 2);
        assertEquals(1, space.collectDirty(at, PAGES * PAGE, pages::add));
        assertEquals(0, writeBack(file));
        assertEquals(2, saved.getLong(0));
        assertEquals(0, space.collectDirty(at, PAGES * PAGE, pages::add));
    }

    @Test
    @DisplayName("writes a page that is pinned for writing each time, until the pin is released")
    void pinned() {
        PagedFile file = file(PAGES);
        long at = map(file);
        try (PinnedFrame pin = fixture.pin(at, WRITE)) {
            assertEquals(0, writeBack(file));
            SpaceFixture.write(pin, 5);
            assertEquals(0, writeBack(file));
            assertEquals(5, saved.getLong(0));
            SpaceFixture.write(pin, 6);
        }
        assertEquals(0, writeBack(file));
        assertEquals(6, saved.getLong(0));
        runs.clear();
        assertEquals(0, writeBack(file));
        assertEquals(List.of(), runs);
    }

    @Test
    @DisplayName("loses no store of another CPU, whatever the mapping goes through meanwhile")
    void besideStores() throws Exception {
        PagedFile file = file(PAGES);
        long at = map(file);
        AtomicLong stored = new AtomicLong();
        Random random = new Random(5);
        try (OtherCpu other = new OtherCpu(space)) {
            try (RepeatedStep stores = new RepeatedStep(
                    "stores",
                    () -> other.call(cpu -> {
                        cpu.enterGuest();
                        for (int i = 0; i < 100; i++) {
                            long page = stored.incrementAndGet() % PAGES;
                            cpu.memory().store(at + page * PAGE, 8, stored.get());
                            cpu.poll();
                        }
                        cpu.leaveGuest();
                        return 0;
                    }))) {
                for (int round = 0; round < 3_000 && stores.goesOn(); round++) {
                    long page = at + random.nextInt(PAGES) * PAGE;
                    switch (random.nextInt(4)) {
                        case 0 -> assertEquals(0, space.madvise(page, PAGE, Advice.DONTNEED));
                        case 1 -> space.collectDirty(page, PAGE, collected -> {});
                        case 2 ->
                            assertEquals(
                                    page,
                                    space.mmap(page, PAGE, RW, MapFlags.SHARED | MapFlags.FIXED, file, page - at));
                        default -> assertEquals(0, writeBack(file));
                    }
                }
            }
        }
        assertEquals(0, writeBack(file));
        for (int page = 0; page < PAGES; page++) {
            assertEquals(fixture.load(at + page * PAGE), saved.getLong(page * PAGE_BYTES));
        }
        assertTrue(stored.get() > 0);
    }
}
