// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.guest.FutexTable.ANY;
import static dev.samara.core.guest.FutexTable.FOREVER;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Watchpoint;
import dev.samara.core.backing.CachedBacking;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Latches;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.PageCache;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.function.Executable;

@DisplayName("The futex table of a machine")
@ExtendWith(OneThread.class)
final class FutexTableTest {
    private static final long AGAIN = Errno.EAGAIN.result();
    private static final long FAULT = Errno.EFAULT.result();
    private static final long INVALID = Errno.EINVAL.result();
    private static final long NONE = Errno.ENOSYS.result();
    private static final long TIMED_OUT = Errno.ETIMEDOUT.result();

    private final SpaceFixture fixture = new SpaceFixture();
    private final GuestMemory memory = fixture.memory;
    private final FutexTable table = fixture.machine.futexes();
    private final List<String> resumed = new ArrayList<>();
    private final List<Report> expected = new ArrayList<>();
    private long word;
    private long other;

    @BeforeEach
    void map() {
        word = fixture.anonymous(1);
        other = word + 4;
    }

    @AfterEach
    void nothingIsLeft() throws InterruptedException {
        assertEquals(0, table.waiters());
        fixture.closeEmpty();
        assertEquals(expected, fixture.reports);
    }

    /** Queues a named waiter at a word that contains 0. */
    private FutexWaiter waiter(String name, long at, int bits) {
        FutexWaiter waiter = table.newWaiter(bits, () -> resumed.add(name));
        assertEquals(0, waiter.queue(memory, at, false, 0));
        return waiter;
    }

    private List<FutexWaiter> waiters(long at, String... names) {
        List<FutexWaiter> made = new ArrayList<>();
        for (String name : names) {
            made.add(waiter(name, at, ANY));
        }
        return made;
    }

    private List<Boolean> unqueue(List<FutexWaiter> waiters) {
        return waiters.stream().map(FutexWaiter::unqueue).toList();
    }

    private void put(long at, int number) {
        assertEquals(Fault.NONE, memory.store(at, 4, number));
    }

    private int get(long at) {
        assertEquals(Fault.NONE, memory.load(at, 4));
        return (int) memory.value();
    }

    private long wake(long at, int count) {
        return table.wake(memory, at, false, count, ANY);
    }

    @Test
    @DisplayName("does not wait where the word has another number, no time is given, or an argument is wrong")
    void noWait() {
        put(word, 7);
        assertEquals(AGAIN, table.await(memory, word, false, 0, ANY, FOREVER));
        assertEquals(AGAIN, table.await(memory, word, true, 0, ANY, FOREVER));
        assertEquals(TIMED_OUT, table.await(memory, word, false, 7, ANY, 0));
        assertEquals(TIMED_OUT, table.await(memory, word, true, 7, ANY, 1_000));
        memory.order(ByteOrder.BIG_ENDIAN);
        assertEquals(AGAIN, table.await(memory, word, false, 7, ANY, FOREVER));
        assertEquals(TIMED_OUT, table.await(memory, word, false, 7 << 24, ANY, 0));
        memory.order(ByteOrder.LITTLE_ENDIAN);
        assertEquals(TIMED_OUT, table.await(memory, word, false, 7, ANY, -2));
        assertEquals(TIMED_OUT, table.await(memory, word, false, 7, ANY, Long.MIN_VALUE));
        assertEquals(INVALID, table.await(memory, word, false, 7, 0, FOREVER));
        assertEquals(INVALID, table.await(memory, word + 2, false, 7, ANY, FOREVER));
        assertEquals(FAULT, table.await(memory, 0x2_0000, false, 0, ANY, FOREVER));
        assertEquals(FAULT, table.await(memory, -4, false, 0, ANY, FOREVER));
        assertEquals(INVALID, table.wake(memory, word, false, 1, 0));
        assertEquals(INVALID, wake(word + 1, 1));
        assertEquals(0, wake(0x2_0000, 1));
        assertEquals(FAULT, table.wake(memory, 0x2_0000, true, 1, ANY));
        fixture.cpu.enterGuest();
        assertThrows(IllegalStateException.class, () -> table.await(memory, word, false, 7, ANY, FOREVER));
        assertEquals(0, wake(word, 1));
        fixture.cpu.leaveGuest();
    }

    @Test
    @DisplayName("ends a wait by a wake, and by an interrupt, whose flag stays")
    void awaits() throws Exception {
        try (OtherCpu waiting = new OtherCpu(fixture.space)) {
            Future<Long> first = waiting.submit(cpu -> table.await(cpu.memory(), word, false, 0, ANY, FOREVER));
            Await.until("waits", () -> table.waiters() == 1, fixture.reports);
            assertEquals(1, wake(word, 5));
            assertEquals(0, first.get());
            Future<String> second = waiting.submit(
                    cpu -> table.await(cpu.memory(), word, true, 0, ANY, FOREVER) + " " + Thread.interrupted());
            Await.until("waits", () -> table.waiters() == 1, fixture.reports);
            assertEquals(0, wake(word, 1));
            waiting.thread().interrupt();
            assertEquals(Errno.EINTR.result() + " true", second.get());
        }
    }

    @Test
    @DisplayName("wakes in the order of arrival, at least one, and only by a common bit")
    void wakes() {
        List<FutexWaiter> all = waiters(word, "a", "b", "c");
        FutexWaiter bits = waiter("bits", word, 6);
        assertEquals(1, wake(word, 0));
        assertEquals(0, table.wake(memory, word, true, 9, ANY));
        assertEquals(0, wake(other, 9));
        assertEquals(2, table.wake(memory, word, false, 2, 1));
        assertEquals(0, table.wake(memory, word, false, 1, 9));
        assertTrue(bits.isQueued());
        assertEquals(1, table.wake(Objects.requireNonNull(memory.futexKey(word, false, READ)), 1, 2));
        assertEquals(List.of("a", "b", "c", "bits"), resumed);
        assertEquals(List.of(true, true, true), unqueue(all));
        assertTrue(bits.isWoken() && !bits.isQueued());
        assertThrows(IllegalStateException.class, () -> bits.queue(memory, word, false, 0));
    }

    @Test
    @DisplayName("moves waiters, which leave from where they are then")
    void requeues() {
        List<FutexWaiter> all = waiters(word, "a", "b", "c", "d");
        List<FutexWaiter> there = waiters(other, "z");
        assertEquals(INVALID, table.requeue(memory, word, other, false, -1, 1));
        assertEquals(INVALID, table.requeue(memory, word, other, false, 1, -1));
        assertEquals(FAULT, table.requeue(memory, word, 0x2_0000, true, 1, 1));
        put(word, 3);
        assertEquals(AGAIN, table.compareAndRequeue(memory, word, other, false, 1, 2, 0));
        assertEquals(3, table.compareAndRequeue(memory, word, other, false, 1, 2, 3));
        assertEquals(List.of("a"), resumed);
        assertFalse(all.get(1).unqueue(), "timed out after the move");
        assertEquals(4 - 1, table.waiters());
        assertEquals(1, wake(word, 9));
        assertEquals(2, wake(other, 9));
        assertEquals(List.of("a", "d", "z", "c"), resumed);
        assertEquals(List.of(true, false, true, true), unqueue(all));
        assertEquals(List.of(true), unqueue(there));
    }

    @Test
    @DisplayName("counts a move to the same word, and changes nothing")
    void requeuesToItself() {
        List<FutexWaiter> all = waiters(word, "a", "b", "c");
        assertEquals(3, table.requeue(memory, word, word, false, 1, 9));
        assertEquals(1, wake(word, 1));
        assertEquals(List.of("a", "b"), resumed);
        assertEquals(List.of(true, true, false), unqueue(all));
    }

    private static int operation(int change, int argument, int comparison, int compared) {
        return change << 28 | comparison << 24 | (argument & 0xfff) << 12 | (compared & 0xfff);
    }

    @Test
    @DisplayName("changes a word and wakes by its old number")
    void wakeOperation() {
        List<FutexWaiter> one = waiters(word, "a", "b");
        List<FutexWaiter> two = waiters(other, "y", "z");
        put(other, 5);
        assertEquals(1, table.wakeOp(memory, word, other, false, 1, 1, operation(0, -3, 4, 5)));
        assertEquals(-3, get(other));
        assertEquals(2, table.wakeOp(memory, word, other, false, 0, 1, operation(1, 2, 2, -2)));
        assertEquals(-1, get(other));
        assertEquals(List.of("a", "b", "y"), resumed);
        assertEquals(0, table.wakeOp(memory, word, other, false, 1, 9, operation(3 | 8, 31, 0, 0)));
        assertEquals(Integer.MAX_VALUE, get(other));
        assertEquals(1, table.wakeOp(memory, other, other, false, 9, 9, operation(4, 1, 3, 0)));
        assertEquals(Integer.MAX_VALUE - 1, get(other));
        assertEquals(NONE, table.wakeOp(memory, word, other, false, 1, 1, operation(5, 1, 0, 0)));
        assertEquals(Integer.MAX_VALUE - 1, get(other));
        assertEquals(NONE, table.wakeOp(memory, word, other, false, 1, 1, operation(0, 1, 6, 0)));
        assertEquals(1, get(other));
        long fixed = fixture.map(0, 1, READ, SpaceFixture.ANONYMOUS, null, 0);
        assertEquals(FAULT, table.wakeOp(memory, word, fixed, false, 1, 1, 0));
        long fresh = fixture.anonymous(1);
        assertEquals(0, table.wakeOp(memory, word, fresh, false, 1, 1, operation(2, 9, 0, 1)));
        assertEquals(9, get(fresh));
        unqueue(one);
        unqueue(two);
    }

    @Test
    @DisplayName("resumes the waiters that an operation wakes before watchpoints report its read and its store")
    @SuppressWarnings("try") // a watchpoint is active until it is closed
    void watchedOperation() {
        List<FutexWaiter> all = waiters(word, "a");
        put(other, 5);
        try (Watchpoint stores =
                        fixture.space.watch(other, 4, (address, length) -> resumed.add("w " + (address - other)));
                Watchpoint reads = fixture.space.watchReads(
                        other, 4, (access, address, length, value) -> resumed.add("r " + length + ' ' + value))) {
            assertEquals(1, table.wakeOp(memory, word, other, false, 1, 1, operation(1, 2, 0, 0)));
        }
        assertEquals(List.of("a", "r 4 5", "w 0"), resumed);
        assertEquals(7, get(other));
        assertEquals(List.of(true), unqueue(all));
    }

    @Test
    @DisplayName("wakes a waiter of another space by shared memory")
    void shared() throws Exception {
        long here = fixture.map(0, 1, RW, Mman.SHARED | Mman.ANONYMOUS, null, 0);
        AddressSpace child = fixture.space.fork();
        try (OtherCpu waiting = new OtherCpu(child)) {
            Future<Long> result = waiting.submit(cpu -> table.await(cpu.memory(), here, true, 0, ANY, FOREVER));
            Await.until("waits", () -> table.waiters() == 1, fixture.reports);
            assertEquals(0, wake(here, 1));
            assertEquals(1, table.wake(memory, here, true, 1, ANY));
            assertEquals(0, result.get());
        }
        child.close();
    }

    @Test
    @DisplayName("has no lock while the page of a word is read")
    void faults() throws Exception {
        CountDownLatch reading = new CountDownLatch(1);
        CountDownLatch mayRead = new CountDownLatch(1);
        PageCache cache = fixture.machine.newPageCache(SpaceFixture.GEOMETRY, PAGE);
        CachedBacking slow = new CachedBacking("/slow", cache) {
            @Override
            protected boolean read(long page, int frame, FrameStore store) {
                reading.countDown();
                Latches.await(mayRead);
                return true;
            }
        };
        long at = fixture.map(0, 1, READ, Mman.PRIVATE, slow, 0);
        try (OtherCpu waiting = new OtherCpu(fixture.space)) {
            Future<Long> result = waiting.submit(cpu -> table.await(cpu.memory(), at, false, -1, ANY, FOREVER));
            reading.await();
            assertEquals(0, wake(at, 1));
            assertEquals(0, table.waiters());
            mayRead.countDown();
            assertEquals(AGAIN, result.get());
        }
        fixture.space.munmap(at, PAGE);
        cache.close();
    }

    @Test
    @DisplayName("acknowledges the thread that drops the page of a word, while a wake looks for its key")
    void wakeBesideDroppedPage() {
        long here = fixture.map(0, 1, RW, Mman.SHARED | Mman.ANONYMOUS, null, 0);
        try (OtherCpu waking = new OtherCpu(fixture.space);
                OtherCpu dropping = new OtherCpu(fixture.space)) {
            waking.call(cpu -> {
                cpu.enterGuest();
                return cpu.memory().store(here, 4, 1);
            });
            CountDownLatch begun = new CountDownLatch(1);
            Future<Long> dropped = dropping.submit(cpu -> {
                begun.countDown();
                return fixture.space.madvise(here, PAGE, Mman.DONTNEED);
            });
            Latches.await(begun);
            // The call waits for the CPU in GUEST, whose TLB contains the page.
            Await.stopped(dropping.thread(), fixture.reports);
            Future<Long> woken = waking.submit(cpu -> {
                long number = table.wake(cpu.memory(), here, true, 1, ANY);
                cpu.leaveGuest();
                return number;
            });
            assertEquals(0, Await.result("the wake", woken, fixture.reports));
            assertEquals(0, Await.result("the drop", dropped, fixture.reports));
        }
    }

    @Test
    @DisplayName("drops the waiters of a space that ends, by private and by shared words, and resumes them")
    void ends() throws InterruptedException {
        long here = fixture.map(0, 1, RW, Mman.SHARED | Mman.ANONYMOUS, null, 0);
        List<FutexWaiter> mine = waiters(word, "mine");
        AddressSpace child = fixture.space.fork();
        fixture.cpu.switchTo(child);
        List<FutexWaiter> theirs = waiters(word, "theirs");
        FutexWaiter shared = table.newWaiter(ANY, () -> resumed.add("shared"));
        assertEquals(0, shared.queue(memory, here, true, 0));
        fixture.cpu.switchTo(fixture.space);
        assertEquals(3, table.waiters());
        child.close();
        fixture.machine.awaitQuiescence();
        assertEquals(1, table.waiters());
        assertEquals(List.of("shared", "theirs"), resumed.stream().sorted().toList());
        assertFalse(shared.isQueued() || shared.isWoken());
        assertEquals(List.of(false), unqueue(theirs));
        assertEquals(1, wake(word, 9));
        assertEquals(List.of(true), unqueue(mine));
    }

    @Test
    @DisplayName("refuses the memory of another machine, in each call")
    void otherMachine() throws InterruptedException {
        SpaceFixture foreign = new SpaceFixture();
        FutexTable theirs = foreign.machine.futexes();
        FutexWaiter waiter = theirs.newWaiter(ANY, () -> resumed.add("never"));
        List<Executable> calls = List.of(
                () -> theirs.await(memory, word, false, 0, ANY, 0),
                () -> waiter.queue(memory, word, false, 0),
                () -> theirs.wake(memory, word, false, 1, ANY),
                () -> theirs.requeue(memory, word, other, false, 1, 1),
                () -> theirs.compareAndRequeue(memory, word, other, false, 1, 1, 0),
                () -> theirs.wakeOp(memory, word, other, false, 1, 1, 0));
        calls.forEach(each -> assertThrows(IllegalArgumentException.class, each));
        assertEquals(0, theirs.waiters());
        foreign.closeEmpty();
    }

    @Test
    @DisplayName("reports what a callback throws, and resumes the others")
    void callbackFails() {
        FutexWaiter broken = table.newWaiter(ANY, () -> {
            throw new IllegalArgumentException("broken");
        });
        assertEquals(0, broken.queue(memory, word, false, 0));
        List<FutexWaiter> all = waiters(word, "a");
        assertEquals(2, wake(word, 9));
        assertEquals(List.of("a"), resumed);
        assertTrue(broken.unqueue());
        assertEquals(List.of(true), unqueue(all));
        assertEquals(Report.Kind.CALLBACK_FAILED, fixture.reports.get(0).kind());
        expected.addAll(fixture.reports);
        assertEquals(1, expected.size());
    }
}
