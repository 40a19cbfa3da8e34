// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Machine;
import dev.samara.core.backing.HostFile;
import dev.samara.core.backing.HostFileOption;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.memory.SmallMemory;
import dev.samara.core.internal.page.DirectFrames;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Frames.Magazine;
import dev.samara.core.internal.page.PageCaches;
import dev.samara.core.mman.Mman;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.FutureTask;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("Evictions:")
final class EvictionTest {
    @ExtendWith(OneThread.class)
    @DisplayName("The eviction of a block of which a page is apart, because its old frame is pinned")
    @Nested
    final class Apart {
        private static final int PAGES = 8;
        private static final int APART = 2;

        @Test
        @DisplayName("is over before that page is read again")
        void read(@TempDir Path folder) throws Exception {
            Path path = Files.write(folder.resolve("file"), new byte[(int) (PAGES * PAGE)]);
            try (SpaceFixture fixture =
                    new SpaceFixture(Machine.builder().memory(1024 * PAGE).cacheLimit(512 * PAGE))) {
                HostFile file = fixture.machine.openFile(
                        path,
                        SpaceFixture.GEOMETRY,
                        StandardOpenOption.READ,
                        StandardOpenOption.WRITE,
                        HostFileOption.BLOCKS_16K);
                long at = fixture.map(0, PAGES, SpaceFixture.RW, Mman.SHARED, file, 0);
                fixture.load(at + APART * PAGE);
                PinnedFrame pin = fixture.pin(at + APART * PAGE, 1);
                file.truncate(PAGE);
                file.grow(PAGES * PAGE);
                assertEquals(0, fixture.space.madvise(at, PAGES * PAGE, Mman.DONTNEED));
                FilePages pages = Objects.requireNonNull(
                        FilePages.of(Objects.requireNonNull(fixture.layout().find(at))));
                Eviction eviction = Objects.requireNonNull(pages.present().cached.eviction);
                Eviction.EvictionBatch batch = new Eviction.EvictionBatch(pages.memory);
                assertTrue(batch.walk.tryBegin());
                int[] freed = batch.walk.roomForDrops(Eviction.MOST);
                eviction.collect(batch, Eviction.CURSOR, Eviction.MOST, null);
                assertTrue(batch.pages.count > 0);
                FutureTask<Long> read =
                        new FutureTask<>(() -> file.pread(ByteBuffer.allocate(Long.BYTES), APART * PAGE));
                Thread reader = new Thread(read, "reader");
                reader.start();
                Await.stopped(reader);
                assertEquals(Frames.NONE, pages.frameAt(APART));
                eviction.takeOut(batch, true);
                eviction.putBack(batch, Eviction.CURSOR, true, false);
                batch.walk.dropWhenFinished(freed, batch.pages.handOver(freed));
                Objects.requireNonNull(pages.present().cached.blocks).dropReserved(batch.pages);
                batch.pages.prune();
                batch.walk.finish();
                batch.walk.close();
                assertEquals(Long.BYTES, read.get());
                pin.close();
                fixture.store(at + APART * PAGE, 4711);
                assertEquals(PAGE, file.pread(ByteBuffer.allocate((int) PAGE), 0));
                assertEquals(4711, fixture.load(at + APART * PAGE));
                assertEquals(0, fixture.space.munmap(at, PAGES * PAGE));
                assertEquals(0, file.fsync());
                file.close();
                assertEquals(
                        4711,
                        ByteBuffer.wrap(Files.readAllBytes(path))
                                .order(ByteOrder.LITTLE_ENDIAN)
                                .getLong((int) (APART * PAGE)));
            }
        }
    }

    @ExtendWith(OneThread.class)
    @DisplayName("The batch of an eviction")
    @Nested
    final class Batch extends ReclaimFixture {
        private static final int PAGES = 6;

        private final MachineMemory memory = fixture.layout().memory();
        private final Frames frames = memory.frames;
        private final Magazine magazine = frames.newMagazine();
        private final long pageBytes = frames.pageSize;
        private final Eviction.CachedBytes counters = new Eviction.CachedBytes();
        private final FilePages file =
                FilePages.ofSaved(memory, PAGES * pageBytes, counters, 64, new Eviction.SpareBatches(memory), 1);
        private final FilePages.CachedPages cached = file.present().cached;
        private final Eviction eviction = Objects.requireNonNull(cached.eviction);
        private final Eviction.Cursor cursor = eviction.cursor;
        private final Eviction.RecentReads recent = eviction.recent;
        private final Eviction.EvictionBatch current = new Eviction.EvictionBatch(memory);
        private final PageBatch batch = current.pages;
        private final int[] taken = new int[PAGES];

        /** Inserts all pages, and marks their second chance as used. */
        @BeforeEach
        void insert() {
            cached.content.lock();
            try {
                for (int page = 0; page < PAGES; page++) {
                    taken[page] = frames.allocate(magazine);
                    frames.assign(taken[page], cached.number, page);
                    frames.setInactive(taken[page], true);
                    cached.put(page, taken[page]);
                }
            } finally {
                cached.content.unlock();
            }
        }

        @AfterEach
        void dropAll() {
            cached.unregister();
            for (int frame : taken) {
                frames.setDirty(frame);
                frames.clearDirty(frame);
                frames.drop(frame, magazine);
            }
            frames.discard(magazine);
        }

        private int collect(int source) {
            eviction.collect(current, source, Eviction.LEAST, null);
            return batch.count;
        }

        private void takeOut(boolean isLastChance) {
            assertEquals(PAGES, collect(Eviction.CURSOR));
            eviction.takeOut(current, isLastChance);
        }

        private boolean isBack(int page) {
            boolean isInIndex = cached.index.get(page) == taken[page];
            assertEquals(isInIndex, frames.isCached(taken[page], cached.number, page), "page " + page);
            return isInIndex;
        }

        /** Returns the indexed pages whose frames are not marked as removed. */
        private int[] back() {
            return IntStream.range(0, PAGES).filter(this::isBack).toArray();
        }

        private int[] handedOver() {
            int[] freed = new int[PAGES];
            return Arrays.copyOf(freed, batch.handOver(freed));
        }

        @Test
        @DisplayName("puts all pages back after a failure, as used ones, and nothing is known of them")
        void failure() {
            takeOut(true);
            assertArrayEquals(new int[0], back());
            assertTrue(batch.out > 0);
            assertTrue(eviction.contains(3));
            for (int page = 0; page < PAGES; page++) {
                Eviction.keep(current, page, false);
            }
            eviction.putBack(current, Eviction.CURSOR, true, true);
            assertArrayEquals(IntStream.range(0, PAGES).toArray(), back());
            assertFalse(eviction.contains(3));
            for (int frame : taken) {
                assertFalse(frames.isInactive(frame));
            }
            assertEquals(0, batch.out);
            assertArrayEquals(new int[0], handedOver());
            assertEquals(PAGES * pageBytes, counters.resident());
            // No block was kept: the next round collects the pages again.
            assertEquals(PAGES, collect(Eviction.CURSOR));
            assertFalse(cursor.isFutile());
        }

        /** Before the second check, pins page 0, makes page 1 dirty, locks page 2 and maps page 3. */
        private void changeFour() {
            assertTrue(frames.pin(taken[0]));
            frames.setDirty(taken[1]);
            Eviction.keep(current, 2, false);
            current.isMapped[3] = true;
        }

        @Test
        @DisplayName("puts back pages that are pinned, dirty, locked or mapped by then, and hands the others over")
        void secondLook() {
            takeOut(false);
            changeFour();
            eviction.putBack(current, Eviction.CURSOR, false, false);
            frames.unpin(taken[0]);
            assertArrayEquals(new int[] {0, 1, 2, 3}, back());
            assertFalse(eviction.contains(4));
            assertFalse(frames.isInactive(taken[3]));
            int[] others = {taken[4], taken[5]};
            Arrays.sort(others);
            assertArrayEquals(others, handedOver());
            assertEquals(4 * pageBytes, counters.resident());
            frames.clearDirty(taken[1]);
        }

        @Test
        @DisplayName("frees a page that is mapped by then where memory is short, but none that is in use or locked")
        void lastChance() {
            takeOut(true);
            changeFour();
            eviction.putBack(current, Eviction.CURSOR, true, false);
            frames.unpin(taken[0]);
            assertArrayEquals(new int[] {0, 1, 2}, back());
            frames.clearDirty(taken[1]);
        }

        @Test
        @DisplayName("is under way until its pages are back: the first one at or after a page is found")
        void underWay() {
            cached.index.clear(2);
            assertEquals(Long.MAX_VALUE, eviction.atOrAfter(0));
            assertEquals(PAGES - 1, collect(Eviction.CURSOR));
            eviction.takeOut(current, true);
            assertEquals(0, eviction.atOrAfter(0));
            assertEquals(3, eviction.atOrAfter(2));
            assertEquals(3, eviction.atOrAfter(3));
            assertEquals(Long.MAX_VALUE, eviction.atOrAfter(PAGES));
            eviction.putBack(current, Eviction.CURSOR, true, true);
            assertEquals(Long.MAX_VALUE, eviction.atOrAfter(3));
            cached.index.put(2, taken[2]);
        }

        @Test
        @DisplayName("leaves pages in the index that have their second chance still, and notes that it is used")
        void firstChance() {
            for (int page = 0; page < 3; page++) {
                frames.setInactive(taken[page], false);
            }
            takeOut(false);
            assertArrayEquals(new int[] {0, 1, 2}, back());
            eviction.putBack(current, Eviction.CURSOR, false, false);
            assertArrayEquals(new int[] {0, 1, 2}, back());
            assertTrue(frames.isInactive(taken[0]));
            assertEquals(3, handedOver().length);
        }

        @Test
        @DisplayName("contains no page of another batch under way, and no page of such a page's block")
        void disjoint() {
            addRecent();
            Eviction.EvictionBatch other = new Eviction.EvictionBatch(memory);
            eviction.collect(other, Eviction.RECENT, Eviction.LEAST, null);
            int count = other.pages.count;
            assertTrue(count > 0 && count < PAGES);
            assertEquals(0, collect(Eviction.CURSOR));
            // The round has found no page, but it has left some out.
            assertFalse(cursor.isFutile());
            addRecent();
            assertTrue(collect(Eviction.RECENT) > 0);
            for (int i = 0; i < batch.count; i++) {
                assertTrue(other.pages.indexOf(batch.pages[i], batch.taken[i]) < 0, "page " + batch.pages[i]);
            }
            eviction.putBack(current, Eviction.RECENT, true, true);
            eviction.putBack(other, Eviction.RECENT, true, true);
            assertEquals(PAGES, collect(Eviction.CURSOR));
        }

        @Test
        @DisplayName("that frees nothing while another thread evicts pages of the file finds it busy")
        void busy() {
            for (int frame : taken) {
                frames.setDirty(frame);
            }
            Truncation.InodeLock inode = file.present().inodeLock;
            inode.lockShared();
            try {
                assertEquals(PageCaches.BUSY, eviction.evict(true));
                assertEquals(PageCaches.BUSY, eviction.evict(true));
            } finally {
                inode.unlockShared();
            }
            assertEquals(0, eviction.evict(true));
            assertEquals(0, counters.leaving());
        }

        @Test
        @DisplayName("leaves a node of the index linked that another batch needs to put its pages back")
        void node() {
            Eviction.EvictionBatch other = new Eviction.EvictionBatch(memory);
            addRecent();
            eviction.collect(other, Eviction.RECENT, Eviction.LEAST, null);
            eviction.takeOut(other, true);
            addRecent();
            assertTrue(collect(Eviction.RECENT) > 0);
            for (int page = 0; page < PAGES; page++) {
                if (other.pages.indexOf(page, taken[page]) < 0 && batch.indexOf(page, taken[page]) < 0) {
                    cached.index.clear(page);
                }
            }
            cached.index.put(1000, taken[0]);
            eviction.takeOut(current, true);
            eviction.putBack(current, Eviction.RECENT, true, false);
            assertTrue(handedOver().length > 0);
            batch.prune();
            assertEquals(3, cached.index.nodes());
            int nodes = cached.index.nodes();
            eviction.putBack(other, Eviction.RECENT, true, true);
            assertEquals(nodes, cached.index.nodes());
            eviction.collect(other, Eviction.RECENT, Eviction.LEAST, null);
            for (int page = 0; page < PAGES; page++) {
                cached.index.clear(page);
            }
            batch.prune();
            assertEquals(2, cached.index.nodes());
        }

        private void addRecent() {
            cached.content.lock();
            try {
                for (int page = 0; page < PAGES; page++) {
                    recent.add(page, 1, PAGES);
                }
            } finally {
                cached.content.unlock();
            }
        }

        @Test
        @DisplayName("of recent reads tells the cursor nothing: it has not scanned these pages")
        void recentReads() {
            addRecent();
            // The cursor marks the block, but an event follows.
            assertEquals(PAGES, collect(Eviction.CURSOR));
            eviction.putBack(current, Eviction.CURSOR, true, true);
            int count = collect(Eviction.RECENT);
            assertTrue(count > 0);
            eviction.takeOut(current, true);
            for (int i = 0; i < count; i++) {
                Eviction.keep(current, i, false);
            }
            eviction.putBack(current, Eviction.RECENT, true, false);
            assertEquals(PAGES, collect(Eviction.CURSOR));
        }
    }

    @DisplayName("The cursor of evictions")
    @Nested
    final class Cursor {
        private static final int PAGES = 4 * 512;
        private static final int BATCH = 64;

        private final Frames frames = new Frames(new DirectFrames(12, 8, PAGES + 1), 12, 8, PAGES, false);
        private final Magazine magazine = frames.newMagazine();
        private final MachineMemory memory = SmallMemory.around(frames);
        private final FilePages file = FilePages.ofSaved(
                memory, PAGES << 12, new Eviction.CachedBytes(), PAGES, new Eviction.SpareBatches(memory), 1);
        private final PageIndex index = file.present().cached.index;
        private final Eviction eviction = file.eviction();
        private final Eviction.Cursor cursor = eviction.cursor;
        private final PageBatch batch = new PageBatch(file.present().cached, file.mappings);

        /** The pages that cannot be evicted, as if they were locked. */
        private final Set<Long> locked = new HashSet<>();

        @BeforeEach
        void fill() {
            batch.makeRoom(Eviction.MOST);
            for (long page = 0; page < PAGES; page++) {
                index.put(page, frames.allocate(magazine));
                locked.add(page);
            }
        }

        private int batch() {
            int count = cursor.collect(batch.pages, batch.taken, BATCH);
            judge(count);
            return count;
        }

        private void judge(int count) {
            batch.begin(count);
            for (int i = 0; i < count; i++) {
                batch.isMarked[i] = locked.contains(batch.pages[i]);
            }
            cursor.judge(batch, false);
        }

        /** Completes the round, and returns the number of pages that it found. */
        private int round() {
            int found = 0;
            int count;
            do {
                count = batch();
                found += count;
            } while (count > 0 && !eviction.isAtStart());
            return found;
        }

        private void keepAll() {
            assertEquals(PAGES, round());
            assertEquals(0, round());
            assertTrue(cursor.isFutile());
        }

        private int frame(long page) {
            return index.get(page);
        }

        @Test
        @DisplayName("passes over blocks of pages that stay, until a page of theirs may not")
        void kept() {
            locked.remove(700L);
            assertEquals(PAGES, round());
            // Each round checks the page's block again.
            assertEquals(64, round());
            assertEquals(64, round());
            assertFalse(cursor.isFutile());
            locked.add(700L);
            assertEquals(64, round());
            assertEquals(0, round());
            assertTrue(cursor.isFutile());
            cursor.noteEvictable(1600);
            assertFalse(cursor.isFutile());
            assertEquals(64, round());
        }

        @Test
        @DisplayName("fills a batch with whole blocks, although blocks that stay are between them")
        void keptBetween() {
            for (long page = 0; page < PAGES; page++) {
                if (page % 64 >= 40) {
                    frames.drop(frame(page), magazine);
                    index.clear(page);
                } else if (page / 64 % 2 == 0) {
                    locked.remove(page);
                }
            }
            assertEquals(PAGES / 64 * 40, round());
            List<Long> found = new ArrayList<>();
            List<Integer> sizes = new ArrayList<>();
            do {
                int count = cursor.collect(batch.pages, batch.taken, 256);
                sizes.add(count);
                for (int i = 0; i < count; i++) {
                    found.add(batch.pages[i]);
                    assertEquals(frame(batch.pages[i]), batch.taken[i]);
                }
                judge(count);
            } while (!eviction.isAtStart());
            List<Long> expected = new ArrayList<>();
            for (long page = 0; page < PAGES; page++) {
                if (page / 64 % 2 == 0 && page % 64 < 40) {
                    expected.add(page);
                }
            }
            assertEquals(expected, found);
            assertEquals(List.of(240, 240, 160), sizes);
        }

        @Test
        @DisplayName("keeps no block of which a page has become evictable after the cursor had passed it")
        void changedMeanwhile() {
            assertEquals(BATCH, batch());
            assertEquals(BATCH, batch());
            locked.remove(5L);
            cursor.noteEvictable(5);
            round();
            assertEquals(64, round());
        }

        @Test
        @DisplayName("keeps no block of which a page has become evictable between the look at it and its judgement")
        void changedBeforeJudgement() {
            for (int i = 0; i < 7; i++) {
                batch();
            }
            int count = cursor.collect(batch.pages, batch.taken, BATCH);
            cursor.noteEvictable(batch.pages[3]);
            judge(count);
            round();
            assertEquals(64, round());
        }

        @Test
        @DisplayName("forgets all blocks when a VMA was unlocked, also the one in the middle of which it is")
        void unlocked() {
            keepAll();
            cursor.noteUnlocked();
            assertFalse(cursor.isFutile());
            batch();
            cursor.noteUnlocked();
            round();
            assertEquals(64, round());
            assertEquals(0, round());
        }

        @Test
        @DisplayName("forgets all blocks when a page was unpinned, if it has found a pinned one")
        void unpinned() {
            int other = frame(9);
            keepAll();
            assertTrue(frames.pin(other));
            frames.unpin(other);
            assertTrue(cursor.isFutile());
            cursor.noteUnlocked();
            locked.remove(30L);
            assertTrue(frames.pin(frame(30)));
            keepAll();
            frames.unpin(frame(30));
            assertFalse(cursor.isFutile());
            assertEquals(PAGES, round());
        }

        @Test
        @DisplayName("tells of dirty pages to write, but of none whose write has failed")
        void dirty() {
            locked.clear();
            index.forEach(0, PAGES, frames::setDirty);
            keepAll();
            assertTrue(eviction.hasDirty());
            cursor.takeDirty();
            index.forEach(0, PAGES, frame -> frames.setWriteFailed(frame, true));
            judge(cursor.collect(batch.pages, batch.taken, BATCH));
            assertFalse(eviction.hasDirty());
            eviction.retry();
            assertTrue(eviction.hasDirty());
        }

        @Test
        @DisplayName("finds each page that may be freed within two rounds, beside random events")
        void random() {
            Random random = new Random(11);
            for (int round = 0; round < 3_000; round++) {
                long page = random.nextInt(PAGES);
                switch (random.nextInt(4)) {
                    case 0 -> locked.add(page);
                    case 1 -> {
                        locked.remove(page);
                        cursor.noteEvictable(page);
                    }
                    case 2 -> {
                        if (random.nextInt(20) == 0) {
                            locked.removeIf(any -> random.nextInt(100) == 0);
                            cursor.noteUnlocked();
                        }
                    }
                    default -> batch();
                }
                if (round % 100 == 99) {
                    Set<Long> found = new HashSet<>();
                    while (!eviction.isAtStart()) {
                        batch();
                    }
                    do {
                        int count = batch();
                        for (int i = 0; i < count; i++) {
                            found.add(batch.pages[i]);
                        }
                    } while (!eviction.isAtStart());
                    for (long any = 0; any < PAGES; any++) {
                        assertTrue(locked.contains(any) || found.contains(any), "page " + any);
                    }
                }
            }
        }

        @Test
        @DisplayName("has no place for blocks whose pages have left the file")
        void removed() {
            keepAll();
            cursor.removed(512, 575);
            assertEquals(64, round());
            cursor.removed(0, Long.MAX_VALUE);
            assertEquals(PAGES, round());
        }
    }

    @DisplayName("The last reads of a file")
    @Nested
    final class Recent {
        private static final int PAGES = 4096;

        private final PageIndex index = new PageIndex(PAGES, SmallMemory.unlimited());
        private Eviction.RecentReads recent = new Eviction.RecentReads(128, 1024);

        private void read(long first, int count) {
            for (int i = 0; i < count; i++) {
                index.put(first + i, (int) first + i);
            }
            recent.add(first, count, PAGES);
        }

        private long[] collect(int room) {
            long[] found = new long[room];
            int[] frames = new int[room];
            int count = recent.collect(index, PAGES, found, frames);
            for (int i = 0; i < count; i++) {
                assertEquals(found[i], frames[i]);
                index.put(found[i], Frames.NONE);
            }
            return Arrays.copyOf(found, count);
        }

        private static long[] pages(long first, int count) {
            long[] pages = new long[count];
            Arrays.setAll(pages, i -> first + i);
            return pages;
        }

        @Test
        @DisplayName("are freed in their order, as whole reads, while half of the most pages stay")
        void order() {
            read(320, 32);
            read(64, 32);
            read(32, 32);
            assertArrayEquals(pages(320, 32), collect(64));
            assertArrayEquals(new long[0], collect(64));
            read(0, 32);
            read(96, 32);
            assertArrayEquals(pages(32, 64), collect(64));
        }

        @Test
        @DisplayName("leave the queue unfreed where it is full, and pages that are not in memory are left out")
        void full() {
            for (int i = 0; i < 9; i++) {
                read(32L * i, 32);
            }
            index.put(165, Frames.NONE);
            long[] expected =
                    Arrays.stream(pages(160, 32)).filter(page -> page != 165).toArray();
            assertArrayEquals(expected, collect(32));
            assertArrayEquals(pages(192, 32), collect(32));
            assertArrayEquals(new long[0], collect(32));
        }

        @Test
        @DisplayName("are forgotten where a block is read again that was freed, the first time")
        void again() {
            for (int i = 0; i < 4; i++) {
                read(32L * i, 32);
            }
            assertArrayEquals(pages(0, 64), collect(64));
            read(0, 32);
            read(128, 32);
            read(160, 32);
            assertArrayEquals(pages(64, 64), collect(64));
            read(32, 32);
            read(64, 32);
            read(192, 32);
            read(0, 32);
            assertArrayEquals(pages(128, 64), collect(64));
        }

        @Test
        @DisplayName("stay longer after a block is read again that was freed, up to the most pages")
        void longer() {
            recent = new Eviction.RecentReads(256, 1024);
            for (int i = 0; i < 4; i++) {
                read(32L * i, 32);
            }
            assertArrayEquals(pages(0, 64), collect(64));
            read(0, 32);
            for (int i = 4; i < 7; i++) {
                read(32L * i, 32);
            }
            assertArrayEquals(pages(64, 32), collect(64));
            read(32, 32);
            read(224, 32);
            assertArrayEquals(pages(96, 32), collect(64));
        }

        @Test
        @DisplayName("are remembered within the horizon only")
        void horizon() {
            for (int i = 0; i < 4; i++) {
                read(32L * i, 32);
            }
            collect(64);
            // Uses the same place as page 0.
            read(1024, 32);
            read(1056, 32);
            collect(64);
            read(1088, 32);
            read(1120, 32);
            collect(64);
            read(0, 32);
            read(2048, 32);
            assertArrayEquals(pages(1088, 64), collect(64));
            read(2080, 32);
            read(2112, 32);
            assertArrayEquals(
                    Arrays.stream(new long[][] {pages(0, 32), pages(2048, 32)})
                            .flatMapToLong(Arrays::stream)
                            .toArray(),
                    collect(64));
        }
    }
}
