// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.HookedFrames;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Retirement cannot fail half-way: its resources are acquired before publication, and a failed step is retried. */
@DisplayName("I2, I3: the retirement of an operation")
final class RetirementTest {
    private static final long PAGE = SpaceFixture.PAGE;
    private static final int FIXED = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;

    /** Layout locks that fail for a retiring thread. */
    private static final class FailingLocks {
        /** How many times a lock still fails. */
        private final AtomicInteger left = new AtomicInteger();

        /** Whether this thread, which is not a thread of the machine, is retiring. */
        private final ThreadLocal<Boolean> isRetiring = ThreadLocal.withInitial(() -> false);

        /** Whether the next unlock fails after its release, and so after publication. */
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

    private static List<PageTableContext> borrowAll(MachineMemory memory) {
        List<PageTableContext> all = new ArrayList<>();
        for (PageTableContext context = memory.contexts.borrowOrNull();
                context != null;
                context = memory.contexts.borrowOrNull()) {
            all.add(context);
        }
        return all;
    }

    @ParameterizedTest(name = "asynchronous: {0}")
    @ValueSource(booleans = {false, true})
    @DisplayName("is refused with EAGAIN where no context is left, and nothing has changed")
    void noContext(boolean isAsynchronous) {
        SpaceFixture fixture = new SpaceFixture(
                Machine.builder().memory(1 << 20), machine -> MachineInternals.withContexts(machine, 8));
        long at = fixture.anonymous(1);
        fixture.store(at, 0x5ec2e7);
        MachineMemory memory = MachineInternals.layoutOf(fixture.space).memory();
        List<PageTableContext> all = borrowAll(memory);
        long result = isAsynchronous
                ? Await.result("the refusal", fixture.space.munmapAsync(at, PAGE), fixture.reports)
                : fixture.space.munmap(at, PAGE);
        SpaceFixture.assertResult(Errno.EAGAIN, result);
        assertNotNull(fixture.space.find(at));
        assertEquals(Errno.EAGAIN.result(), fixture.space.mmap(at, PAGE, Mman.READ, FIXED, null, 0));
        assertEquals(Errno.EAGAIN.result(), fixture.space.mprotect(at, PAGE, Mman.READ));
        assertEquals(0x5ec2e7, fixture.load(at));
        fixture.space.validate();
        all.forEach(memory.contexts::giveBack);
        assertEquals(0, fixture.space.munmap(at, PAGE));
        SpaceFixture.assertFault(Fault.MAPERR, fixture.memory.load(at, 8));
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("of the end of a space waits for a context, is reported once, and then empties the space")
    void closeWithoutContext() {
        SpaceFixture fixture = new SpaceFixture(
                Machine.builder().memory(1 << 20), machine -> MachineInternals.withContexts(machine, 8));
        long at = fixture.anonymous(4);
        fixture.store(at, 1);
        fixture.cpu.switchTo(null);
        MachineMemory memory = MachineInternals.layoutOf(fixture.space).memory();
        List<PageTableContext> all = borrowAll(memory);
        Thread closer = new Thread(fixture.space::close, "closer");
        closer.setDaemon(true);
        closer.start();
        Await.until("the failure is reported", () -> !fixture.reports.isEmpty(), fixture.reports, closer);
        assertEquals(Report.Kind.RETIREMENT_FAILED, fixture.reports.get(0).kind());
        assertTrue(closer.isAlive());
        assertEquals(1, fixture.frames());
        all.forEach(memory.contexts::giveBack);
        Await.until("the space is closed", () -> !closer.isAlive(), fixture.reports, closer);
        assertEquals(0, fixture.frames());
        assertEquals(1, fixture.reports.size(), fixture.reports::toString);
        fixture.closeEmpty();
    }

    @ParameterizedTest(name = "asynchronous: {0}")
    @ValueSource(booleans = {false, true})
    @DisplayName("that fails in its last step keeps its range, is reported once, and goes on until it has succeeded")
    void failingCompletion(boolean isAsynchronous) {
        FailingLocks locks = new FailingLocks();
        SpaceFixture fixture = new SpaceFixture(
                Machine.builder().memory(1 << 20), machine -> MachineInternals.withLocks(machine, locks::make));
        long at = fixture.anonymous(4);
        fixture.store(at, 1);
        fixture.store(at + 2 * PAGE, 3);
        long moved = at + (1 << 20);
        fixture.space.addNotifier((start, end, reason) -> {
            locks.isRetiring.set(true);
            locks.left.compareAndSet(0, 3);
        });
        try {
            int flags = Mman.MAYMOVE | Mman.MREMAP_FIXED;
            long result = isAsynchronous
                    ? Await.result(
                            "the move",
                            fixture.space.mremapAsync(at, 4 * PAGE, 4 * PAGE, flags, moved),
                            fixture.reports)
                    : fixture.space.mremap(at, 4 * PAGE, 4 * PAGE, flags, moved);
            assertEquals(moved, result);
        } finally {
            locks.isRetiring.remove();
        }
        assertEquals(0, locks.left.get(), "all that were to fail have");
        assertEquals(1, fixture.load(moved));
        assertEquals(3, fixture.load(moved + 2 * PAGE));
        assertTrue(MachineInternals.layoutOf(fixture.space).inFlight().isEmpty());
        fixture.space.validate();
        assertEquals(
                List.of(Report.Kind.RETIREMENT_FAILED),
                fixture.reports.stream().map(Report::kind).distinct().toList());
        assertEquals(1, fixture.reports.size(), fixture.reports::toString);
    }

    @ParameterizedTest(name = "asynchronous: {0}")
    @ValueSource(booleans = {false, true})
    @DisplayName("goes on although its call throws an Error once it has published")
    void errorAfterPublication(boolean isAsynchronous) throws InterruptedException {
        FailingLocks locks = new FailingLocks();
        SpaceFixture fixture = new SpaceFixture(
                Machine.builder().memory(1 << 20), machine -> MachineInternals.withLocks(machine, locks::make));
        long at = fixture.anonymous(4);
        fixture.store(at, 1);
        // This call leaves a context behind, so the first attempt below publishes.
        assertEquals(0, fixture.space.munmap(at + 3 * PAGE, PAGE));
        locks.failsUnlock.set(true);
        assertThrows(InternalError.class, () -> {
            if (isAsynchronous) {
                fixture.space.munmapAsync(at, 4 * PAGE).join();
            } else {
                fixture.space.munmap(at, 4 * PAGE);
            }
        });
        fixture.machine.awaitQuiescence();
        assertTrue(MachineInternals.layoutOf(fixture.space).inFlight().isEmpty(), "nothing is in flight");
        assertEquals(0, fixture.frames());
        assertEquals(at, fixture.space.mmap(at, PAGE, SpaceFixture.RW, FIXED, null, 0));
        fixture.space.validate();
        fixture.closeEmpty();
    }

    private static long threadsOf(Machine machine) {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> MachineInternals.isOf(thread, machine))
                .count();
    }

    @Test
    @DisplayName("behind a stopped CPU costs no thread per asynchronous call; all complete when it goes on")
    void stoppedCpu() throws Exception {
        SpaceFixture fixture = new SpaceFixture();
        int pages = 64;
        long at = fixture.anonymous(pages);
        OtherCpu stopped = new OtherCpu(fixture.space);
        CountDownLatch in = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        Future<Integer> stretch = stopped.submit(cpu -> {
            for (int i = 0; i < pages; i++) {
                cpu.memory().store(at + i * PAGE, 8, i);
            }
            cpu.enterGuest();
            in.countDown();
            Await.until("the test lets it go on", () -> goOn.getCount() == 0, fixture.reports);
            cpu.leaveGuest();
            return 0;
        });
        Await.until("the CPU is in GUEST", () -> in.getCount() == 0, fixture.reports);
        List<CompletableFuture<Long>> begun = new ArrayList<>();
        for (int i = 0; i < pages; i++) {
            begun.add(fixture.space.munmapAsync(at + i * PAGE, PAGE));
        }
        AddressSpace other = fixture.machine.newSpace(SpaceFixture.GEOMETRY);
        long there = other.mmap(0, PAGE, SpaceFixture.RW, SpaceFixture.ANONYMOUS, null, 0);
        // A call that waits for no other call overtakes all of them.
        assertEquals(0, Await.result("a retirement", other.munmapAsync(there, PAGE), fixture.reports));
        assertTrue(begun.stream().noneMatch(CompletableFuture::isDone));
        // If a task was suspended for long, another thread is started in addition, until the task returns.
        Await.until("there are four threads at most", () -> threadsOf(fixture.machine) <= 4, fixture.reports);
        assertEquals(pages, fixture.frames());
        assertNull(fixture.space.find(at));
        goOn.countDown();
        assertEquals(0, Await.result("a retirement", stretch, fixture.reports));
        for (CompletableFuture<Long> each : begun) {
            assertEquals(0, Await.result("a retirement", each, fixture.reports));
        }
        assertEquals(0, fixture.frames());
        stopped.close();
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("quarantines a frame whose store throws, reports it, and frees the others")
    void throwingStore() throws InterruptedException {
        HookedFrames[] made = new HookedFrames[1];
        SpaceFixture fixture = new SpaceFixture(
                Machine.builder().memory(64 * PAGE).poisonFrames(true).frameStore((shift, count) -> {
                    made[0] = new HookedFrames(shift, count);
                    return made[0];
                }));
        long at = fixture.anonymous(4);
        for (int i = 0; i < 4; i++) {
            fixture.store(at + i * PAGE, i);
        }
        made[0].throwOnNextFill();
        assertEquals(0, fixture.space.munmap(at, 4 * PAGE));
        assertNull(fixture.space.find(at));
        assertTrue(MachineInternals.layoutOf(fixture.space).inFlight().isEmpty(), "nothing is in flight");
        fixture.machine.awaitQuiescence();
        assertEquals(1, fixture.machine.statistics().framesQuarantined());
        assertEquals(0, fixture.frames());
        assertEquals(
                List.of(Report.Kind.FRAME_QUARANTINED),
                fixture.reports.stream().map(Report::kind).toList());
        // The range is free immediately, and every other frame can be allocated.
        long again = fixture.map(at, 62, SpaceFixture.RW, FIXED, null, 0);
        for (int i = 0; i < 62; i++) {
            fixture.store(again + i * PAGE, i);
        }
        assertEquals(62, fixture.frames());
        assertFalse(made[0].isFilledAgain(), "the quarantined frame was handed out again");
        fixture.closeEmpty();
    }
}
