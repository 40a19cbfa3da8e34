// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static dev.samara.core.fixture.HeldOperations.atOnce;
import static dev.samara.core.fixture.HeldOperations.waits;
import static dev.samara.core.internal.op.RetiringCall.ANONYMOUS;
import static dev.samara.core.internal.op.RetiringCall.FIXED;
import static dev.samara.core.internal.op.RetiringCall.LINUX;
import static dev.samara.core.internal.op.RetiringCall.MOVE;
import static dev.samara.core.internal.op.RetiringCall.PAGE;
import static dev.samara.core.internal.op.RetiringCall.RW;
import static dev.samara.core.internal.op.RetiringCall.map;
import static dev.samara.core.internal.op.RetiringCall.page;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.fixture.HeldOperations;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.PendingCall;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Asynchronous operations return after publication; a thread of the machine does the rest")
final class AsynchronousTest {
    private static final int MOVE_TO = MOVE | Mman.MREMAP_FIXED;

    private final HeldOperations holding = new HeldOperations();
    private final AddressSpace space = holding.machine().newSpace(LINUX);

    @BeforeEach
    void pages() {
        map(space, 0, 32, RW);
    }

    private static void assertOfMachine(Thread thread) {
        assertTrue(thread.getName().startsWith("samara-"), thread::getName);
        assertNotEquals(Thread.currentThread(), thread);
    }

    @Test
    @DisplayName("munmapAsync: lookups find nothing at once, placement avoids the hole until the future is complete")
    void munmap() throws Exception {
        HeldOperations.Hold hold = holding.holdNext();
        PendingCall future = space.munmapAsync(page(8), 8 * PAGE);
        hold.untilEntered();
        assertEquals(0, future.result());
        CompletableFuture<Thread> completer = future.thenApply(result -> Thread.currentThread());
        assertOfMachine(hold.retirer());
        assertFalse(future.isDone());
        assertNull(space.find(page(8)));
        assertEquals(Fault.MAPERR, atOnce(() -> space.resolve(page(8), RW)));
        assertNotEquals(page(8), atOnce(() -> space.mmap(page(8), PAGE, RW, ANONYMOUS, null, 0)));
        HeldOperations.Caller<Long> named = waits(() -> space.mmap(page(8), PAGE, RW, FIXED, null, 0));
        hold.letGo();
        // A thread that waits for the future directly may run its dependents.
        assertOfMachine(completer.get());
        assertEquals(0, future.get());
        assertEquals(page(8), named.result());
        holding.machine().awaitQuiescence();
        assertEquals(page(9), space.mmap(page(9), PAGE, RW, ANONYMOUS, null, 0));
        space.validate();
    }

    @Test
    @DisplayName("mmapAsync: over something, lookups find the new mapping at once and faults wait")
    void mmap() throws Exception {
        HeldOperations.Hold hold = holding.holdNext();
        PendingCall future = space.mmapAsync(page(8), 8 * PAGE, Mman.READ, FIXED, null, 0);
        hold.untilEntered();
        assertEquals(page(8), future.result());
        assertFalse(future.isDone());
        HeldOperations.Caller<Integer> fault = waits(() -> space.resolve(page(8), Mman.READ));
        hold.letGo();
        assertEquals(page(8), future.get());
        assertEquals(Fault.NONE, fault.result());
        assertEquals(Fault.ACCERR, space.resolve(page(8), RW));
        space.validate();
    }

    @Test
    @DisplayName("mremapAsync: lookups find it at the new place at once and faults wait there")
    void mremap() throws Exception {
        HeldOperations.Hold hold = holding.holdNext();
        PendingCall future = space.mremapAsync(page(8), 8 * PAGE, 8 * PAGE, MOVE_TO, page(64));
        hold.untilEntered();
        assertEquals(page(64), future.result());
        assertFalse(future.isDone());
        assertNull(space.find(page(8)));
        HeldOperations.Caller<Integer> fault = waits(() -> space.resolve(page(64), RW));
        hold.letGo();
        assertEquals(page(64), future.get());
        assertEquals(Fault.NONE, fault.result());
        space.validate();
    }

    @Test
    @DisplayName("an operation that retires nothing is complete when its call returns, and so is an error")
    void atTheCall() throws Exception {
        assertEquals(0, space.munmapAsync(page(100), PAGE).getNow(1L));
        assertEquals(
                page(40), space.mmapAsync(page(40), PAGE, RW, FIXED, null, 0).getNow(1L));
        assertEquals(page(40), space.mremapAsync(page(40), PAGE, 2 * PAGE, 0, 0).getNow(1L));
        assertEquals(Errno.EINVAL.result(), space.munmapAsync(page(0) + 1, PAGE).getNow(1L));
        assertEquals(
                Errno.EEXIST.result(),
                space.mmapAsync(page(0), PAGE, RW, ANONYMOUS | Mman.FIXED_NOREPLACE, null, 0)
                        .getNow(1L));
        assertEquals(
                Errno.EFAULT.result(),
                space.mremapAsync(page(90), PAGE, 2 * PAGE, 0, 0).getNow(1L));
        holding.machine().awaitQuiescence();
    }

    @Test
    @DisplayName("the call itself waits for a range in flight, and an interrupt ends that with EINTR")
    void waitsBeforePublication() throws Exception {
        HeldOperations.Hold hold = holding.hold(() -> space.munmap(page(8), PAGE));
        HeldOperations.Caller<CompletableFuture<Long>> caller = waits(() -> space.munmapAsync(page(4), 8 * PAGE));
        Thread.currentThread().interrupt();
        assertEquals(
                Errno.EINTR.result(),
                space.mmapAsync(page(8), PAGE, RW, FIXED, null, 0).getNow(1L));
        assertTrue(Thread.interrupted(), "the flag is kept");
        hold.endWith(0);
        assertEquals(0, caller.result().get());
        assertNull(space.find(page(4)));
        space.validate();
    }

    @Test
    @DisplayName("an interrupt of the caller does not reach the thread of the machine")
    void interruptOfTheCaller() throws Exception {
        HeldOperations.Hold hold = holding.holdNext();
        Thread.currentThread().interrupt();
        CompletableFuture<Long> future = space.munmapAsync(page(8), PAGE);
        assertTrue(Thread.interrupted(), "the flag is kept");
        hold.untilEntered();
        assertFalse(hold.retirer().isInterrupted());
        hold.letGo();
        assertEquals(0, future.get());
    }

    @Test
    @DisplayName("many may be pending, and complete in any order; a quiet machine has completed them all")
    void many() throws Exception {
        int count = 16;
        List<HeldOperations.Hold> holds = new ArrayList<>();
        List<CompletableFuture<Long>> futures = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            holds.add(holding.holdNext());
            futures.add(space.munmapAsync(page(2L * i), PAGE));
            holds.get(i).untilEntered();
        }
        for (int i = 0; i < count; i++) {
            int next = i * 5 % count;
            assertFalse(futures.get(next).isDone());
            holds.get(next).letGo();
            assertEquals(0, futures.get(next).get());
            assertEquals(page(2L * next), space.mmap(page(2L * next), PAGE, RW, ANONYMOUS, null, 0));
            space.validate();
        }
        for (int i = 0; i < count; i++) {
            futures.set(i, space.munmapAsync(page(2L * i), PAGE));
        }
        holding.machine().awaitQuiescence();
        assertTrue(futures.stream().allMatch(CompletableFuture::isDone));
        space.validate();
    }

    @Test
    @DisplayName("an exception of the retirement is reported, and the future still completes with the result")
    void throwing() throws Exception {
        holding.duringNext(() -> {
            throw new IllegalStateException("on purpose");
        });
        assertEquals(0, space.munmapAsync(page(8), PAGE).get());
        assertEquals(1, holding.reports.size());
        assertEquals(page(8), space.mmap(page(8), PAGE, RW, ANONYMOUS, null, 0));
    }

    @Test
    @DisplayName("a call by a listener of a completed future does not count as a call by the retirement")
    void listenersMayCall() throws Exception {
        AtomicReference<@Nullable Long> answer = new AtomicReference<>();
        HeldOperations.Hold hold = holding.holdNext();
        CompletableFuture<Long> future = space.munmapAsync(page(8), PAGE);
        CompletableFuture<Void> after =
                future.thenAccept(result -> answer.set(space.mmap(page(8), PAGE, RW, FIXED, null, 0)));
        hold.letGo();
        after.get();
        assertEquals(page(8), answer.get());
    }

    @Test
    @DisplayName("close waits for pending operations")
    void close() throws Exception {
        HeldOperations.Hold hold = holding.holdNext();
        CompletableFuture<Long> future = space.munmapAsync(page(8), PAGE);
        hold.untilEntered();
        HeldOperations.Caller<Long> closing = waits(() -> RangeCall.CLOSE.run(space, 0, 1));
        hold.letGo();
        assertEquals(0, closing.result());
        assertEquals(0, future.get());
        assertEquals(0, space.usage().total());
        space.validate();
    }
}
