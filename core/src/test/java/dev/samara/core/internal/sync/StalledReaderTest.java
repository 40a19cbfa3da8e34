// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.NamedBacking;
import dev.samara.core.internal.page.HookedFrames;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.Vma;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** A CPU whose thread is stopped within an access, and the operations that must wait until the access ends. */
@DisplayName("I9: while a CPU is stopped within an access")
class StalledReaderTest {
    private static final Geometry LINUX = Geometry.LINUX_X86_64;
    private static final long PAGE = LINUX.pageSize();
    private static final int RW = Mman.READ | Mman.WRITE;
    private static final int BOUND = 3;
    private static final int PAGES = 8;

    private final ConcurrentLinkedQueue<Report> reports = new ConcurrentLinkedQueue<>();
    private final AtomicReference<@Nullable HookedFrames> store = new AtomicReference<>();

    /** A machine with mappings, and a thread that is stopped within a store. */
    private final class Stalled {
        final Machine machine;
        final AddressSpace space;
        final long start;
        final Thread asleep;
        private final HookedFrames.Hold hold;

        Stalled(boolean refuses) throws InterruptedException {
            machine = Machine.builder()
                    .memory(1 << 20)
                    .frameStore((shift, count) -> {
                        HookedFrames made = new HookedFrames(shift, count);
                        store.set(made);
                        return made;
                    })
                    .boundGracePeriods(BOUND, refuses)
                    .reportGracePeriodsLongerThan(Duration.ofNanos(1))
                    .reportShootdownsLongerThan(Duration.ofNanos(1))
                    .reportTo(reports::add)
                    .build();
            space = machine.newSpace(LINUX);
            start = space.mmap(0, PAGES * PAGE, RW, Mman.PRIVATE | Mman.ANONYMOUS, null, 0);
            try (Cpu cpu = machine.claimCpu()) {
                cpu.switchTo(space);
                assertEquals(PAGES * PAGE, cpu.memory().fill(start, PAGES * PAGE, (byte) 1));
            }
            hold = Objects.requireNonNull(store.get()).holdNextStore();
            asleep = new Thread(
                    () -> {
                        try (Cpu cpu = machine.claimCpu()) {
                            cpu.switchTo(space);
                            assertEquals(Fault.NONE, cpu.memory().store(start, 8, 2));
                        }
                    },
                    "the sleeper");
            asleep.setDaemon(true);
            asleep.start();
            hold.reached.await();
        }

        CompletableFuture<Long> unmap(int page) {
            return space.munmapAsync(start + page * PAGE, PAGE);
        }

        void goOn() throws InterruptedException {
            hold.released.countDown();
            asleep.join();
        }

        /** Closes the space, and checks that no frame is left. */
        void end() throws InterruptedException {
            space.close();
            machine.awaitQuiescence();
            assertEquals(0, machine.statistics().framesInUse());
        }
    }

    private void awaitName() {
        Await.until(
                "the CPU is named",
                () -> reports.stream().anyMatch(report -> report.message().contains("the sleeper")));
    }

    @Test
    @DisplayName("asynchronous operations beyond the bound are refused, if so configured; the CPU is named, and all is"
            + " freed when it goes on")
    void refused() throws InterruptedException {
        Stalled stalled = new Stalled(true);
        List<CompletableFuture<Long>> begun = new ArrayList<>();
        for (int page = 1; page <= BOUND; page++) {
            begun.add(stalled.unmap(page));
        }
        for (int n = 0; n < 100; n++) {
            assertEquals(Errno.EAGAIN.result(), stalled.unmap(BOUND + 1).join());
        }
        assertEquals(Errno.EAGAIN.result(), stalled.space.munmap(stalled.start + (BOUND + 1) * PAGE, PAGE));
        assertNotNull(stalled.space.find(stalled.start + (BOUND + 1) * PAGE));
        awaitName();
        for (CompletableFuture<Long> each : begun) {
            assertFalse(each.isDone());
        }
        assertEquals(PAGES, stalled.machine.statistics().framesInUse());
        stalled.goOn();
        for (CompletableFuture<Long> each : begun) {
            assertEquals(0, each.join());
        }
        assertEquals(PAGES - BOUND, stalled.machine.statistics().framesInUse());
        assertEquals(0, stalled.unmap(BOUND + 1).join());
        stalled.end();
    }

    @Test
    @DisplayName("an asynchronous operation begun beyond the bound waits before it changes anything, if so configured")
    void waits() throws InterruptedException {
        Stalled stalled = new Stalled(false);
        List<CompletableFuture<Long>> begun = new ArrayList<>();
        for (int page = 1; page <= BOUND; page++) {
            begun.add(stalled.unmap(page));
        }
        AtomicLong result = new AtomicLong(1);
        Thread caller = new Thread(() -> result.set(stalled.unmap(BOUND + 1).join()), "caller");
        caller.setDaemon(true);
        caller.start();
        Await.until("the caller waits", () -> caller.getState() == Thread.State.WAITING, reports, caller);
        assertNotNull(stalled.space.find(stalled.start + (BOUND + 1) * PAGE));
        assertEquals(1, result.get());
        awaitName();
        stalled.goOn();
        caller.join();
        assertEquals(0, result.get());
        assertNull(stalled.space.find(stalled.start + (BOUND + 1) * PAGE));
        for (CompletableFuture<Long> each : begun) {
            assertEquals(0, each.join());
        }
        stalled.end();
    }

    /** A file that counts its opens and closes, and hangs while it is asked for pages. */
    private static final class HangingBacking extends NamedBacking {
        private final PageCache pages;
        private final AtomicInteger open = new AtomicInteger();
        private final AtomicInteger closed = new AtomicInteger();
        private final CountDownLatch asked = new CountDownLatch(1);
        private final CountDownLatch answers = new CountDownLatch(1);

        HangingBacking(Machine machine) {
            super("/counting", 3);
            pages = machine.newPageCache(LINUX, PAGES * PAGE);
        }

        @Override
        public @Nullable Errno open(Vma vma) {
            open.incrementAndGet();
            return null;
        }

        @Override
        public void close(Vma vma) {
            closed.incrementAndGet();
        }

        @Override
        public void rcuMapPages(Backing.PageWindow window) {
            asked.countDown();
            try {
                answers.await();
            } catch (InterruptedException interrupted) {
                throw new IllegalStateException(interrupted);
            }
        }

        @Override
        public PageCache pageCache() {
            return pages;
        }
    }

    @Test
    @DisplayName(
            "closes of backings wait for a CPU that asks for pages, and no more operations are begun that would leave"
                    + " some behind than the bound allows")
    void closes() throws InterruptedException {
        Machine machine = Machine.builder()
                .memory(1 << 20)
                .boundGracePeriods(BOUND, true)
                .reportGracePeriodsLongerThan(Duration.ofNanos(1))
                .reportTo(reports::add)
                .build();
        AddressSpace space = machine.newSpace(LINUX);
        HangingBacking file = new HangingBacking(machine);
        long at = space.mmap(0, PAGES * PAGE, RW, Mman.SHARED, file, 0);
        assertTrue(at > 0);
        Thread asleep = new Thread(
                () -> {
                    try (Cpu cpu = machine.claimCpu()) {
                        cpu.switchTo(space);
                        assertEquals(Fault.ADRERR, cpu.memory().load(at + PAGE, 8));
                    }
                },
                "the sleeper");
        asleep.setDaemon(true);
        asleep.start();
        file.asked.await();
        int done = 0;
        while (done <= 2 * BOUND && space.madvise(at, PAGE, done % 2 == 0 ? Mman.DONTDUMP : Mman.DODUMP) == 0) {
            done++;
        }
        assertEquals(0, file.closed.get(), "closed while a CPU asks for its pages");
        int begun = done;
        assertTrue(begun <= 2 * BOUND, () -> "operations without a refusal: " + begun);
        awaitName();
        file.answers.countDown();
        asleep.join();
        machine.awaitQuiescence();
        assertEquals(0, space.munmap(at, PAGES * PAGE));
        machine.awaitQuiescence();
        assertEquals(file.open.get(), file.closed.get());
        space.close();
        machine.awaitQuiescence();
        assertEquals(0, machine.statistics().framesInUse());
    }
}
