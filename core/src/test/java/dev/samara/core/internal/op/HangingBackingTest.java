// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.CountingBacking;
import dev.samara.core.fixture.Latches;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A backing that hangs or throws in a callback harms only its own mappings")
final class HangingBackingTest {
    private static final long PAGE = 0x1000;
    private static final long PLACE = 0x1000_0000L;
    private static final int READ = Mman.READ;
    private static final int FIXED = Mman.PRIVATE | Mman.FIXED;

    /** Hangs in its open, its close, or both. */
    private static final class Hanging extends CountingBacking {
        private final CountDownLatch reached = new CountDownLatch(1);
        private final CountDownLatch goOn = new CountDownLatch(1);
        private final boolean inOpen;
        private final boolean inClose;

        Hanging(boolean inOpen, boolean inClose) {
            super("/hanging", 1);
            this.inOpen = inOpen;
            this.inClose = inClose;
        }

        private void hang() {
            reached.countDown();
            Latches.await(goOn);
        }

        @Override
        protected @Nullable Errno askedForOpen(Vma vma) {
            if (inOpen) {
                hang();
            }
            return null;
        }

        @Override
        protected void toldOfClose(Vma vma) {
            if (inClose) {
                hang();
            }
        }
    }

    private final List<Report> reports = new CopyOnWriteArrayList<>();
    private final Machine machine = Machine.builder().reportTo(reports::add).build();
    private final AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
    private final CountDownLatch othersClosed = new CountDownLatch(1);
    private final ExecutorService pool = Executors.newSingleThreadExecutor();

    private final CountingBacking other = new CountingBacking("/other", 2) {
        @Override
        protected void toldOfClose(Vma vma) {
            othersClosed.countDown();
        }
    };

    @AfterEach
    void end() throws InterruptedException {
        pool.shutdown();
        space.close();
        machine.awaitQuiescence();
        assertEquals(0, other.stillOpen());
    }

    private static long page(int number) {
        return PLACE + number * PAGE;
    }

    private void map(int page, CountingBacking backing) {
        assertEquals(page(page), space.mmap(page(page), PAGE, READ, FIXED, backing, 0));
    }

    @Test
    @DisplayName("while a close hangs, others are closed, and its range is mapped and unmapped again")
    void hangingClose() throws Exception {
        Hanging hanging = new Hanging(false, true);
        map(0, hanging);
        map(2, other);
        assertEquals(0, space.munmap(page(0), PAGE));
        Latches.await(hanging.reached);
        assertNull(space.find(page(0)));
        assertEquals(Fault.MAPERR, space.resolve(page(0), READ));
        assertEquals(0, space.munmap(page(2), PAGE));
        Latches.await(othersClosed);
        map(0, other);
        assertEquals(Fault.NONE, space.resolve(page(0), READ));
        assertEquals(0L, space.munmapAsync(page(0), PAGE).get());
        map(0, hanging);
        assertEquals(2, hanging.opens());
        assertNotNull(space.find(page(0)));
        space.fork().close();
        hanging.goOn.countDown();
        assertEquals(0, space.munmap(page(0), PAGE));
        machine.awaitQuiescence();
        assertEquals(0, hanging.stillOpen());
        assertEquals(List.of(), reports);
    }

    @Test
    @DisplayName("while two closes hang, a third backing is still closed")
    void twoHangingCloses() {
        Hanging one = new Hanging(false, true);
        Hanging two = new Hanging(false, true);
        map(0, one);
        map(1, two);
        map(2, other);
        assertEquals(0, space.munmap(page(0), 3 * PAGE));
        Latches.await(one.reached);
        Latches.await(two.reached);
        Latches.await(othersClosed);
        one.goOn.countDown();
        two.goOn.countDown();
    }

    @Test
    @DisplayName("while an open hangs, other threads change the same range, and the operation then does its part")
    void hangingOpen() throws Exception {
        Hanging hanging = new Hanging(true, false);
        map(0, other);
        Future<Long> mapping = pool.submit(() -> space.mmap(page(0), 4 * PAGE, READ, FIXED, hanging, 0));
        Latches.await(hanging.reached);
        Vma before = space.find(page(0));
        assertSame(other, before == null ? null : before.backing());
        assertEquals(0, space.mprotect(page(0), PAGE, Mman.NONE));
        assertEquals(0, space.munmap(page(0), PAGE));
        map(1, other);
        assertEquals(Fault.NONE, space.resolve(page(1), READ));
        assertFalse(mapping.isDone());
        hanging.goOn.countDown();
        assertEquals(page(0), mapping.get());
        assertEquals(1, space.snapshot().vmas().size());
        assertEquals(1, hanging.opens());
        space.validate();
    }

    @Test
    @DisplayName("a close that throws is reported once each time, and counts as closed")
    void throwingClose() throws InterruptedException {
        List<Throwable> thrown = List.of(new IllegalStateException("runtime"), new AssertionError("error"));
        for (Throwable each : thrown) {
            CountingBacking throwing = new CountingBacking("/throwing", 3) {
                @Override
                public void close(Vma vma) {
                    super.close(vma);
                    HangingBackingTest.<RuntimeException>sneak(each);
                }
            };
            map(0, throwing);
            map(2, other);
            assertEquals(0, space.munmap(page(0), 3 * PAGE));
            machine.awaitQuiescence();
            assertEquals(0, throwing.stillOpen());
            assertEquals(0, other.stillOpen());
            assertEquals(1, reports.size());
            assertEquals(Report.Kind.CALLBACK_FAILED, reports.get(0).kind());
            assertSame(each, reports.get(0).cause());
            reports.clear();
        }
    }

    @SuppressWarnings("unchecked")
    private static <T extends Throwable> void sneak(Throwable any) throws T {
        throw (T) any;
    }
}
