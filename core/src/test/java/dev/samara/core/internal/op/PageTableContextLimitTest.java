// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.backing.CachedBacking;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Awake;
import dev.samara.core.fixture.CountingBacking;
import dev.samara.core.fixture.HeldOperations;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.SharedSegment;
import dev.samara.core.vma.Vma;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Each call that works on pages acquires its context before it changes anything, and keeps the context until it is
 * done.
 */
@ExtendWith(OneThread.class)
@DisplayName("I10: where contexts are as many as there may be")
final class PageTableContextLimitTest {
    private static final long PAGE = SpaceFixture.PAGE;
    private static final int FIXED = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;
    private static final int PAGES = 400;

    /** Enough VMAs for six batches of a call, or for three where each VMA merges with the next one. */
    private static final int MIXED = 400;

    private static final int RW = Mman.READ | Mman.WRITE;
    private static final long AT = 0x10_0000_0000L;

    private final SpaceFixture fixture = new SpaceFixture(
            Machine.builder().memory(1 << 20).commitLimit(2 * PAGES * PAGE),
            machine -> MachineInternals.withContexts(machine, 8));
    private final MachineMemory memory =
            MachineInternals.layoutOf(fixture.space).memory();
    private final List<PageTableContext> taken = new ArrayList<>();

    private void takeAll() {
        for (PageTableContext context = memory.contexts.borrowOrNull();
                context != null;
                context = memory.contexts.borrowOrNull()) {
            taken.add(context);
        }
    }

    private void giveOneBack() {
        memory.contexts.giveBack(taken.remove(0));
    }

    private void giveBackAll() {
        taken.forEach(memory.contexts::giveBack);
        taken.clear();
    }

    private static <T> T begun(String what, Callable<T> call, SpaceFixture fixture) {
        FutureTask<T> task = new FutureTask<>(call);
        Thread thread = new Thread(task, what);
        thread.setDaemon(true);
        thread.start();
        return Await.result(what, task, fixture.reports);
    }

    private @Nullable Errno forkRefused() {
        return begun(
                "fork",
                () -> {
                    try {
                        fixture.space.fork().close();
                        return null;
                    } catch (MmException refused) {
                        return refused.errno();
                    }
                },
                fixture);
    }

    @Test
    @DisplayName("a fork is refused with EAGAIN, and nothing has changed; one context is enough")
    void fork() {
        long at = fixture.anonymous(4);
        fixture.store(at, 0x5ec2e7);
        long pte = fixture.pte(at);
        long committed = fixture.machine.committed();
        takeAll();
        assertEquals(Errno.EAGAIN, forkRefused());
        assertEquals(Pte.toString(pte), Pte.toString(fixture.pte(at)), "the parent's entry");
        assertEquals(committed, fixture.machine.committed());
        assertEquals(1, fixture.frames());
        giveOneBack();
        AddressSpace child = begun("fork", fixture.space::fork, fixture);
        giveBackAll();
        child.close();
        fixture.store(at, 1);
        fixture.space.validate();
        fixture.closeEmpty();
        assertEquals(List.of(), fixture.reports);
    }

    @Test
    @DisplayName("a fork that fails once it has copied gives everything back with the one context that there is")
    void forkFails() {
        // The child's charge would exceed the commit limit.
        long at = fixture.anonymous(PAGES + 1);
        fixture.store(at, 1);
        takeAll();
        giveOneBack();
        assertEquals(Errno.ENOMEM, forkRefused());
        assertEquals(1, fixture.frames());
        giveBackAll();
        fixture.store(at, 2);
        fixture.closeEmpty();
        assertEquals(List.of(), fixture.reports);
    }

    @Test
    @DisplayName("a call in batches that retires nothing needs none")
    void partsWithoutRetirement() {
        long at = mixed(Mman.NONE, Mman.NONE);
        takeAll();
        assertEquals(0, begun("mprotect", () -> fixture.space.mprotect(at, MIXED * PAGE, RW), fixture));
        giveBackAll();
        assertEquals(1, fixture.space.usage().maps());
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("a call whose first batches retire nothing is not refused half-way: it ends once there is one")
    void laterBatch() {
        long at = mixed(Mman.NONE, RW);
        takeAll();
        FutureTask<Long> call = new FutureTask<>(() -> fixture.space.mprotect(at, MIXED * PAGE, Mman.READ));
        Thread thread = new Thread(call, "mprotect");
        thread.setDaemon(true);
        thread.start();
        Await.stopped(thread, fixture.reports);
        assertFalse(call.isDone());
        giveOneBack();
        assertEquals(0, Await.result("mprotect", call, fixture.reports));
        giveBackAll();
        assertEquals(1, fixture.space.usage().maps());
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("an operation that asks a backing has given its own back: the backing may need it")
    void asked() {
        List<Boolean> idle = new ArrayList<>();
        CountingBacking asks = new CountingBacking("/asks", 1) {
            @Override
            protected @Nullable Errno askedForOpen(Vma vma) {
                PageTableContext context = memory.contexts.borrowIdle();
                idle.add(context != null);
                if (context != null) {
                    memory.contexts.giveBack(context);
                }
                return null;
            }
        };
        long at = fixture.anonymous(1);
        takeAll();
        giveOneBack();
        int flags = Mman.SHARED | Mman.FIXED;
        assertEquals(at, begun("mmap", () -> fixture.space.mmap(at, PAGE, Mman.READ, flags, asks, 0), fixture));
        assertEquals(List.of(true), idle);
        giveBackAll();
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("an operation that waits for a range in flight has given its own back")
    void waiting() throws Exception {
        HeldOperations holding = new HeldOperations(Machine.builder().memory(1 << 20));
        AddressSpace space = holding.machine().newSpace(SpaceFixture.GEOMETRY);
        PageCache cache = holding.machine().newPageCache(SpaceFixture.GEOMETRY, 2 * PAGE);
        SharedSegment segment = new SharedSegment(3, 0x4711, 2 * PAGE, cache);
        long at = space.shmat(segment, 0, 0);
        HeldOperations.Hold narrowing = holding.hold(() -> space.mprotect(at + PAGE, PAGE, Mman.READ));
        // Unmaps the first piece, which needs a context, before it finds the second one in flight.
        HeldOperations.Caller<Long> detach = HeldOperations.waits(() -> space.shmdt(at));
        PageTableContext idle =
                MachineInternals.layoutOf(space).memory().contexts.borrowIdle();
        assertNotNull(idle);
        MachineInternals.layoutOf(space).memory().contexts.giveBack(idle);
        narrowing.endWith(0);
        assertEquals(0, detach.result());
        assertEquals(0, space.usage().maps());
        segment.remove();
        space.close();
        holding.machine().close();
    }

    /** Maps VMAs of one page. Every second one is readable; the others in each half have the given rights. */
    private long mixed(int first, int second) {
        long at = fixture.anonymous(MIXED);
        for (int i = 0; i < MIXED; i += 2) {
            assertEquals(0, fixture.space.mprotect(at + i * PAGE, PAGE, i < MIXED / 2 ? first : second));
            assertEquals(0, fixture.space.mprotect(at + (i + 1) * PAGE, PAGE, Mman.READ));
        }
        assertEquals(MIXED, fixture.space.usage().maps());
        return at;
    }

    /** An advice that works on pages. */
    enum Action {
        DISCARD(Mman.DONTNEED),
        GUARD(Mman.GUARD_INSTALL),
        PUNCH(Mman.REMOVE);

        private final int advice;

        Action(int advice) {
            this.advice = advice;
        }
    }

    /** Maps page by page, so that no two mappings are merged. */
    private void mapSingly(IntFunction<MemoryFile> file) {
        for (int i = 0; i < PAGES; i++) {
            long at = AT + i * PAGE;
            MemoryFile of = file.apply(i);
            assertEquals(
                    at,
                    of == null
                            ? fixture.space.mmap(
                                    at,
                                    PAGE,
                                    i % 2 == 0 ? SpaceFixture.RW : SpaceFixture.RW | SpaceFixture.EXEC,
                                    FIXED,
                                    null,
                                    0)
                            : fixture.space.mmap(at, PAGE, SpaceFixture.RW, Mman.SHARED | Mman.FIXED, of.open(), 0));
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("an advice keeps the context that it was published with until its last page")
    void advice(Action action) {
        MemoryFile file = fixture.file(1);
        mapSingly(i -> action == Action.PUNCH ? file : null);
        for (int i = 0; i < PAGES; i += 50) {
            fixture.store(AT + i * PAGE, i + 1);
        }
        takeAll();
        assertEquals(Errno.EAGAIN.result(), fixture.space.madvise(AT, PAGES * PAGE, action.advice));
        assertEquals(action == Action.PUNCH ? 351 : 51, fixture.load(AT + 50 * PAGE));
        PageTableContext last = taken.remove(0);
        AtomicBoolean isInFlight = new AtomicBoolean();
        fixture.space.addNotifier((start, end, reason) -> isInFlight.set(true));
        // Borrows the context as soon as it is returned.
        FutureTask<PageTableContext> taking = new FutureTask<>(() -> {
            Await.until("the advice is in flight", isInFlight::get, fixture.reports);
            PageTableContext next = memory.contexts.borrowIdle();
            while (next == null) {
                Awake.turn();
                next = memory.contexts.borrowIdle();
            }
            return next;
        });
        Thread taker = new Thread(taking, "taker");
        taker.setDaemon(true);
        taker.start();
        memory.contexts.giveBack(last);
        assertEquals(0, begun("madvise", () -> fixture.space.madvise(AT, PAGES * PAGE, action.advice), fixture));
        memory.contexts.giveBack(Await.result("the context", taking, fixture.reports));
        giveBackAll();
        assertEquals(List.of(), fixture.reports);
        assertEquals(action == Action.PUNCH ? 0 : 1, fixture.frames(), "frames besides that of the file");
        SpaceFixture.assertFault(
                action == Action.GUARD ? Fault.MAPERR : Fault.NONE, fixture.memory.load(AT + 50 * PAGE, 8));
        file.close();
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("a call that removes pages from a file is refused, and nothing has changed; memory is not reclaimed")
    void files() {
        PageCache cache = fixture.machine.newPageCache(SpaceFixture.GEOMETRY, 4 * PAGE);
        CachedBacking file = new CachedBacking("/file", cache) {
            @Override
            protected boolean read(long page, int frame, FrameStore store) {
                store.put(frame, 0, 8, page + 1);
                return true;
            }
        };
        long at = fixture.map(0, 4, SpaceFixture.READ, Mman.SHARED, file, 0);
        for (int i = 0; i < 4; i++) {
            assertEquals(i + 1, fixture.load(at + i * PAGE));
        }
        takeAll();
        List<Runnable> refused = List.of(() -> cache.remove(0, 4), () -> cache.truncate(PAGE + 1), cache::close);
        for (Runnable call : refused) {
            String message = String.valueOf(
                    assertThrows(IllegalStateException.class, call::run).getMessage());
            assertTrue(message.contains("contexts"), message);
            assertEquals(4 * PAGE, cache.size());
            assertEquals(4, fixture.mapped(at, 4));
            for (int i = 0; i < 4; i++) {
                assertTrue(cache.frameAt(i) >= 0);
                assertEquals(i + 1, fixture.load(at + i * PAGE));
            }
        }
        cache.truncate(5 * PAGE);
        giveBackAll();
        assertEquals(0, fixture.space.munmap(at, 4 * PAGE));
        long anonymous = fixture.anonymous(PAGES);
        takeAll();
        int stored = 0;
        while (stored < PAGES && fixture.memory.store(anonymous + stored * PAGE, 8, 1) == Fault.NONE) {
            stored++;
        }
        SpaceFixture.assertFault(Fault.OUT_OF_MEMORY, fixture.memory.store(anonymous + stored * PAGE, 8, 1));
        assertTrue(cache.frameAt(0) >= 0 && cache.frameAt(3) >= 0, "pages were reclaimed");
        giveBackAll();
        fixture.store(anonymous + stored * PAGE, 1);
        cache.close();
        fixture.closeEmpty();
        assertEquals(List.of(), fixture.reports);
    }

    @Test
    @DisplayName("pages are not faulted in, which is no error of mmap, and that of a lack of memory elsewhere")
    void populate() {
        long at = fixture.anonymous(2);
        fixture.space.mmap(AT, PAGE, SpaceFixture.RW, FIXED, null, 0);
        takeAll();
        long mapped = fixture.space.mmap(0, PAGE, SpaceFixture.RW, SpaceFixture.ANONYMOUS | Mman.POPULATE, null, 0);
        assertNotNull(fixture.space.find(mapped));
        assertEquals(0, fixture.mapped(mapped, 1));
        SpaceFixture.assertResult(Errno.ENOMEM, fixture.space.madvise(at, PAGE, Mman.POPULATE_WRITE));
        giveBackAll();
        assertEquals(0, fixture.space.madvise(at, PAGE, Mman.POPULATE_WRITE));
        fixture.closeEmpty();
        assertEquals(List.of(), fixture.reports);
    }
}
