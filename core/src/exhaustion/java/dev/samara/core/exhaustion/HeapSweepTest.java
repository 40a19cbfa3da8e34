// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.exhaustion;

import static dev.samara.core.MachineInternals.layoutOf;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.fixture.Await;
import dev.samara.core.guest.PageView;
import dev.samara.core.internal.cpu.CpuOwner;
import dev.samara.core.internal.cpu.CpuState;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.cpu.LazyContext;
import dev.samara.core.internal.cpu.OwnedCpu;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.memory.SmallMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.internal.sync.Background;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Gate.WaitReporter;
import dev.samara.core.internal.sync.MachineTasks;
import dev.samara.core.internal.tlb.CpuTlb;
import dev.samara.core.internal.tlb.SoftTlb;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.testing.Explored;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A call that runs out of heap leaves nothing behind, wherever that happens. */
@Timeout(value = 620, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@Explored(32)
final class HeapSweepTest {
    private static final long A = 0x10_0000_0000L;
    private static final long C = 0x30_0000_0000L;
    private static final long LENGTH = 8 * 4096;

    /** The caller gets an Error only if nothing was published. */
    static final class Unmap extends StackSweepTest.Scene {
        private boolean isDone;

        @Override
        public boolean call() {
            isDone = space.munmap(A, LENGTH) == 0;
            return isDone;
        }

        @Override
        public void judge(@Nullable Throwable thrown) throws Exception {
            assertEquals(isDone, space.find(A) == null, "unmapped, as the caller was told");
            super.judge(thrown);
        }
    }

    @Test
    @DisplayName("munmap")
    void unmap() throws Exception {
        HeapSweep.sweep(Unmap.class);
    }

    /** A published unmapping completes, and its future reports that. */
    static final class UnmapLater extends StackSweepTest.Scene {
        private @Nullable CompletableFuture<Long> future;

        @Override
        public boolean call() {
            future = space.munmapAsync(A, LENGTH);
            return true;
        }

        @Override
        public void judge(@Nullable Throwable thrown) throws Exception {
            CompletableFuture<Long> promised = future;
            if (promised != null) {
                // If neither a thread nor the timer for another attempt could be started, a wait for quiescence makes
                // it.
                machine.awaitQuiescence();
                long result = Await.result("the future", promised, List.of());
                assertTrue(result == 0 || result < 0, "result " + result);
                assertEquals(result == 0, space.find(A) == null, "unmapped, as the future says");
            } else {
                assertNotNull(space.find(A), "no thread has a future");
            }
            super.judge(thrown);
        }
    }

    @Test
    @DisplayName("munmapAsync")
    void unmapLater() throws Exception {
        HeapSweep.sweep(UnmapLater.class);
    }

    static final class Move extends StackSweepTest.Scene {
        private boolean isDone;

        @Override
        public boolean call() {
            isDone = space.mremap(A, LENGTH, LENGTH, Mman.MAYMOVE | Mman.MREMAP_FIXED, C) == C;
            return isDone;
        }

        @Override
        public void judge(@Nullable Throwable thrown) throws Exception {
            assertEquals(isDone, space.find(C) != null, "moved, as the caller was told");
            assertEquals(isDone, space.find(A) == null, "moved, as the caller was told");
            assertEquals(0, space.munmap(C, LENGTH));
            super.judge(thrown);
        }
    }

    @Test
    @DisplayName("mremap that moves")
    void move() throws Exception {
        HeapSweep.sweepLarge(Move.class);
    }

    static final class Discard extends StackSweepTest.Scene {
        @Override
        public boolean call() {
            return space.madvise(A, LENGTH, Mman.DONTNEED) == 0;
        }
    }

    @Test
    @DisplayName("madvise(DONTNEED)")
    void discard() throws Exception {
        HeapSweep.sweep(Discard.class);
    }

    /** Returns a context; the next thread that needs a context gets it. */
    static final class GivingBack extends StackSweepTest.Scene {
        private final MachineMemory memory = layoutOf(space).memory();
        private final PageTableContext context = memory.contexts.borrow();

        @Override
        public boolean call() {
            memory.contexts.giveBack(context);
            return true;
        }

        @Override
        public void judge(@Nullable Throwable thrown) throws Exception {
            assertNull(thrown, "giving back was refused");
            List<PageTableContext> idle = new ArrayList<>();
            for (PageTableContext next = memory.contexts.borrowIdle();
                    next != null;
                    next = memory.contexts.borrowIdle()) {
                idle.add(next);
            }
            assertTrue(idle.contains(context), "the context is lost");
            idle.forEach(memory.contexts::giveBack);
            super.judge(null);
        }
    }

    @Test
    @DisplayName("a context that is given back")
    void givingBack() throws Exception {
        HeapSweep.sweepWithoutNeed(GivingBack.class);
    }

    /** Closes the last reference to a space that contains the CPU of a dead thread. */
    static class AfterDeath extends StackSweepTest.Scene {
        /** Must be called last, because a later claim of a CPU would detect that the thread is dead. */
        @Override
        public void prepare() {
            int before = space.cpus();
            Thread ended = new Thread(() -> machine.claimCpu().switchTo(space));
            ended.start();
            Await.until("the thread has ended", () -> !ended.isAlive(), List.of());
            assertEquals(before + 1, space.cpus());
        }

        @Override
        public boolean call() {
            space.close();
            return true;
        }

        @Override
        public void judge(@Nullable Throwable thrown) throws Exception {
            assertNull(thrown, "the close was refused");
            judgeEnd();
        }

        final void judgeEnd() throws Exception {
            assertThrows(MmException.class, space::get);
            // This checks for dead threads.
            machine.claimCpu().close();
            machine.awaitQuiescence();
            assertNoSpace();
            assertEquals(0, machine.statistics().framesInUse(), "frames in use");
            machine.close();
        }
    }

    @Test
    @DisplayName("close, beside a CPU of an ended thread")
    void afterDeath() throws Exception {
        HeapSweep.sweepWithoutNeed(AfterDeath.class);
    }

    /** Replaces a space that a dead thread's CPU uses, too. */
    static final class ExecAfterDeath extends AfterDeath {
        private final AddressSpace next = machine.newSpace(space.geometry());
        private @Nullable Cpu replaced;
        private @Nullable AddressSpace where;

        private Cpu cpu() {
            return Objects.requireNonNull(replaced);
        }

        @Override
        public void prepare() {
            replaced = machine.claimCpu();
            cpu().switchTo(space);
            super.prepare();
        }

        @Override
        public boolean call() {
            try {
                cpu().exec(next);
            } finally {
                where = cpu().space();
                cpu().handOver();
            }
            return true;
        }

        @Override
        public void judge(@Nullable Throwable thrown) throws Exception {
            assertSame(thrown == null ? next : space, where);
            cpu().claim();
            cpu().close();
            if (thrown != null) {
                space.close();
            }
            next.close();
            judgeEnd();
        }
    }

    @Test
    @DisplayName("exec, beside a CPU of an ended thread in the old space: all or nothing")
    void execAfterDeath() throws Exception {
        HeapSweep.sweep(ExecAfterDeath.class);
    }

    /** Takes a CPU online for a thread that lives on; if that fails, no CPU is online. */
    static class Claimed implements StackSweep.Scene {
        private static final int BEGUN = 1;
        private static final int CALLED = 2;
        private static final int JUDGED = 3;

        final Cpus cpus = new Cpus(LazyContext.Shootdown::new);
        final CpuOwner cpuOwner = OwnedCpu.owner();
        final WeakReference<CpuState.OwnerTlb> cpuFlush = OwnedCpu.flush(() -> {});
        private @Nullable OutOfMemoryError failure;
        private volatile int stage;

        /** Allocates nothing while the heap is full. */
        @SuppressWarnings("ThreadPriorityCheck") // with one processor the other thread needs it
        private void await(int wanted) {
            while (stage != wanted) {
                Thread.yield();
            }
        }

        void claim() {
            cpus.claim(cpuOwner, 1, cpuFlush);
        }

        private void own() {
            await(BEGUN);
            try {
                claim();
            } catch (OutOfMemoryError exhausted) {
                failure = exhausted;
            }
            stage = CALLED;
            await(JUDGED);
        }

        @Override
        public void prepare() {
            Thread owner = new Thread(this::own, "owner");
            owner.setDaemon(true);
            owner.start();
        }

        @Override
        public boolean call() {
            stage = BEGUN;
            await(CALLED);
            if (failure != null) {
                throw failure;
            }
            return true;
        }

        @Override
        public void judge(@Nullable Throwable thrown) {
            // The lowest free number determines the bit.
            long bit = OwnedCpu.claim(cpus, 2, () -> {}).bit;
            stage = JUDGED;
            assertEquals(thrown == null ? 2 : 1, bit, "the bit of the next CPU");
        }
    }

    @Test
    @DisplayName("a CPU that is taken online")
    void claimed() throws Exception {
        HeapSweep.sweep(Claimed.class);
    }

    /** Takes a CPU online with its TLB; if that fails, no CPU is online. */
    static final class ClaimedWithTlb extends Claimed {
        private final SoftTlb tlb = new SoftTlb(12, 16);
        private final Frames frames = SmallMemory.frames(12, 1);

        @Override
        void claim() {
            assertNotNull(new CpuTlb(cpus, cpuOwner, cpus, 1, tlb, frames, thrown -> {}));
        }
    }

    @Test
    @DisplayName("a CPU that is taken online with its TLB")
    void claimedWithTlb() throws Exception {
        HeapSweep.sweepLarge(ClaimedWithTlb.class);
    }

    /** A task that the embedder's executor accepted is run, even if its thread has no memory for its mark. */
    static final class Taken implements StackSweep.Scene {
        private final List<Runnable> given = new ArrayList<>();
        private final MachineTasks tasks =
                new MachineTasks(new Background(thrown -> {}), given::add, true, moved -> {});
        private boolean hasRun;

        @Override
        public void prepare() {
            tasks.execute(() -> hasRun = true);
            tasks.housekeeping.doWork();
            assertEquals(1, given.size());
        }

        @Override
        public boolean call() {
            given.get(0).run();
            return true;
        }

        @Override
        public void judge(@Nullable Throwable thrown) {
            assertNull(thrown, "the task has failed");
            assertTrue(hasRun, "the task was taken, and has not run");
            assertTrue(tasks.isQuiet(), "the task has not ended");
        }
    }

    @Test
    @DisplayName("a task that an executor has taken")
    void taken() throws Exception {
        HeapSweep.sweepWithoutNeed(Taken.class);
    }

    /** A gate that opens once the caller waits at the gate, or for the memory that this wait needs. */
    static final class Waiting extends StackSweepTest.Scene {
        private static final WaitReporter NEVER = new WaitReporter() {
            @Override
            public long reportAfterNanos() {
                return Long.MAX_VALUE;
            }

            @Override
            public void waitsLong(Object blocker, Thread waiter, long nanos) {
                throw new AssertionError("reported");
            }
        };

        private final Gate gate = new Gate();
        private volatile @Nullable Thread caller;

        /** Allocates nothing while the heap is full. */
        @SuppressWarnings("ThreadPriorityCheck") // with one processor the other thread needs it
        private final Thread opener = new Thread(
                () -> {
                    while (caller == null || caller.getState() == Thread.State.RUNNABLE) {
                        Thread.yield();
                    }
                    Gate.wake(gate.open());
                },
                "opener");

        Waiting() {
            opener.setDaemon(true);
            opener.start();
        }

        @Override
        public boolean call() {
            caller = Thread.currentThread();
            gate.awaitUninterruptibly(NEVER);
            return true;
        }

        @Override
        public void judge(@Nullable Throwable thrown) throws Exception {
            opener.join();
            assertNull(thrown, "the wait has ended for want of memory");
            super.judge(null);
        }
    }

    @Test
    @DisplayName("a wait at a gate")
    void waiting() throws Exception {
        HeapSweep.sweepWithoutNeed(Waiting.class);
    }

    /** Creates a view of a page of the space. */
    abstract static class Viewed extends StackSweepTest.Scene {
        final MachineMemory memory = layoutOf(space).memory();

        @Nullable
        PageView view;

        /** Makes the CPU that the call borrows. */
        @Override
        public void prepare() {
            view();
            Objects.requireNonNull(view).close();
            view = null;
        }

        final void view() {
            view = space.view(A, 8);
        }

        @Override
        public void judge(@Nullable Throwable thrown) throws Exception {
            PageView made = view;
            if (made != null) {
                assertFalse(made.isCopy());
                assertEquals(0xdead, made.buffer().getLong(0));
                made.close();
            }
            assertEquals(0, memory.frames.pins(), "pins");
            assertEquals("0 pages in views, at most " + memory.frames.most() / 8, memory.views.toString());
            super.judge(thrown);
        }
    }

    /** The caller gets a view, or an Error, and then no page is pinned. */
    static final class Viewing extends Viewed {
        @Override
        public boolean call() {
            view();
            return true;
        }
    }

    @Test
    @DisplayName("a view of a page: all or nothing")
    void viewing() throws Exception {
        HeapSweep.sweep(Viewing.class);
    }

    /** Closes a view of a page that was removed, so the close frees the frame. */
    static final class ViewClosing extends Viewed {
        @Override
        public void prepare() {
            super.prepare();
            view();
            assertEquals(0, space.munmap(A, LENGTH));
        }

        @Override
        public boolean call() {
            PageView made = Objects.requireNonNull(view);
            view = null;
            made.close();
            return true;
        }

        @Override
        public void judge(@Nullable Throwable thrown) throws Exception {
            assertNull(thrown, "the close was refused");
            super.judge(null);
        }
    }

    @Test
    @DisplayName("the close of a view")
    void viewClosing() throws Exception {
        HeapSweep.sweepWithoutNeed(ViewClosing.class);
    }

    /** Drops a view of a page that was removed, and releases it while the heap is full. */
    static final class ViewCollected extends Viewed {
        @Override
        public void prepare() {
            super.prepare();
            view();
            view = null;
            assertEquals(0, space.munmap(A, LENGTH));
        }

        /** Allocates nothing while the heap is full. */
        @Override
        @SuppressWarnings("ThreadPriorityCheck") // with one processor the thread of the references needs it
        public boolean call() {
            while (memory.views.releaseUnreachable() == 0) {
                System.gc();
                Thread.yield();
            }
            return true;
        }

        @Override
        public void judge(@Nullable Throwable thrown) throws Exception {
            assertNull(thrown, "the release was refused");
            super.judge(null);
        }
    }

    @Test
    @DisplayName("the release of a view that was collected")
    void viewCollected() throws Exception {
        HeapSweep.sweepWithoutNeed(ViewCollected.class);
    }
}
