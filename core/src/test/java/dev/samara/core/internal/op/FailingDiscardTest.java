// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.event.Report;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Latches;
import dev.samara.core.internal.cpu.CpuOwner;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.cpu.LazyContext;
import dev.samara.core.internal.cpu.Shootdowns;
import dev.samara.core.internal.fault.Faulter;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.memory.SmallMemory;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.syscall.Fork;
import dev.samara.core.internal.syscall.Madvise;
import dev.samara.core.internal.syscall.Mmap;
import dev.samara.core.internal.syscall.Mmap.Munmap;
import dev.samara.core.internal.syscall.Syscall;
import dev.samara.core.internal.tlb.CpuTlb;
import dev.samara.core.internal.tlb.SoftTlb;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The flush of a discard, or of a fork, fails repeatedly while a CPU in GUEST does not acknowledge. */
final class FailingDiscardTest {
    private static final long PAGE = Layouts.GEOMETRY.pageSize();
    private static final int MOST_CONTEXTS = 8;

    private final List<Report> reports = new CopyOnWriteArrayList<>();
    private final AtomicInteger failedFlushes = new AtomicInteger();
    private final Cpus cpus = new Cpus(LazyContext.Shootdown::new);
    private final Shootdowns shootdowns = SmallMemory.shootdowns(cpus, 0, message -> {
        failedFlushes.getAndIncrement();
        throw new IllegalStateException(message);
    });
    private final MachineMemory memory = SmallMemory.leaveContexts(
            new MachineMemory(
                    SmallMemory.frames(Layouts.GEOMETRY.pageShift(), 16),
                    SmallMemory.rcu(),
                    shootdowns,
                    1,
                    MachineMemory.UNCHECKED,
                    null,
                    SmallMemory.unlimited()),
            MOST_CONTEXTS);
    private final CountDownLatch goOn = new CountDownLatch(1);
    private final Layout layout = Layouts.layout(Layouts.host(memory, reports));

    private static <T> FutureTask<T> begun(String name, Callable<T> call) {
        FutureTask<T> task = new FutureTask<>(call);
        Thread thread = new Thread(task, name);
        thread.setDaemon(true);
        thread.start();
        return task;
    }

    /** Makes another thread's CPU access a page and stay in GUEST until {@link #goOn}. */
    private FutureTask<Long> guestAt(long at) {
        CountDownLatch in = new CountDownLatch(1);
        FutureTask<Long> guest = begun("guest", () -> {
            CpuTlb cpu = new CpuTlb(
                    cpus,
                    new CpuOwner(cpus, message -> {}),
                    cpus,
                    1,
                    new SoftTlb(Layouts.GEOMETRY.pageShift(), 16),
                    memory.frames,
                    thrown -> {});
            cpu.switchTo(layout.pages());
            cpu.enterGuest();
            long found = cpu.walk(at, Pte.READ);
            in.countDown();
            Latches.await(goOn);
            cpu.leaveGuest();
            cpu.switchTo(null);
            cpu.close();
            return found;
        });
        Latches.await(in);
        return guest;
    }

    @Test
    @DisplayName(
            "I8: a fork that cannot flush leaves neither a frame with the child nor a leaf of the parent that cannot"
                    + " go")
    void fork() {
        long at = Syscall.run(
                layout, Mmap.of(layout, 0, PAGE, Mman.READ | Mman.WRITE, Mman.PRIVATE | Mman.ANONYMOUS, null, 0));
        PageTableContext context = memory.contexts.newContext("the test's");
        assertEquals(Fault.NONE, new Faulter(layout, context).fault(at, Mman.WRITE));
        int tables = layout.pages().tables();
        FutureTask<Long> guest = guestAt(at);
        FutureTask<Boolean> forking = begun("forking", () -> {
            assertThrows(IllegalStateException.class, () -> Fork.fork(layout));
            return true;
        });
        assertTrue(Await.result("the fork", forking, reports));
        goOn.countDown();
        assertTrue(Await.result("the guest", guest, reports) >= 0);
        int frame = Pte.frame(layout.pages().get(at));
        Await.until("the child's share of the frame is given back", () -> memory.frames.isSole(frame), reports);
        assertEquals(tables, layout.pages().tables());
        assertEquals(0, Syscall.run(layout, new Munmap(at, PAGE)));
        Await.until("the leaf is unhooked", () -> layout.pages().tables() == 0, reports);
        assertEquals(0, memory.frames.inUse());
        assertEquals(List.of(), reports);
        memory.contexts.discard(context);
        layout.lifetime.put();
    }

    @ParameterizedTest
    @ValueSource(ints = {Mman.DONTNEED, Mman.GUARD_INSTALL})
    @DisplayName(
            "I3: the operation keeps its context, whose number the entry has, and ends with it when the CPU goes on")
    void keepsItsContext(int advice) {
        long at = Syscall.run(
                layout, Mmap.of(layout, 0, PAGE, Mman.READ | Mman.WRITE, Mman.PRIVATE | Mman.ANONYMOUS, null, 0));
        PageTableContext context = memory.contexts.newContext("the test's");
        assertEquals(Fault.NONE, new Faulter(layout, context).fault(at, Mman.WRITE));
        FutureTask<Long> guest = guestAt(at);
        FutureTask<Long> advising = begun("advising", () -> Madvise.madvise(layout, at, PAGE, advice));
        Await.until("the retirement has failed", () -> !reports.isEmpty(), reports);
        long mark = layout.pages().get(at);
        assertTrue(Pte.isBusy(mark), () -> Pte.toString(mark));
        List<PageTableContext> others = new ArrayList<>();
        int before = failedFlushes.get();
        // The operation keeps its context even between the attempts to complete it, each of which needs the context.
        Await.until(
                "more attempts have failed and no context is left, or its context is borrowed",
                () -> {
                    PageTableContext other = memory.contexts.borrowOrNull();
                    if (other != null) {
                        others.add(other);
                    }
                    boolean isNoneLeft = other == null && failedFlushes.get() >= before + 3;
                    return isNoneLeft || others.size() > MOST_CONTEXTS - 2;
                },
                reports);
        assertTrue(others.stream().noneMatch(other -> other.owner == Pte.owner(mark)), "its number is in use");
        assertEquals(MOST_CONTEXTS - 2, others.size(), "contexts besides the test's and the operation's");
        goOn.countDown();
        assertEquals(0, Await.result("madvise", advising, reports));
        assertTrue(Await.result("the guest", guest, reports) >= 0);
        assertEquals(
                advice == Mman.DONTNEED ? Pte.NONE : Pte.GUARD, layout.pages().get(at));
        assertEquals(0, memory.frames.inUse());
        assertEquals(
                List.of(Report.Kind.RETIREMENT_FAILED),
                reports.stream().map(Report::kind).toList());
        others.forEach(memory.contexts::giveBack);
        memory.contexts.discard(context);
        layout.lifetime.put();
    }
}
