// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.HeldLeaf;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.PollingCpu;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.file.SavedPages;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The file is mapped twice, with entries in two leaves. A walk over its mappings visits the first one first. */
@ExtendWith(OneThread.class)
@DisplayName("A save or an eviction of a file of the host, beside a call that comes in the middle of it")
final class HostFileHeldTest extends HostFileFixture {
    private static final long FIRST = 1L << 30;
    private static final long SECOND = 1L << 31;

    /** A single page, so that nothing is read ahead. */
    private static final int PAGES = 1;

    private Path path() {
        return folder.resolve("f");
    }

    /** Opens the file and maps it twice. Afterwards its page is in memory, clean, and mapped twice. */
    private HostFile mapped() throws IOException {
        HostFile file = open(write("f", PAGES * PAGE_BYTES), RW);
        for (long at : new long[] {FIRST, SECOND}) {
            fixture.map(at, PAGES, READ | WRITE, MapFlags.SHARED | MapFlags.FIXED, file, 0);
            assertEquals(STAMP, fixture.load(at));
        }
        return file;
    }

    private static FilePages pages(HostFile file) {
        return (FilePages) file.pageCache();
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
        assertEquals(9, number(path(), 0));
        file.close();
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
        assertEquals(9, number(path(), 0));
        file.close();
    }

    @Test
    @DisplayName("I3: an eviction waits for a CPU in GUEST that may read through an entry which is unmapped already")
    void evictedBesideStaleTranslation() throws IOException {
        HostFile file = mapped();
        Future<Long> unmapped;
        Future<Integer> evicted;
        try (PollingCpu guest = PollingCpu.reading(space, SECOND)) {
            guest.stopPolling();
            unmapped = begun("munmap", () -> space.munmap(SECOND, PAGE));
            evicted = begun("evict", () -> HostFilePages.saved(file).evict(true));
            assertEquals(STAMP, guest.loaded(SECOND));
            assertFalse(evicted.isDone());
            guest.goOn();
            assertEquals(0, result(unmapped));
            assertEquals(1, result(evicted));
            assertFault(Fault.MAPERR, guest.load(SECOND));
        }
        assertEquals(Frames.NONE, pages(file).frameAt(0));
        file.close();
    }

    @Test
    @DisplayName("P10: an eviction leaves a page that is pinned after it has left the index")
    void evictedBesidePin() throws IOException {
        HostFile file = mapped();
        int frame = pages(file).frameAt(0);
        Future<Integer> evicted;
        PinnedFrame pin;
        try (HeldLeaf held = new HeldLeaf(space, FIRST)) {
            evicted = held.stopped("evict", () -> HostFilePages.saved(file).evict(true));
            assertEquals(Frames.NONE, pages(file).frameAt(0));
            pin = fixture.pin(SECOND, READ);
        }
        assertEquals(0, result(evicted));
        assertEquals(frame, pages(file).frameAt(0));
        assertEquals(STAMP, SpaceFixture.read(pin));
        assertEquals(0, HostFilePages.saved(file).evict(true));
        pin.close();
        assertEquals(1, HostFilePages.saved(file).evict(true));
        file.close();
    }

    @Test
    @DisplayName("an eviction leaves a page that is written after it has left the index")
    void evictedBesideStore() throws IOException {
        HostFile file = mapped();
        int frame = pages(file).frameAt(0);
        Future<Integer> evicted;
        try (HeldLeaf held = new HeldLeaf(space, FIRST)) {
            evicted = held.stopped("evict", () -> HostFilePages.saved(file).evict(true));
            fixture.store(SECOND, 9);
        }
        assertEquals(0, result(evicted));
        assertEquals(frame, pages(file).frameAt(0));
        assertEquals(9, fixture.load(FIRST));
        assertEquals(0, file.fsync());
        assertEquals(9, number(path(), 0));
        file.close();
    }

    @Test
    @DisplayName("I1: no other frame comes into memory for a page that an eviction puts back: a fault waits for that")
    void evictedBesideFault() throws IOException {
        HostFile file = mapped();
        int frame = pages(file).frameAt(0);
        // Its entry for the first page stays empty.
        long third = fixture.map(0, PAGES, READ, MapFlags.SHARED, file, 0);
        try (OtherCpu other = new OtherCpu(space)) {
            Future<Integer> evicted;
            Future<Integer> loaded;
            PinnedFrame pin;
            try (HeldLeaf held = new HeldLeaf(space, FIRST)) {
                evicted = held.stopped("evict", () -> HostFilePages.saved(file).evict(true));
                pin = fixture.pin(SECOND, READ);
                int reads = channels.reads.get();
                loaded = other.submit(cpu -> cpu.memory().load(third, 8));
                Await.until("the fault has read the page", () -> channels.reads.get() != reads || loaded.isDone());
                Await.stopped(other.thread(), fixture.reports);
                assertFalse(loaded.isDone());
            }
            assertEquals(0, result(evicted));
            assertEquals(Fault.NONE, result(loaded));
            assertEquals(frame, pages(file).frameAt(0));
            assertEquals(frame, pin.frame());
            pin.close();
        }
        file.close();
    }

    @Test
    @DisplayName("an eviction leaves a page that locked memory maps, and frees it once that is unlocked")
    void evictedWhileLocked() throws IOException {
        HostFile file = mapped();
        assertEquals(0, space.mlock(SECOND, PAGE));
        int frame = pages(file).frameAt(0);
        assertEquals(0, HostFilePages.saved(file).evict(true));
        assertEquals(frame, pages(file).frameAt(0));
        assertEquals(STAMP, fixture.load(SECOND));
        assertEquals(0, space.munlock(SECOND, PAGE));
        assertEquals(1, HostFilePages.saved(file).evict(true));
        file.close();
    }

    @Test
    @DisplayName("an eviction leaves a page that is locked after it has left the index")
    void evictedBesideLock() throws IOException {
        HostFile file = mapped();
        int frame = pages(file).frameAt(0);
        long entry = fixture.pte(SECOND);
        Future<Integer> evicted;
        try (HeldLeaf held = new HeldLeaf(space, FIRST)) {
            evicted = held.stopped("evict", () -> HostFilePages.saved(file).evict(true));
            assertEquals(Frames.NONE, pages(file).frameAt(0));
            assertEquals(0, space.mlock(SECOND, PAGE));
        }
        assertEquals(0, result(evicted));
        assertEquals(frame, pages(file).frameAt(0));
        assertEquals(entry, fixture.pte(SECOND));
        assertEquals(0, HostFilePages.saved(file).evict(true));
        assertEquals(0, space.munlock(SECOND, PAGE));
        assertEquals(1, HostFilePages.saved(file).evict(true));
        file.close();
    }

    @Test
    @DisplayName("a page that is unlocked while an eviction finds it locked is freed by the next one")
    void evictedBesideUnlock() throws IOException {
        HostFile file = mapped();
        assertEquals(0, space.mlock(SECOND, PAGE));
        Future<Integer> evicted;
        try (HeldLeaf held = new HeldLeaf(space, SECOND)) {
            // The eviction is checking for locked pages, and already found the locked VMA's link.
            evicted = held.stopped("evict", () -> HostFilePages.saved(file).evict(true));
            assertEquals(0, space.munlock(SECOND, PAGE));
        }
        assertEquals(0, result(evicted));
        assertEquals(1, HostFilePages.saved(file).evict(true));
        file.close();
    }

    @Test
    @DisplayName("a dirty page that an eviction has found is written later if another thread changes the file")
    void writtenLater() throws IOException {
        HostFile file = mapped();
        SavedPages pages = HostFilePages.saved(file);
        AtomicInteger writes = new AtomicInteger();
        Callable<Long> written = () -> pages.tryWriteBack(ByteBuffer.allocateDirect(PAGE_BYTES), (offset, bytes) -> {
            writes.incrementAndGet();
            return 0;
        });
        fixture.store(SECOND, 9);
        assertEquals(0, pages.evict(true));
        pages.pages().lock();
        try {
            assertEquals(0, result(begun("write", written)));
        } finally {
            pages.pages().unlock();
        }
        assertEquals(0, writes.get());
        assertEquals(0, result(begun("write", written)));
        assertEquals(1, writes.get());
        assertFalse(pages.hasDirtyToEvict());
        file.close();
    }

    @Test
    @DisplayName("a close does not wait for another thread that closes the file, and that thread saves both")
    void closedBesideClose() throws IOException {
        HostFile first = open(write("f", PAGE_BYTES), RW);
        assertEquals(8, first.pwrite(bytes(1), 0));
        HeldCalls held = new HeldCalls(FaultyChannels.ChannelCall.WRITE);
        channels.failure = held;
        Future<Void> closing = begun("close", () -> {
            first.close();
            return null;
        });
        held.awaitReached();
        HostFile second = open(path(), RW);
        assertEquals(8, second.pwrite(bytes(2), 8));
        second.close();
        assertEquals(0, number(path(), 8));
        held.release();
        result(closing);
        assertEquals(1, number(path(), 0));
        assertEquals(2, number(path(), 8));
    }
}
