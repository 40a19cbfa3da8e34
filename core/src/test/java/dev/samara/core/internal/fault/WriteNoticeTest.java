// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.Machine;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Latches;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.PagedFile;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.ToLongFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Calls between the notice of a first write and the write. */
final class WriteNoticeTest {
    private static final long AT = 0x10_0000_0000L;

    /** An address in another leaf. */
    private static final long ELSEWHERE = AT + 1024 * PAGE;

    /** A file whose first notice is slow. */
    private static final class SlowFile extends PagedFile {
        /** More notices than a test can cause. */
        private static final int MOST = 100;

        final AtomicInteger notices = new AtomicInteger();
        final CountDownLatch told = new CountDownLatch(1);
        final CountDownLatch goesOn = new CountDownLatch(1);

        SlowFile(SpaceFixture fixture) {
            super(fixture, 4);
        }

        @Override
        public boolean noticesWrites() {
            return true;
        }

        @Override
        public int pageMkwrite(Backing.PageRequest request) {
            int before = notices.getAndIncrement();
            if (before == 0) {
                told.countDown();
                Latches.await(goesOn);
            }
            return before < MOST ? 0 : -Fault.ADRERR;
        }
    }

    /** The change between the notice and the write. */
    @FunctionalInterface
    private interface Call {
        void make(SpaceFixture fixture, SlowFile file);
    }

    /** A change of a mapping of four pages while its first page is written. Memory has only one frame. */
    private enum Event {
        NARROWED(1, (fixture, file) -> {
            assertEquals(0, fixture.space.mprotect(AT, PAGE, READ));
            assertEquals(0, fixture.space.mprotect(AT, PAGE, RW));
        }),
        WRITTEN_BACK(1, (fixture, file) -> {
            fixture.store(AT, 2);
            assertEquals(0, fixture.space.mprotect(AT, PAGE, READ));
            assertEquals(1, fixture.space.collectDirty(AT, PAGE, page -> {}));
            assertEquals(0, fixture.space.mprotect(AT, PAGE, RW));
        }),
        DISCARDED(1, (fixture, file) -> assertEquals(0, fixture.space.madvise(AT, PAGE, Mman.DONTNEED))),
        DISCARDED_AND_READ(1, (fixture, file) -> {
            assertEquals(0, fixture.space.madvise(AT, PAGE, Mman.DONTNEED));
            fixture.load(AT);
        }),
        GUARDED(1, (fixture, file) -> {
            assertEquals(0, fixture.space.madvise(AT, PAGE, Mman.GUARD_INSTALL));
            assertEquals(0, fixture.space.madvise(AT, PAGE, Mman.GUARD_REMOVE));
            fixture.load(AT);
        }),
        REMOVED_AND_READ(1, (fixture, file) -> {
            file.cache.remove(0, 1);
            fixture.load(AT);
        }),
        REMOVED_AND_READ_ELSEWHERE(1, (fixture, file) -> {
            file.cache.remove(0, 1);
            fixture.load(ELSEWHERE);
        }),
        TRUNCATED_AND_READ(1, (fixture, file) -> {
            file.cache.truncate(0);
            file.cache.truncate(PAGE);
            fixture.load(AT);
        }),
        MOVED_AWAY_AND_BACK(1, (fixture, file) -> {
            long away = ELSEWHERE + 1024 * PAGE;
            int flags = Mman.MAYMOVE | Mman.MREMAP_FIXED;
            assertEquals(away, fixture.space.mremap(AT, 4 * PAGE, 4 * PAGE, flags, away));
            assertEquals(AT, fixture.space.mremap(away, 4 * PAGE, 4 * PAGE, flags, AT));
        }),
        REPLACED(1, (fixture, file) -> {
            fixture.map(AT, 4, RW, Mman.SHARED | Mman.FIXED, file, 0);
            fixture.load(AT);
        }),
        /* Nothing of the first page is revoked, so the store succeeds without another notice. */
        COLLECTED(0, (fixture, file) -> assertEquals(0, fixture.space.collectDirty(AT, 4 * PAGE, page -> {}))),
        NEIGHBOUR_DISCARDED(
                0, (fixture, file) -> assertEquals(0, fixture.space.madvise(AT + PAGE, 3 * PAGE, Mman.DONTNEED))),
        NEIGHBOUR_REMOVED(0, (fixture, file) -> file.cache.remove(1, 3));

        final int furtherNotices;

        @SuppressWarnings("ImmutableEnumChecker") // a lambda that captures nothing
        final Call call;

        Event(int furtherNotices, Call call) {
            this.furtherNotices = furtherNotices;
            this.call = call;
        }
    }

    private static void storeBeside(Event event, boolean isMapped) {
        SpaceFixture fixture = new SpaceFixture(Machine.builder().memory(PAGE));
        SlowFile file = new SlowFile(fixture);
        fixture.map(AT, 4, RW, Mman.SHARED | Mman.FIXED, file, 0);
        fixture.map(ELSEWHERE, 4, RW, Mman.SHARED | Mman.FIXED, file, 0);
        if (isMapped) {
            fixture.load(AT);
        }
        try (OtherCpu slow = new OtherCpu(fixture.space)) {
            Future<Integer> stored = slow.submit(cpu -> cpu.memory().store(AT, 8, 1));
            int before;
            try {
                Await.until("the file is told", () -> file.told.getCount() == 0, fixture.reports);
                event.call.make(fixture, file);
                before = file.notices.get();
            } finally {
                file.goesOn.countDown();
            }
            assertFault(Fault.NONE, Await.result("the store returns", stored, fixture.reports));
            assertEquals(event.furtherNotices, file.notices.get() - before, "notices before the store");
        }
        assertEquals(1, fixture.load(AT));
        file.cache.truncate(0);
        fixture.closeEmpty();
    }

    @ParameterizedTest
    @EnumSource
    void ofAPageThatIsMapped(Event event) {
        storeBeside(event, true);
    }

    @ParameterizedTest
    @EnumSource
    void ofAPageThatIsFetched(Event event) {
        storeBeside(event, false);
    }

    /** If a fault added only the right to write, the change would fault forever. */
    private static void changeAfter(ToLongFunction<SpaceFixture> change) {
        SpaceFixture fixture = new SpaceFixture(8);
        SlowFile file = new SlowFile(fixture);
        file.goesOn.countDown();
        fixture.map(AT, 4, RW, Mman.SHARED | Mman.FIXED, file, 0);
        fixture.load(AT);
        fixture.store(AT, 6);
        assertEquals(0, fixture.space.mprotect(AT, PAGE, 0));
        assertEquals(0, fixture.space.mprotect(AT, PAGE, RW));
        assertEquals(0, change.applyAsLong(fixture));
        assertEquals(2, file.notices.get());
        assertEquals(7, fixture.load(AT));
        file.cache.truncate(0);
        fixture.closeEmpty();
    }

    @Test
    void ofAnAtomicUpdateThatAlsoLacksTheRightToRead() {
        changeAfter(fixture -> fixture.memory.getAndAdd(AT, 8, 1));
    }

    @Test
    void ofAFutexWordThatMayNotBeRead() {
        // FUTEX_OP(FUTEX_OP_ADD, 1, FUTEX_OP_CMP_EQ, 0)
        changeAfter(fixture ->
                fixture.machine.futexes().wakeOp(fixture.memory, AT + PAGE, AT, false, 1, 1, 1 << 28 | 1 << 12));
    }

    @Test
    void anyNumberAtOnce() {
        SpaceFixture fixture = new SpaceFixture(8);
        SlowFile file = new SlowFile(fixture);
        fixture.map(AT, 4, RW, Mman.SHARED | Mman.FIXED, file, 0);
        try (OtherCpu slow = new OtherCpu(fixture.space)) {
            Future<Integer> stored = slow.submit(cpu -> cpu.memory().store(AT + PAGE, 8, 1));
            Await.until("the file is told", () -> file.told.getCount() == 0, fixture.reports);
            for (long page = 0; page < 4; page++) {
                fixture.store(AT + page * PAGE, 2);
            }
            file.goesOn.countDown();
            assertFault(Fault.NONE, Await.result("the store returns", stored, fixture.reports));
        }
        assertEquals(5, file.notices.get(), "one for each store that could be the first");
        file.cache.truncate(0);
        fixture.closeEmpty();
    }
}
