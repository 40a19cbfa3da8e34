// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static dev.samara.core.fixture.SpaceFixture.assertResult;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.stream.LongStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("A collection of written or used pages")
final class CollectionTest extends CollectionFixture {
    @Test
    @DisplayName("tells of each page that was written since the last one, once, in ascending order, and of no other")
    void written() {
        long at = fixture.anonymous(8);
        fixture.load(at);
        fixture.store(at + 5 * PAGE, 1);
        fixture.store(at + 2 * PAGE, 1);
        assertEquals(pages(2, 5), dirty(at, 8));
        assertEquals(pages(), dirty(at, 8));
        fixture.load(at + 2 * PAGE);
        assertEquals(pages(), dirty(at, 8), "a load writes nothing");
        fixture.store(at + 2 * PAGE, 2);
        assertFault(Fault.NONE, cpu.memory().getAndAdd(at + 3 * PAGE, 4, 1));
        assertFault(Fault.NONE, cpu.memory().store(at + 7 * PAGE - 4, 8, 1));
        assertEquals(pages(2, 3), dirty(at, 4));
        assertEquals(pages(6, 7), dirty(at, 8));
        assertEquals(PAGE + 2, cpu.memory().fill(at + PAGE - 1, PAGE + 2, (byte) 1));
        assertEquals(1, cpu.memory().copyIn(at + 4 * PAGE, new byte[1], 0, 1));
        assertEquals(pages(0, 1, 2, 4), dirty(at, 8));
    }

    @Test
    @DisplayName("sees the next store of a CPU that stays in GUEST and has just written there, by its TLB")
    void inGuest() throws Exception {
        long at = fixture.anonymous(2);
        try (OtherCpu other = new OtherCpu(space)) {
            other.call(of -> of.memory().store(at, 8, 1));
            assertEquals(pages(0), dirty(at, 2));
            other.call(of -> {
                of.enterGuest();
                assertFalse(SpaceFixture.hits(of, () -> of.memory().store(at, 8, 2)), "the right to write was flushed");
                of.leaveGuest();
                return Fault.NONE;
            });
            assertEquals(pages(0), dirty(at, 2));
        }
    }

    @Test
    @DisplayName("of used pages tells of loads, fetches and stores, and a translation in a TLB hides none")
    void used() {
        long at = fixture.map(0, 6, RW | SpaceFixture.EXEC, ANONYMOUS, null, 0);
        fixture.load(at + PAGE);
        assertFault(Fault.NONE, cpu.memory().fetch(at + 2 * PAGE, 4));
        fixture.store(at + 4 * PAGE, 1);
        assertEquals(pages(1, 2, 4), accessed(at, 6));
        assertEquals(pages(), accessed(at, 6));
        fixture.load(at + PAGE);
        assertEquals(pages(1), accessed(at, 6));
        assertEquals(pages(4), dirty(at, 6), "one collection leaves the marks of the other");
        fixture.store(at + 4 * PAGE, 1);
        assertEquals(pages(4), accessed(at, 6));
        assertEquals(pages(4), dirty(at, 6));
    }

    @Test
    @DisplayName("in a file's page hands the dirt on to the frame, and is of one mapping")
    void ofAFile() {
        MemoryFile file = fixture.machine.newFile("/clean", 8, GEOMETRY, 4 * PAGE);
        long at = fixture.map(0, 4, RW, Mman.SHARED, file.open(), 0);
        long other = fixture.map(0, 4, RW, Mman.SHARED, file.open(), 0);
        fixture.load(at);
        fixture.load(other);
        Frames frames = MachineInternals.layoutOf(space).memory().frames;
        assertFalse(frames.isDirty(Pte.frame(fixture.pte(at))));
        // Without this load, the store would fault, and the fault would mark the page.
        fixture.load(at + PAGE);
        fixture.store(at + PAGE, 1);
        fixture.load(other + PAGE);
        assertEquals(pages(), dirty(other, 4));
        assertFalse(frames.isDirty(Pte.frame(fixture.pte(at + PAGE))));
        assertEquals(pages(1), dirty(at, 4));
        assertTrue(frames.isDirty(Pte.frame(fixture.pte(at + PAGE))));
        file.close();
    }

    @Test
    @DisplayName("finds a page that was moved where it is now, told of before or not")
    void moved() {
        long at = fixture.anonymous(4);
        long to = fixture.anonymous(4);
        fixture.store(at, 1);
        fixture.store(at + PAGE, 1);
        fixture.load(at + 2 * PAGE);
        assertEquals(pages(0), dirty(at, 1));
        int flags = Mman.MAYMOVE | Mman.MREMAP_FIXED;
        assertEquals(to, space.mremap(at, 4 * PAGE, 4 * PAGE, flags, to));
        assertEquals(pages(), dirty(at, 4));
        assertEquals(pages(0, 1), dirty(to, 4), "and not the zero page");
    }

    @Test
    @DisplayName(
            "of parent and child: each is told of its own writes, and the child also of those that its parent was not"
                    + " told of")
    void forked() {
        long at = fixture.anonymous(4);
        fixture.store(at, 1);
        fixture.store(at + PAGE, 1);
        assertEquals(pages(0), dirty(at, 1));
        try (AddressSpace child = space.fork()) {
            assertEquals(pages(1), dirty(child, at, 4));
            fixture.store(at, 2);
            assertEquals(pages(0, 1), dirty(at, 4));
            assertEquals(pages(), dirty(child, at, 4));
            cpu.switchTo(child);
            fixture.store(at + PAGE, 3);
            fixture.store(at, 3);
            assertEquals(pages(0, 1), dirty(child, at, 4));
            cpu.switchTo(space);
            assertEquals(pages(), dirty(at, 4));
        }
    }

    @Test
    @DisplayName("waits for a page that is just being copied on write, and tells of it")
    void copied() throws Exception {
        long at = fixture.anonymous(1);
        fixture.store(at, 1);
        try (AddressSpace child = space.fork();
                OtherCpu reader = new OtherCpu(space);
                OtherCpu writer = new OtherCpu(space)) {
            reader.call(of -> {
                of.enterGuest();
                return of.memory().load(at, 8);
            });
            Future<Integer> stored = writer.submit(of -> of.memory().store(at, 8, 2));
            Await.until("the page is being copied", () -> Pte.isBusy(fixture.pte(at)), fixture.reports);
            FutureTask<List<Long>> told = new FutureTask<>(() -> dirty(at, 1));
            Thread collector = new Thread(told);
            startAndAwaitItsWaiting(collector);
            reader.call(of -> {
                of.leaveGuest();
                return 0;
            });
            assertFault(Fault.NONE, stored.get());
            assertEquals(pages(0), told.get());
            assertEquals(pages(0), dirty(child, at, 1));
        }
    }

    @Test
    @DisplayName("I2: tells behind the flush, and returns behind that of another that has cleared the page before it")
    void besideAnother() throws Exception {
        long at = fixture.anonymous(1);
        try (OtherCpu guest = new OtherCpu(space)) {
            guest.call(of -> {
                of.enterGuest();
                return of.memory().store(at, 8, 2);
            });
            Queue<Long> told = new ConcurrentLinkedQueue<>();
            FutureTask<Long> firstCount = new FutureTask<>(() -> space.collectDirty(at, PAGE, told::add));
            FutureTask<Long> secondCount = new FutureTask<>(() -> space.collectDirty(at, PAGE, told::add));
            Thread first = new Thread(firstCount);
            Thread second = new Thread(secondCount);
            startAndAwaitItsWaiting(first);
            startAndAwaitItsWaiting(second);
            assertTrue(first.isAlive() && second.isAlive(), "a CPU can still store through an old translation");
            assertEquals(
                    List.of(), List.copyOf(told), "told of while a CPU can still store through an old translation");
            guest.call(of -> {
                assertTrue(SpaceFixture.hits(of, () -> of.memory().store(at, 8, 1)));
                of.leaveGuest();
                return 0;
            });
            assertEquals(1, firstCount.get() + secondCount.get());
            assertEquals(List.of(at), List.copyOf(told));
        }
    }

    private static void startAndAwaitItsWaiting(Thread thread) {
        thread.start();
        Await.stopped(thread);
    }

    @Test
    @DisplayName("reports no page that was unmapped, discarded or truncated, and begins anew with a later page there")
    void gone() {
        long at = fixture.anonymous(4);
        assertEquals(4 * PAGE, cpu.memory().fill(at, 4 * PAGE, (byte) 1));
        assertEquals(0, space.munmap(at, PAGE));
        assertEquals(0, space.madvise(at + PAGE, PAGE, Mman.DONTNEED));
        assertEquals(0, space.mprotect(at + 2 * PAGE, PAGE, READ));
        assertEquals(
                pages(2, 3), dirty(at, 4), "a hole is passed over, and rights that were taken away change nothing");
        fixture.map(at, 1, RW, ANONYMOUS | Mman.FIXED, null, 0);
        fixture.load(at);
        fixture.store(at + PAGE, 1);
        assertEquals(pages(1), dirty(at, 4));
        MemoryFile file = fixture.file(2);
        long of = fixture.map(0, 2, RW, Mman.SHARED, file.open(), 0);
        fixture.store(of + PAGE, 1);
        file.truncate(PAGE);
        assertEquals(pages(), dirty(of, 2));
        file.close();
    }

    @Test
    @DisplayName("gives errors as PAGEMAP_SCAN does, and takes a length that is no multiple of the page size")
    void errors() {
        long at = fixture.anonymous(2);
        fixture.store(at, 1);
        fixture.store(at + PAGE, 1);
        long limit = GEOMETRY.limit();
        List<Long> told = new ArrayList<>();
        assertResult(Errno.EINVAL, space.collectDirty(at + 1, PAGE, told::add));
        assertResult(Errno.EFAULT, space.collectDirty(at, -1, told::add));
        assertResult(Errno.EFAULT, space.collectDirty(limit, 1, told::add));
        assertResult(Errno.EFAULT, space.collectAccessed(limit + PAGE, 0, told::add));
        assertResult(Errno.EFAULT, space.collectDirty(-PAGE, 2 * PAGE, told::add));
        assertEquals(0, space.collectDirty(at, 0, told::add));
        assertEquals(List.of(), told);
        assertEquals(1, space.collectDirty(0, at + 1, told::add));
        assertEquals(List.of(at), told);
        assertEquals(1, space.collectDirty(0, limit, told::add));
        AddressSpace bare = Machine.builder().build().newSpace(GEOMETRY);
        assertThrows(IllegalStateException.class, () -> bare.collectDirty(0, PAGE, told::add));
        cpu.enterGuest();
        assertThrows(IllegalStateException.class, () -> space.collectDirty(at, PAGE, told::add));
        cpu.leaveGuest();
        assertEquals(2, told.size());
    }

    @Test
    @DisplayName("tells more than a batch, a page in each of many leaves too")
    void many() {
        long pages = 9000;
        long at = fixture.anonymous(pages);
        assertEquals(pages * PAGE, cpu.memory().fill(at, pages * PAGE, (byte) 1));
        assertEquals(LongStream.range(0, pages).boxed().toList(), dirty(at, pages));
        long far = fixture.anonymous(1 << 20);
        for (long page = 0; page < 1 << 20; page += 700) {
            fixture.store(far + page * PAGE, 1);
        }
        assertEquals(
                LongStream.iterate(0, page -> page < 1 << 20, page -> page + 700)
                        .boxed()
                        .toList(),
                dirty(far, 1 << 20));
        assertEquals(0, space.collectDirty(0, GEOMETRY.limit(), page -> {}));
    }

    @Test
    @DisplayName("tells flush listeners of CPUs that had translations of cleared entries, and flushes nothing where"
            + " nothing was")
    void flushes() {
        long at = fixture.anonymous(2000);
        for (long page : new long[] {2, 5, 100, 1500}) {
            fixture.store(at + page * PAGE, 1);
        }
        List<String> told = new ArrayList<>();
        cpu.onFlush((start, end, reason, generation) ->
                told.add((start - at) / PAGE + " " + (end - at) / PAGE + " " + reason));
        assertEquals(pages(2, 5, 100, 1500), dirty(at, 2000));
        assertEquals(pages(), dirty(at, 2000));
        fixture.load(at);
        assertEquals(List.of("2 6 OBSERVED", "100 101 OBSERVED", "1500 1501 OBSERVED"), told);
    }
}
