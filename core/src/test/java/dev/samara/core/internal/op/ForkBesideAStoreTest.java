// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.Await;
import dev.samara.core.internal.page.HookedFrames;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.Geometry;
import java.util.Objects;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** A store that found its page writable but is not performed yet, concurrent with forks. */
class ForkBesideAStoreTest {
    private final ConcurrentLinkedQueue<Report> reports = new ConcurrentLinkedQueue<>();
    private final AtomicReference<@Nullable HookedFrames> store = new AtomicReference<>();
    private final Machine machine = Machine.builder()
            .memory(1 << 20)
            .frameStore((shift, count) -> {
                HookedFrames made = new HookedFrames(shift, count);
                store.set(made);
                return made;
            })
            .reportShootdownsLongerThan(Await.LONG)
            .reportGracePeriodsLongerThan(Await.LONG)
            .reportTo(reports::add)
            .build();
    private final AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
    private final long page = space.mmap(
            0,
            Geometry.LINUX_X86_64.pageSize(),
            Protection.READ | Protection.WRITE,
            MapFlags.PRIVATE | MapFlags.ANONYMOUS,
            null,
            0);

    private int store(long number) {
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            return cpu.memory().store(page, 8, number);
        }
    }

    private static long load(Cpu cpu, long address) {
        assertEquals(Fault.NONE, cpu.memory().load(address, 8));
        return cpu.memory().value();
    }

    /** What a child reads right after its fork, and what it reads once the store is over. */
    private record Seen(long first, long later) {}

    private final FutureTask<Integer> storing = new FutureTask<>(() -> store(2));

    private Seen fork(HookedFrames.Hold hold) throws Exception {
        try (AddressSpace child = space.fork();
                Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(child);
            long first = load(cpu, page);
            hold.released.countDown();
            storing.get();
            Seen seen = new Seen(first, load(cpu, page));
            cpu.switchTo(null);
            return seen;
        }
    }

    private static Thread start(Runnable task, String name) {
        Thread thread = new Thread(task, name);
        thread.setDaemon(true);
        thread.start();
        return thread;
    }

    @Test
    @DisplayName("a fork that finds a page read-only by another fork, which still waits for a store, waits for it too")
    void secondForkWaits() throws Exception {
        assertEquals(Fault.NONE, store(1));
        HookedFrames.Hold hold = Objects.requireNonNull(store.get()).holdNextStore();
        start(storing, "storing");
        hold.reached.await();
        FutureTask<Seen> one = new FutureTask<>(() -> fork(hold));
        Await.stopped(start(one, "the first fork"), reports);
        FutureTask<Seen> two = new FutureTask<>(() -> fork(hold));
        Await.stopped(start(two, "the second fork"), reports);
        hold.released.countDown();
        assertEquals(Fault.NONE, storing.get());
        // The store was in progress before either fork, and each fork waited for it.
        assertEquals(new Seen(2, 2), one.get(), "the first child's page");
        assertEquals(new Seen(2, 2), two.get(), "the second child's page");
        space.close();
        machine.awaitQuiescence();
        assertEquals(0, machine.statistics().framesInUse());
    }
}
