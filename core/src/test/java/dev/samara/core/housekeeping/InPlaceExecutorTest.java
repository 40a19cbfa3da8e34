// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.housekeeping;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.event.MmuNotifier;
import dev.samara.core.event.Registration;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.CountingBacking;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.PendingCall;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A deadlock shows as a timeout, which fails the test. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@DisplayName("an executor that runs callbacks at once, and callbacks that wait")
final class InPlaceExecutorTest {
    private static final Geometry LINUX = Geometry.LINUX_X86_64;
    private static final long PAGE = LINUX.pageSize();
    private static final int RW = Mman.READ | Mman.WRITE;

    private final MachineBuilder builder = Machine.builder().memory(1 << 22).executor(Runnable::run);

    private static long map(AddressSpace space, int flags) {
        long at = space.mmap(0, PAGE, RW, Mman.PRIVATE | Mman.ANONYMOUS | flags, null, 0);
        assertTrue(at > 0);
        return at;
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @DisplayName("a callback waits for another operation, and for an asynchronous call")
    void callbackWaits(boolean isInvoked) throws InterruptedException {
        Machine machine = builder.invokedHousekeeping(isInvoked).build();
        AddressSpace space = machine.newSpace(LINUX);
        long one = map(space, Mman.POPULATE);
        long two = map(space, Mman.POPULATE);
        CompletableFuture<Long> nested = space.munmapAsync(one, PAGE).thenApply(result -> {
            PendingCall other = space.munmapAsync(two, PAGE);
            // Waits for the range in flight.
            return space.munmap(two, PAGE) + other.join();
        });
        machine.awaitQuiescence();
        assertEquals(0, nested.join());
        space.close();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @DisplayName("the close of a backing waits for calls that wait for grace periods, at the bound")
    void closeWaits(boolean isInvoked) throws InterruptedException {
        Machine machine = builder.invokedHousekeeping(isInvoked)
                .boundGracePeriods(1, false)
                .build();
        AddressSpace space = machine.newSpace(LINUX);
        List<Long> results = new ArrayList<>();
        long spare = map(space, Mman.POPULATE);
        CountingBacking backing = new CountingBacking("b", 1) {
            @Override
            public void close(Vma vma) {
                super.close(vma);
                results.add(space.munmapAsync(spare, PAGE).join());
            }
        };
        long at = space.mmap(0, PAGE, RW, Mman.PRIVATE, backing, 0);
        assertEquals(0, space.munmapAsync(at, PAGE).result());
        machine.awaitQuiescence();
        assertEquals(List.of(0L), results);
        space.close();
    }

    @Test
    @DisplayName("a call that waits for room runs callbacks, as what it waits for may need them")
    void waitForRoomRunsCallbacks() throws Exception {
        Machine machine =
                builder.invokedHousekeeping(true).boundGracePeriods(1, false).build();
        AddressSpace space = machine.newSpace(LINUX);
        long used = map(space, Mman.POPULATE);
        CountDownLatch isUsed = new CountDownLatch(1);
        CountDownLatch isClosed = new CountDownLatch(1);
        long at = space.mmap(
                0,
                PAGE,
                RW,
                Mman.PRIVATE,
                new CountingBacking("b", 1) {
                    @Override
                    protected void toldOfClose(Vma vma) {
                        isClosed.countDown();
                    }
                },
                0);
        assertEquals(0, space.munmap(at, PAGE));
        FutureTask<Integer> guest = new FutureTask<>(() -> {
            try (Cpu cpu = machine.claimCpu()) {
                cpu.switchTo(space);
                cpu.enterGuest();
                int fault = cpu.memory().load(used, 8);
                isUsed.countDown();
                isClosed.await();
                cpu.leaveGuest();
                return fault;
            }
        });
        Thread thread = new Thread(guest);
        thread.start();
        isUsed.await();
        PendingCall unmapped = space.munmapAsync(used, PAGE);
        map(space, 0);
        assertEquals(0, unmapped.join());
        thread.join();
        assertEquals(Fault.NONE, guest.get());
        space.close();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @DisplayName("a backing that an asynchronous call asks waits for another asynchronous call, at the bound")
    void askedBackingWaits(boolean isInvoked) throws InterruptedException {
        Machine machine = builder.invokedHousekeeping(isInvoked)
                .boundGracePeriods(1, false)
                .build();
        AddressSpace space = machine.newSpace(LINUX);
        long spare = map(space, Mman.POPULATE);
        AtomicBoolean isOpened = new AtomicBoolean();
        CountingBacking backing = new CountingBacking("b", 1) {
            @Override
            public @Nullable Errno open(Vma vma) {
                if (isOpened.compareAndSet(false, true)) {
                    // The call that asks occupies the only place, except while it asks.
                    assertEquals(0, space.munmapAsync(spare, PAGE).join());
                }
                return super.open(vma);
            }
        };
        PendingCall mapped = space.mmapAsync(0, PAGE, RW, Mman.PRIVATE, backing, 0);
        assertTrue(mapped.join() > 0);
        machine.awaitQuiescence();
        assertEquals(1, backing.stillOpen());
        assertEquals(0, space.munmap(mapped.result(), PAGE));
        machine.awaitQuiescence();
        assertEquals(0, backing.stillOpen());
        space.close();
    }

    @Test
    @DisplayName(
            "an asynchronous call whose place is taken while it asks a backing is refused, and its open taken back")
    void placeIsTaken() throws InterruptedException {
        Machine machine =
                builder.invokedHousekeeping(true).boundGracePeriods(1, true).build();
        AddressSpace space = machine.newSpace(LINUX);
        long spare = map(space, Mman.POPULATE);
        List<PendingCall> begun = new ArrayList<>();
        CountingBacking backing = new CountingBacking("b", 1) {
            @Override
            public @Nullable Errno open(Vma vma) {
                begun.add(space.munmapAsync(spare, PAGE));
                return super.open(vma);
            }
        };
        PendingCall mapped = space.mmapAsync(0, PAGE, RW, Mman.PRIVATE, backing, 0);
        assertTrue(mapped.isDone());
        assertEquals(Errno.EAGAIN.result(), mapped.result());
        assertEquals(0, begun.get(0).join());
        machine.awaitQuiescence();
        assertEquals(1, backing.opens());
        assertEquals(0, backing.stillOpen());
        space.close();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @DisplayName("an asynchronous call populates while another one is in flight there")
    void populates(boolean isInvoked) throws InterruptedException {
        Machine machine = builder.invokedHousekeeping(isInvoked).build();
        AddressSpace space = machine.newSpace(LINUX);
        long at = map(space, Mman.POPULATE);
        int flags = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED | Mman.POPULATE;
        PendingCall first = space.mmapAsync(at, PAGE, RW, flags, null, 0);
        PendingCall second = space.mmapAsync(at, PAGE, RW, flags, null, 0);
        assertEquals(at, space.mmap(at, PAGE, RW, flags, null, 0));
        assertEquals(at, second.join());
        assertEquals(at, first.join());
        assertEquals(0, space.munmap(at, PAGE));
        machine.awaitQuiescence();
        space.close();
    }

    @Test
    @DisplayName("an operation that waits runs no callback, which might wait for what the operation has taken")
    void noCallbackWithin() throws Exception {
        CountDownLatch waits = new CountDownLatch(1);
        Machine machine = builder.invokedHousekeeping(true)
                .boundGracePeriods(1, false)
                .reportWaitsLongerThan(Duration.ofMillis(1))
                .reportTo(report -> {
                    if (report.kind() == Report.Kind.LONG_WAIT) {
                        waits.countDown();
                    }
                })
                .build();
        AddressSpace space = machine.newSpace(LINUX);
        long at = map(space, Mman.POPULATE);
        long spare = map(space, Mman.POPULATE);
        CountDownLatch retires = new CountDownLatch(1);
        MmuNotifier holding = (start, end, reason) -> {
            retires.countDown();
            try {
                waits.await();
            } catch (InterruptedException interrupted) {
                throw new AssertionError(interrupted);
            }
        };
        Registration notifying = space.addNotifier(holding);
        AtomicBoolean isCalled = new AtomicBoolean();
        AtomicReference<Long> result = new AtomicReference<>();
        Registration listening = space.addListener(change -> {
            if (isCalled.compareAndSet(false, true)) {
                // Waits for room, which the call below occupies.
                result.set(space.munmap(spare, PAGE));
            }
        });
        FutureTask<Long> other = new FutureTask<>(() -> space.munmap(at, PAGE));
        Thread thread = new Thread(other, "an unmapping");
        thread.setDaemon(true);
        thread.start();
        retires.await();
        int flags = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;
        // Takes the only room, then waits for the operation in flight. The report of that wait lets that operation
        // continue.
        PendingCall second = space.mmapAsync(at, PAGE, RW, flags, null, 0);
        assertEquals(at, second.result());
        assertNull(result.get(), "no callback within the call");
        machine.awaitQuiescence();
        assertEquals(0, other.get());
        assertEquals(at, second.join());
        assertEquals(0, result.get());
        assertNotNull(space.find(at));
        notifying.close();
        listening.close();
        space.close();
    }

    @Test
    @DisplayName("a notifier may not wait for an asynchronous call, which may wait for the notifier's operation")
    void notifierWaits() throws InterruptedException {
        // Only this thread completes calls.
        Machine machine = builder.invokedHousekeeping(true).build();
        AddressSpace space = machine.newSpace(LINUX);
        long one = map(space, Mman.POPULATE);
        long two = map(space, Mman.POPULATE);
        AtomicReference<PendingCall> pending = new AtomicReference<>();
        List<Throwable> refused = new ArrayList<>();
        Registration notifying = space.addNotifier((start, end, reason) -> {
            if (start == one) {
                PendingCall begun = space.munmapAsync(two, PAGE);
                refused.add(assertThrows(IllegalStateException.class, begun::join));
                pending.set(begun);
            }
        });
        assertEquals(0, space.munmap(one, PAGE));
        assertEquals(1, refused.size());
        assertEquals(0, Objects.requireNonNull(pending.get()).join());
        machine.awaitQuiescence();
        notifying.close();
        space.close();
    }
}
