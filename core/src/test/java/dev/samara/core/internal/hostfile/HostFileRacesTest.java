// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static dev.samara.core.fixture.SpaceFixture.assertResult;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Machine;
import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.HeldLeaf;
import dev.samara.core.fixture.Latches;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.PollingCpu;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.hostfile.FaultyChannels.ChannelCall;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.HookedFrames;
import dev.samara.core.internal.page.PageCaches;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@ExtendWith(OneThread.class)
@DisplayName("Calls on files of the host beside others:")
final class HostFileRacesTest {
    @DisplayName("A call on a file of the host beside another one")
    @Nested
    final class Calls extends HostFileFixture {
        private final List<CallBeside> begun = new ArrayList<>();

        /** Starts a call, and returns once it waits for the call of the test, or ended. */
        private void begin(LongSupplier call) {
            begun.add(CallBeside.startUntilItWaits("another call", call));
        }

        private void join() {
            begun.forEach(CallBeside::result);
        }

        /** Writes a page, saves the file and evicts the page. */
        private static long writeAndEvict(HostFile file, long number, long page) {
            assertEquals(PAGE, file.pwrite(page(number, 1), page * PAGE));
            assertEquals(0, file.fsync());
            return HostFilePages.saved(file).eviction().evict(true);
        }

        @Test
        @DisplayName("no page is written that a truncation has removed: the truncation waits for the write")
        void truncationBesideWrite() throws Exception {
            HostFile file = openNew(4);
            long at = fixture.map(0, 4, READ | WRITE, Mman.SHARED, file, 0);
            fixture.store(at + 3 * PAGE, 1);
            channels.beforeNext(ChannelCall.WRITE, () -> begin(() -> file.truncate(PAGE)));
            assertEquals(0, file.fsync());
            join();
            assertEquals(PAGE, Files.size(path));
            assertEquals(PAGE, file.size());
        }

        @Test
        @DisplayName("no page comes into memory that was read before a truncation or a hole: these wait for the read")
        void changeBesideRead() throws Exception {
            HostFile file = openNew(4);
            long at = fixture.map(0, 4, READ | WRITE, Mman.SHARED, file, 0);
            for (LongSupplier change : List.<LongSupplier>of(
                    () -> file.truncate(3 * PAGE) + file.truncate(4 * PAGE), () -> file.punch(PAGE, PAGE))) {
                long page = begun.isEmpty() ? 3 : 1;
                channels.afterNextRead(() -> begin(change));
                fixture.memory.load(at + page * PAGE, 8);
                join();
                assertEquals(0, fixture.load(at + page * PAGE));
                assertEquals(0, file.fadvise(0, 0, Mman.POSIX_FADV_DONTNEED));
            }
        }

        @Test
        @DisplayName(
                "what another program has added is found, though the last page is evicted before it is written there")
        void evictionBesideGrowth() throws Exception {
            HostFile file = open(write("f", 2 * PAGE_BYTES - 8), RW);
            long at = fixture.map(0, 2, READ | WRITE, Mman.SHARED, file, 0);
            assertEquals(STAMP + 1, fixture.load(at + PAGE));
            append(path, 9);
            int[] evicted = {0};
            channels.afterNextRead(
                    () -> evicted[0] = HostFilePages.saved(file).eviction().evict(true));
            assertEquals(0, file.revalidate());
            assertEquals(1, evicted[0]);
            assertEquals(9, fixture.load(at + 2 * PAGE - 8));
            assertEquals(STAMP + 1, fixture.load(at + PAGE));
        }

        @Test
        @DisplayName("what another program has added is in the last page, though the page was read before it was found")
        void growthBesideRead() throws Exception {
            HostFile file = open(write("f", 2 * PAGE_BYTES - 8), RW);
            channels.afterNextRead(() -> {
                append(path, 9);
                begin(file::revalidate);
            });
            assertEquals(STAMP + 1, read(file, 1));
            join();
            assertEquals(9, file.getLong(2 * PAGE - 8));
        }

        private static void append(Path of, long number) {
            try {
                Files.write(of, bytes(number).array(), StandardOpenOption.APPEND);
            } catch (IOException failed) {
                throw new AssertionError(failed);
            }
        }

        @Test
        @DisplayName("no page of a window comes into memory that was changed meanwhile, though the first one is there")
        void windowBesideChanges() throws Exception {
            HostFile file = openNew(4);
            // Afterwards the second page of the window is on the host, but no longer in memory.
            channels.afterNextRead(() -> CallBeside.start("another call", () -> {
                        writeAndEvict(file, 9, 1);
                        return file.pwrite(page(8, 1), 0);
                    })
                    .result());
            assertEquals(8, read(file, 0), "the first page is that of the other call");
            assertEquals(9, read(file, 1));
        }

        @Test
        @DisplayName("a read whose page was changed meanwhile is made again, five times beside changes, and then alone")
        void lateAgain() throws Exception {
            HostFile file = openNew(4);
            long at = fixture.map(0, 4, READ, Mman.SHARED, file, 0);
            int[] changes = {0};
            int reads = channels.reads.get();
            channels.afterRead = () -> {
                int change = ++changes[0];
                if (change < 6) {
                    CallBeside.start("another call", () -> writeAndEvict(file, 7 + change, 1))
                            .result();
                } else if (change == 6) {
                    // Waits for the read, which excludes changes. It does not evict the page, which the read is about
                    // to map.
                    begin(() -> file.pwrite(page(13, 1), PAGE));
                }
            };
            assertEquals(13, fixture.load(at + PAGE));
            join();
            assertEquals(6, channels.reads.get() - reads);
            assertEquals(13, fixture.load(at + PAGE));
        }

        @Test
        @DisplayName("a page stays in memory while it is written, so that no read gets what the host had before")
        void reclaimBesideWrite() throws Exception {
            HostFile file = openNew(4);
            FilePages pages = (FilePages) file.pageCache();
            assertEquals(8, file.pwrite(bytes(5), PAGE));
            long[] seen = {0};
            channels.beforeNext(ChannelCall.WRITE, () -> {
                // A reclaim concurrent with a change may find more pages later, so the number of reclaims is limited.
                CallBeside.start("reclaim", () -> {
                            int i = 0;
                            while (i < MachineMemory.MOST_RECLAIMS && pages.memory.reclaim()) {
                                i++;
                            }
                            return i;
                        })
                        .result();
                seen[0] = read(file, 1);
            });
            assertEquals(0, file.fsync());
            assertEquals(5, seen[0]);
        }

        @Test
        @DisplayName("an open that comes while the last close saves the file keeps it open")
        void openBesideClose() throws Exception {
            HostFile file = openNew(4);
            assertEquals(8, file.pwrite(bytes(5), PAGE));
            List<HostFile> opened = new ArrayList<>();
            channels.beforeNext(ChannelCall.FORCE, () -> {
                opened.add(open(path, RW));
                assertEquals(8, opened.get(0).pwrite(bytes(6), 2 * PAGE));
            });
            file.close();
            assertEquals(6, read(opened.get(0), 2));
            opened.get(0).close();
            assertEquals(6, number(path, 2 * PAGE));
        }

        @Test
        @DisplayName("that is under way when its open is closed completes, and what it has written is saved then")
        void closeBesideCall() throws Exception {
            HostFile file = openNew(4);
            channels.failure = (call, offset, length) -> {
                if (call == ChannelCall.READ) {
                    file.close();
                }
            };
            assertEquals(8, file.pwrite(bytes(5), PAGE));
            assertEquals(5, number(path, PAGE));
            assertEquals(0, channels.open.get());
            assertResult(Errno.EBADF, file.pwrite(bytes(6), PAGE));
        }

        @Test
        @DisplayName("is told of its own failure, though another call of its open was told of that meanwhile")
        void failureToldToAnother() throws Exception {
            HostFile file = openNew(16);
            long at = fixture.map(0, 16, READ | WRITE, Mman.SHARED, file, 0);
            fixture.store(at, 1);
            fixture.store(at + 9 * PAGE, 2);
            List<Long> told = new ArrayList<>();
            channels.failure = (call, offset, length) -> {
                if (call == ChannelCall.WRITE && offset == 9 * PAGE) {
                    throw new IOException("No space left on device");
                } else if (call == ChannelCall.FORCE) {
                    // The write failed, and its caller waits for the force of another page.
                    told.add(file.syncRange(0, 0, Mman.WAIT_BEFORE));
                }
            };
            assertResult(Errno.ENOSPC, file.fsync());
            fixture.store(at, 3);
            assertResult(Errno.ENOSPC, space.msync(at, 16 * PAGE, Mman.SYNC));
            assertEquals(List.of(Errno.ENOSPC.result(), Errno.ENOSPC.result()), told);
            assertResult(Errno.ENOSPC, file.syncRange(0, 0, Mman.SYNC_FILE_RANGE_WRITE | Mman.WAIT_AFTER));
            channels.mend();
            assertEquals(0, file.fsync());
        }
    }

    @DisplayName("A read of a page of a file of the host beside a save of the file")
    @Nested
    final class Reads extends HostFileFixture {
        @ParameterizedTest
        @EnumSource(names = {"WRITE", "FORCE"})
        @DisplayName("waits for no write of another page and no force, and is not repeated for that")
        void besideSave(ChannelCall kind) throws IOException {
            HostFile file = openNew(64);
            assertEquals(8, file.pwrite(bytes(9), 0));
            HeldCalls held = new HeldCalls(kind);
            AtomicReference<CallBeside> save = new AtomicReference<>();
            channels.failure = held;
            channels.afterNextRead(() -> {
                save.set(CallBeside.start("save", file::fsync));
                held.awaitReached();
            });
            CallBeside read = CallBeside.start("read", () -> read(file, 30));
            assertEquals(STAMP + 30, read.result());
            assertEquals(
                    STAMP + 40,
                    CallBeside.start("a later read", () -> read(file, 40)).result());
            assertFalse(Objects.requireNonNull(save.get()).isOver());
            assertEquals(3, channels.reads.get(), "reads of the host, one of which is for the write");
            held.release();
            assertEquals(0, Objects.requireNonNull(save.get()).result());
            file.close();
        }

        @Test
        @DisplayName("has the other pages of its window, if one of them was written and reclaimed in the meantime")
        void windowBesideWrite() throws Exception {
            HostFile file = openNew(64);
            FilePages pages = (FilePages) file.pageCache();
            // Each read has a larger window than the previous one.
            for (int page : new int[] {0, 2, 4, 8}) {
                read(file, page);
            }
            channels.afterNextRead(() -> {
                CallBeside other = CallBeside.start("another call", () -> {
                    file.pwrite(page(9, 1), 20 * PAGE);
                    long saved = file.fsync();
                    HostFilePages.saved(file).eviction().evict(true);
                    return saved;
                });
                assertEquals(0, other.result());
            });
            assertEquals(STAMP + 16, read(file, 16));
            assertTrue(pages.frameAt(19) >= 0 && pages.frameAt(20) < 0 && pages.frameAt(21) >= 0);
            assertEquals(9, read(file, 20));
            assertEquals(STAMP + 21, read(file, 21));
        }

        @Test
        @DisplayName("does not have the bytes that the host had before, if the page is removed while it is written")
        void removedDuringWrite() throws Exception {
            HostFile file = openNew(4);
            assertEquals(8, file.pwrite(bytes(9), PAGE));
            HeldCalls held = new HeldCalls(ChannelCall.WRITE);
            channels.failure = held;
            CallBeside save = CallBeside.start("save", file::fsync);
            held.awaitReached();
            file.pageCache().remove(1, 1);
            CallBeside read = CallBeside.startUntilItWaits("read", () -> read(file, 1));
            assertFalse(read.isOver());
            held.release();
            assertEquals(0, save.result());
            assertEquals(9, read.result());
        }

        @Test
        @DisplayName("is repeated if the page is removed in the meantime, since another program has changed it")
        void removedDuringRead() throws Exception {
            HostFile file = openNew(4);
            channels.afterNextRead(() -> {
                change(path, 3, 9);
                file.pageCache().remove(3, 1);
            });
            assertEquals(9, read(file, 3));
        }

        private static void change(Path path, long page, long number) {
            try (var channel = Files.newByteChannel(path, StandardOpenOption.WRITE)) {
                channel.position(page * PAGE).write(bytes(number));
            } catch (IOException failed) {
                throw new AssertionError(failed);
            }
        }
    }

    @DisplayName("A read of bytes that has found its page, and has not copied it yet")
    @Nested
    final class HeldRead extends HostFileFixture {
        private static final AtomicReference<@Nullable HookedFrames> STORE = new AtomicReference<>();

        HeldRead() {
            super(Machine.builder()
                    .memory(64 * SpaceFixture.PAGE)
                    .poisonFrames(true)
                    .writeBackEvery(Duration.ZERO)
                    .frameStore((shift, count) -> {
                        HookedFrames made = new HookedFrames(shift, count);
                        STORE.set(made);
                        return made;
                    }));
        }

        @Test
        @DisplayName("I3: delays an eviction of the page, which no entry maps: its frame is not freed")
        void evicted() throws IOException {
            HostFile file = openNew(1);
            FilePages pages = (FilePages) file.pageCache();
            ByteBuffer target = bytes(0);
            assertEquals(8, file.pread(target, 0));
            HookedFrames.Hold hold = Objects.requireNonNull(STORE.get()).holdNextRead();
            FutureTask<Long> read = new FutureTask<>(() -> file.pread(target.clear(), 0));
            Thread reader = new Thread(read, "pread");
            reader.setDaemon(true);
            reader.start();
            Latches.await(hold.reached);
            FutureTask<Integer> evicted =
                    new FutureTask<>(() -> HostFilePages.saved(file).eviction().evict(true));
            Thread evicter = new Thread(evicted, "evict");
            evicter.setDaemon(true);
            evicter.start();
            Await.until(
                    "the eviction waits or has ended",
                    () -> evicted.isDone() || (pages.frameAt(0) == Frames.NONE && isParked(evicter)),
                    fixture.reports);
            assertFalse(evicted.isDone());
            hold.released.countDown();
            assertEquals(8, Await.result("pread", read, fixture.reports));
            assertEquals(STAMP, target.getLong(0));
            assertEquals(1, Await.result("evict", evicted, fixture.reports));
        }

        private static boolean isParked(Thread thread) {
            Thread.State state = thread.getState();
            return state == Thread.State.WAITING || state == Thread.State.TIMED_WAITING;
        }
    }

    /** The file is mapped twice, with entries in two leaves. A walk over its mappings visits the first one first. */
    @DisplayName("A save or an eviction of a file of the host, beside a call that comes in the middle of it")
    @Nested
    final class Evictions extends HostFileFixture {
        private static final long FIRST = 1L << 30;
        private static final long SECOND = 1L << 31;

        /**
         * Opens the file, which has a single page so that nothing is read ahead, and maps it twice. Afterwards its page
         * is in memory, clean, and mapped twice.
         */
        private HostFile mapped() throws IOException {
            HostFile file = openNew(1);
            for (long at : new long[] {FIRST, SECOND}) {
                fixture.map(at, 1, READ | WRITE, Mman.SHARED | Mman.FIXED, file, 0);
                assertEquals(STAMP, fixture.load(at));
            }
            return file;
        }

        private <T> T result(Future<T> call) {
            return Await.result("a call", call, fixture.reports);
        }

        /** Starts a call, and returns once the call waits for something or ended. */
        private <T> FutureTask<T> begun(String name, Callable<T> call) {
            FutureTask<T> task = new FutureTask<>(call);
            Thread thread = new Thread(task, name);
            thread.setDaemon(true);
            thread.start();
            Await.stopped(thread, fixture.reports);
            return task;
        }

        @Test
        @DisplayName("a save has a store whose entry was unmapped between the look at the marks and the walk")
        void savedBesideUnmap() throws IOException {
            HostFile file = mapped();
            fixture.store(SECOND, 9);
            Future<Long> saved;
            try (HeldLeaf held = new HeldLeaf(space, FIRST)) {
                saved = held.stopped("fsync", file::fsync);
                assertEquals(0, space.munmap(SECOND, PAGE));
            }
            assertEquals(0, result(saved));
            assertEquals(9, number(path, 0));
        }

        @Test
        @DisplayName("a save waits for a CPU in GUEST that may write through an entry which is unmapped already")
        void savedBesideStaleTranslation() throws IOException {
            HostFile file = mapped();
            Future<Long> unmapped;
            Future<Long> saved;
            try (PollingCpu guest = PollingCpu.writing(space, SECOND)) {
                guest.stopPolling();
                unmapped = begun("munmap", () -> space.munmap(SECOND, PAGE));
                saved = begun("fsync", file::fsync);
                assertFault(Fault.NONE, guest.store(SECOND, 9));
                assertFalse(unmapped.isDone());
                assertFalse(saved.isDone());
                guest.goOn();
                assertEquals(0, result(saved));
                assertEquals(0, result(unmapped));
            }
            assertEquals(9, number(path, 0));
        }

        @Test
        @DisplayName(
                "I3: an eviction waits for a CPU in GUEST that may read through an entry which is unmapped already")
        void evictedBesideStaleTranslation() throws IOException {
            HostFile file = mapped();
            Future<Long> unmapped;
            Future<Integer> evicted;
            try (PollingCpu guest = PollingCpu.reading(space, SECOND)) {
                guest.stopPolling();
                unmapped = begun("munmap", () -> space.munmap(SECOND, PAGE));
                evicted = begun(
                        "evict", () -> HostFilePages.saved(file).eviction().evict(true));
                assertEquals(STAMP, guest.loaded(SECOND));
                assertFalse(evicted.isDone());
                guest.goOn();
                assertEquals(0, result(unmapped));
                assertEquals(1, result(evicted));
                assertFault(Fault.MAPERR, guest.load(SECOND));
            }
            assertFalse(isPresent(file, 0));
        }

        @Test
        @DisplayName(
                "I1: no other frame comes into memory for a page that an eviction puts back: a fault waits for that")
        void evictedBesideFault() throws IOException {
            HostFile file = mapped();
            int frame = file.pageCache().frameAt(0);
            // Its entry for the first page stays empty.
            long third = fixture.map(0, 1, READ, Mman.SHARED, file, 0);
            try (OtherCpu other = new OtherCpu(space)) {
                Future<Integer> evicted;
                Future<Integer> loaded;
                PinnedFrame pin;
                try (HeldLeaf held = new HeldLeaf(space, FIRST)) {
                    evicted = held.stopped(
                            "evict", () -> HostFilePages.saved(file).eviction().evict(true));
                    pin = fixture.pin(SECOND, READ);
                    int reads = channels.reads.get();
                    loaded = other.submit(cpu -> cpu.memory().load(third, 8));
                    Await.until("the fault has read the page", () -> channels.reads.get() != reads || loaded.isDone());
                    Await.stopped(other.thread(), fixture.reports);
                    assertFalse(loaded.isDone());
                }
                assertEquals(0, result(evicted));
                assertEquals(Fault.NONE, result(loaded));
                assertEquals(frame, file.pageCache().frameAt(0));
                assertEquals(frame, pin.frame());
                pin.close();
            }
        }

        @Test
        @DisplayName("a page that is unlocked while an eviction finds it locked is freed by the next one")
        void evictedBesideUnlock() throws IOException {
            HostFile file = mapped();
            assertEquals(0, space.mlock(SECOND, PAGE));
            Future<Integer> evicted;
            try (HeldLeaf held = new HeldLeaf(space, SECOND)) {
                // The eviction is checking for locked pages, and already found the locked VMA's link.
                evicted = held.stopped(
                        "evict", () -> HostFilePages.saved(file).eviction().evict(true));
                assertEquals(0, space.munlock(SECOND, PAGE));
            }
            assertEquals(0, result(evicted));
            assertEquals(1, HostFilePages.saved(file).eviction().evict(true));
        }

        @Test
        @DisplayName("a dirty page that an eviction has found is written later if another thread changes the file")
        void writtenLater() throws IOException {
            HostFile file = mapped();
            FilePages pages = HostFilePages.saved(file);
            AtomicInteger writes = new AtomicInteger();
            Callable<Long> written = () -> pages.tryWriteBack(
                    ByteBuffer.allocateDirect(PAGE_BYTES),
                    (offset, bytes) -> {
                        writes.incrementAndGet();
                        return 0;
                    },
                    false);
            pages.lock();
            try {
                assertEquals(
                        PageCaches.BUSY,
                        result(begun("evict", () -> pages.eviction().evict(true))));
            } finally {
                pages.unlock();
            }
            fixture.store(SECOND, 9);
            assertEquals(0, pages.eviction().evict(true));
            pages.lock();
            try {
                assertEquals(
                        PageCaches.BUSY,
                        result(begun("evict", () -> pages.eviction().evict(true))));
                assertEquals(0, result(begun("write", written)));
            } finally {
                pages.unlock();
            }
            assertEquals(0, writes.get());
            assertEquals(0, result(begun("write", written)));
            assertEquals(1, writes.get());
            assertFalse(pages.eviction().hasDirty());
        }

        @Test
        @DisplayName("a close does not wait for another thread that closes the file, and that thread saves both")
        void closedBesideClose() throws IOException {
            HostFile first = openNew(1);
            assertEquals(8, first.pwrite(bytes(1), 0));
            HeldCalls held = new HeldCalls(ChannelCall.WRITE);
            channels.failure = held;
            Future<Void> closing = begun("close", () -> {
                first.close();
                return null;
            });
            held.awaitReached();
            HostFile second = open(path, RW);
            assertEquals(8, second.pwrite(bytes(2), 8));
            second.close();
            assertEquals(0, number(path, 8));
            held.release();
            result(closing);
            assertEquals(1, number(path, 0));
            assertEquals(2, number(path, 8));
        }
    }

    @DisplayName("An eviction of pages of a file of the host")
    @Nested
    final class EvictedPages extends HostFileFixture {
        private static final long AT = 1L << 30;

        /** Opens and maps a file of one page, and reads the page into memory. */
        private HostFile mapped(int type) throws IOException {
            HostFile file = openNew(1);
            fixture.map(AT, 1, READ | WRITE, type | Mman.FIXED, file, 0);
            assertEquals(STAMP, fixture.load(AT));
            return file;
        }

        private static FilePages pages(HostFile file) {
            return (FilePages) file.pageCache();
        }

        @Test
        @DisplayName("leaves the private copy of a page in its mapping, and frees the page")
        void privateCopy() throws IOException {
            HostFile file = mapped(Mman.PRIVATE);
            fixture.store(AT, 9);
            long copy = fixture.pte(AT);
            assertEquals(1, HostFilePages.saved(file).eviction().evict(true));
            assertEquals(Frames.NONE, pages(file).frameAt(0));
            assertEquals(copy, fixture.pte(AT));
            assertEquals(9, fixture.load(AT));
        }

        @Test
        @DisplayName(
                "removes a page from its mappings first, and frees it the next time unless it is mapped again by then")
        void secondChance() throws IOException {
            HostFile file = mapped(Mman.SHARED);
            int frame = pages(file).frameAt(0);
            assertEquals(0, HostFilePages.saved(file).eviction().evict(false));
            assertFalse(fixture.isMapped(AT));
            assertEquals(STAMP, fixture.load(AT));
            assertEquals(0, HostFilePages.saved(file).eviction().evict(false));
            assertEquals(frame, pages(file).frameAt(0));
            // The page was put back as a used one.
            assertEquals(0, HostFilePages.saved(file).eviction().evict(false));
            assertEquals(frame, pages(file).frameAt(0));
            assertEquals(1, HostFilePages.saved(file).eviction().evict(false));
        }

        @Test
        @DisplayName("unmaps a page that it frees, though the one before it is locked and stays")
        void besideLocked() throws IOException {
            HostFile file = openNew(3);
            fixture.map(AT, 3, READ | WRITE, Mman.SHARED | Mman.FIXED, file, 0);
            for (int page = 0; page < 3; page++) {
                assertEquals(STAMP + page, fixture.load(AT + page * PAGE));
            }
            assertEquals(0, space.mlock(AT, PAGE));
            assertEquals(2, HostFilePages.saved(file).eviction().evict(true));
            assertEquals(1, fixture.mapped(AT, 3));
            for (int page = 0; page < 3; page++) {
                assertEquals(STAMP + page, fixture.load(AT + page * PAGE));
            }
        }
    }
}
