// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Await;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.OtherCpu;
import dev.samara.core.Rig;
import dev.samara.core.event.Report;
import dev.samara.core.internal.page.PageTableContext;
import dev.samara.core.internal.tlb.Memory;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.mman.RemapFlags;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Retirement cannot fail half-way: what it needs is taken before publication, and a step that fails is tried again. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@DisplayName("I2 I3: the retirement of an operation")
final class RetirementTest {
    private static final long PAGE = Rig.PAGE;
    private static final int FIXED = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED;

    /** Layout locks that fail for whoever retires something. */
    private static final class FailingLocks {
        /** How many times. */
        private final AtomicInteger left = new AtomicInteger();

        /** Whether this thread, which is none of the machine's, retires something. */
        private final ThreadLocal<Boolean> isRetiring = ThreadLocal.withInitial(() -> false);

        /** Whether the next one fails once it is given back, and so after publication. */
        private final AtomicBoolean failsUnlock = new AtomicBoolean();

        ReentrantLock make() {
            return new ReentrantLock() {
                private static final long serialVersionUID = 1;

                @Override
                public void lock() {
                    boolean isOfMachine = Thread.currentThread().getName().startsWith("samara-");
                    if ((isOfMachine || isRetiring.get()) && left.getAndUpdate(n -> Math.max(0, n - 1)) > 0) {
                        throw new InternalError("planted");
                    }
                    super.lock();
                }

                @Override
                public void unlock() {
                    super.unlock();
                    if (failsUnlock.getAndSet(false)) {
                        throw new InternalError("planted");
                    }
                }
            };
        }
    }

    private static List<PageTableContext> borrowAll(Memory memory) {
        List<PageTableContext> all = new ArrayList<>();
        for (PageTableContext worker = memory.borrowOrNull(); worker != null; worker = memory.borrowOrNull()) {
            all.add(worker);
        }
        return all;
    }

    @ParameterizedTest(name = "asynchronous: {0}")
    @ValueSource(booleans = {false, true})
    @DisplayName("is refused with EAGAIN where no worker is left, and nothing has changed")
    void noWorker(boolean isAsynchronous) {
        Rig rig = new Rig(MachineInternals.builderWith(8));
        long at = rig.anonymous(1);
        rig.store(at, 0x5ec2e7);
        Memory memory = MachineInternals.layoutOf(rig.space).memory();
        List<PageTableContext> all = borrowAll(memory);
        long result = isAsynchronous
                ? Await.result("the refusal", rig.space.munmapAsync(at, PAGE), rig.reports)
                : rig.space.munmap(at, PAGE);
        Rig.assertResult(Errno.EAGAIN, result);
        assertNotNull(rig.space.find(at));
        assertEquals(Errno.EAGAIN.result(), rig.space.mmap(at, PAGE, Protection.READ, FIXED, null, 0));
        assertEquals(Errno.EAGAIN.result(), rig.space.mprotect(at, PAGE, Protection.READ));
        assertEquals(0x5ec2e7, rig.load(at));
        rig.space.validate();
        all.forEach(memory::giveBack);
        assertEquals(0, rig.space.munmap(at, PAGE));
        Rig.assertFault(Fault.MAPERR, rig.memory.load(at, 8));
        rig.closeEmpty();
    }

    @Test
    @DisplayName("of the end of a space waits for a worker, is reported once, and then empties the space")
    void closeWithoutWorker() {
        Rig rig = new Rig(MachineInternals.builderWith(8));
        long at = rig.anonymous(4);
        rig.store(at, 1);
        Memory memory = MachineInternals.layoutOf(rig.space).memory();
        List<PageTableContext> all = borrowAll(memory);
        Thread closer = new Thread(rig.space::close, "closer");
        closer.setDaemon(true);
        closer.start();
        Await.until("the failure is reported", () -> !rig.reports.isEmpty(), rig.reports, closer);
        assertEquals(Report.Kind.RETIREMENT_FAILED, rig.reports.get(0).kind());
        assertTrue(closer.isAlive());
        assertEquals(1, rig.frames());
        all.forEach(memory::giveBack);
        Await.until("the space is closed", () -> !closer.isAlive(), rig.reports, closer);
        assertEquals(0, rig.frames());
        assertEquals(1, rig.reports.size(), rig.reports::toString);
        rig.closeEmpty();
    }

    @ParameterizedTest(name = "asynchronous: {0}")
    @ValueSource(booleans = {false, true})
    @DisplayName("that fails in its last step keeps its range, is reported once, and goes on until it has succeeded")
    void failingCompletion(boolean isAsynchronous) {
        FailingLocks locks = new FailingLocks();
        Rig rig = new Rig(MachineInternals.builderWith(locks::make));
        long at = rig.anonymous(4);
        rig.store(at, 1);
        rig.store(at + 2 * PAGE, 3);
        long moved = at + (1 << 20);
        rig.space.addNotifier((start, end, reason) -> {
            locks.isRetiring.set(true);
            locks.left.compareAndSet(0, 3);
        });
        try {
            int flags = RemapFlags.MAYMOVE | RemapFlags.FIXED;
            long result = isAsynchronous
                    ? Await.result("the move", rig.space.mremapAsync(at, 4 * PAGE, 4 * PAGE, flags, moved), rig.reports)
                    : rig.space.mremap(at, 4 * PAGE, 4 * PAGE, flags, moved);
            assertEquals(moved, result);
        } finally {
            locks.isRetiring.remove();
        }
        assertEquals(0, locks.left.get(), "all that were to fail have");
        assertEquals(1, rig.load(moved));
        assertEquals(3, rig.load(moved + 2 * PAGE));
        assertTrue(MachineInternals.layoutOf(rig.space).inTransit().isEmpty());
        rig.space.validate();
        assertEquals(
                List.of(Report.Kind.RETIREMENT_FAILED),
                rig.reports.stream().map(Report::kind).distinct().toList());
        assertEquals(1, rig.reports.size(), rig.reports::toString);
    }

    @ParameterizedTest(name = "asynchronous: {0}")
    @ValueSource(booleans = {false, true})
    @DisplayName("goes on although its call throws an Error once it has published")
    void errorAfterPublication(boolean isAsynchronous) throws InterruptedException {
        FailingLocks locks = new FailingLocks();
        Rig rig = new Rig(MachineInternals.builderWith(locks::make));
        long at = rig.anonymous(4);
        rig.store(at, 1);
        // There is a worker after this, and the first attempt publishes.
        assertEquals(0, rig.space.munmap(at + 3 * PAGE, PAGE));
        locks.failsUnlock.set(true);
        assertThrows(InternalError.class, () -> {
            if (isAsynchronous) {
                rig.space.munmapAsync(at, 4 * PAGE).join();
            } else {
                rig.space.munmap(at, 4 * PAGE);
            }
        });
        rig.machine.awaitQuiescence();
        assertTrue(MachineInternals.layoutOf(rig.space).inTransit().isEmpty(), "nothing is in flight");
        assertEquals(0, rig.frames());
        assertEquals(at, rig.space.mmap(at, PAGE, Rig.RW, FIXED, null, 0));
        rig.space.validate();
        rig.closeEmpty();
    }

    @Test
    @DisplayName("behind a stopped CPU costs no thread per asynchronous call; all complete when it goes on")
    void stoppedCpu() throws Exception {
        Rig rig = new Rig();
        int pages = 64;
        long at = rig.anonymous(pages);
        OtherCpu stopped = new OtherCpu(rig.space);
        CountDownLatch in = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        Future<Integer> stretch = stopped.submit(cpu -> {
            for (int i = 0; i < pages; i++) {
                cpu.memory().store(at + i * PAGE, 8, i);
            }
            cpu.enterGuest();
            in.countDown();
            Await.until("the test lets it go on", () -> goOn.getCount() == 0, rig.reports);
            cpu.leaveGuest();
            return 0;
        });
        Await.until("the CPU is in GUEST", () -> in.getCount() == 0, rig.reports);
        List<CompletableFuture<Long>> begun = new ArrayList<>();
        for (int i = 0; i < pages; i++) {
            begun.add(rig.space.munmapAsync(at + i * PAGE, PAGE));
        }
        AddressSpace other = rig.machine.newSpace(Rig.GEOMETRY);
        long there = other.mmap(0, PAGE, Rig.RW, Rig.ANONYMOUS, null, 0);
        // What waits for nobody passes all of them.
        assertEquals(0, Await.result("a retirement", other.munmapAsync(there, PAGE), rig.reports));
        assertTrue(begun.stream().noneMatch(CompletableFuture::isDone));
        long threads = Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> MachineInternals.isOf(thread, rig.machine))
                .count();
        assertTrue(threads <= 4, () -> threads + " threads for " + pages + " calls");
        assertEquals(pages, rig.frames());
        assertNull(rig.space.find(at));
        goOn.countDown();
        assertEquals(0, Await.result("a retirement", stretch, rig.reports));
        for (CompletableFuture<Long> each : begun) {
            assertEquals(0, Await.result("a retirement", each, rig.reports));
        }
        assertEquals(0, rig.frames());
        stopped.close();
        rig.closeEmpty();
    }

    @Test
    @DisplayName("quarantines a frame whose store throws, reports it, and frees the others")
    void throwingStore() throws InterruptedException {
        ThrowingFrames[] made = new ThrowingFrames[1];
        Rig rig = new Rig(Machine.builder().memory(64 * PAGE).poisonFrames().frameStore((shift, count) -> {
            made[0] = new ThrowingFrames(shift, count);
            return made[0];
        }));
        long at = rig.anonymous(4);
        for (int i = 0; i < 4; i++) {
            rig.store(at + i * PAGE, i);
        }
        made[0].throwsOnce();
        assertEquals(0, rig.space.munmap(at, 4 * PAGE));
        assertNull(rig.space.find(at));
        assertTrue(MachineInternals.layoutOf(rig.space).inTransit().isEmpty(), "nothing is in flight");
        rig.machine.awaitQuiescence();
        assertEquals(1, rig.machine.framesQuarantined(Rig.GEOMETRY));
        assertEquals(0, rig.frames());
        assertEquals(
                List.of(Report.Kind.FRAME_QUARANTINED),
                rig.reports.stream().map(Report::kind).toList());
        // The range is free at once, and every other frame is to be had.
        long again = rig.map(at, 62, Rig.RW, FIXED, null, 0);
        for (int i = 0; i < 62; i++) {
            rig.store(again + i * PAGE, i);
        }
        assertEquals(62, rig.frames());
        assertFalse(made[0].hasBeenFilledAgain(), "the quarantined frame was handed out again");
        rig.closeEmpty();
    }
}
