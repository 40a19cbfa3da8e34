// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.lifetime;

import static dev.samara.core.MachineInternals.layoutOf;
import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.AddressSpace;
import dev.samara.core.AddressSpaceBuilder;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Latches;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.PageCache;
import java.lang.ref.Reference;
import java.lang.ref.WeakReference;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

@DisplayName("The end of a machine")
final class MachineEndTest {
    private static final String CANNOT = "this machine cannot be closed: ";

    private final Machine machine = Machine.builder().memory(1 << 20).build();

    private static String refusal(Executable call) {
        return String.valueOf(assertThrows(IllegalStateException.class, call).getMessage());
    }

    private void assertOpen(String reason) {
        assertEquals(CANNOT + reason, refusal(machine::close));
        machine.newSpace(GEOMETRY).close();
    }

    @Test
    @DisplayName("is refused while a space is not closed, or a CPU uses one; each is named")
    void refused() {
        String cpuName = " of thread " + Thread.currentThread().getName();
        AddressSpace first = machine.newSpace(GEOMETRY);
        AddressSpace second = machine.newSpace(GEOMETRY);
        assertOpen("space 1 is not closed; space 2 is not closed");
        Cpu cpu = machine.claimCpu();
        cpu.switchTo(first);
        first.close();
        assertOpen("space 1 is used by cpu 1" + cpuName + "; space 2 is not closed");
        cpu.switchTo(second);
        assertOpen("space 2 is not closed, and is used by cpu 1" + cpuName);
        second.close();
        cpu.enterGuest();
        assertEquals(
                "the closing of a machine was called while cpu 1" + cpuName
                        + " is in GUEST: it has to leave it first, because others may wait for it",
                refusal(machine::close));
        cpu.leaveGuest();
        assertOpen("space 2 is used by cpu 1" + cpuName);
        cpu.enterLazy();
        machine.close();
        machine.close();
        cpu.close();
    }

    @Test
    @DisplayName(
            "is refused with the name of a space that has one, and says of a collected space that it may be closed")
    void named() {
        AddressSpace named = machine.space(GEOMETRY).name("guest").build();
        AddressSpace collected =
                machine.space(GEOMETRY).name("heap").collected(true).build();
        assertOpen("space 1 (guest) is not closed; space 2 (heap) is neither closed nor garbage-collected, so close it"
                + " or the object that it belongs to");
        named.close();
        collected.close();
        machine.close();
    }

    @Test
    @DisplayName("is refused while a child is not closed, and waits while a space is torn down")
    void childrenAndOperationsInFlight() {
        CountDownLatch asked = new CountDownLatch(1);
        CountDownLatch answers = new CountDownLatch(1);
        AddressSpace parent = machine.newSpace(GEOMETRY);
        AddressSpace child = parent.fork();
        parent.close();
        assertOpen("space 2 is not closed");
        long at = child.mmap(0, PAGE, RW, ANONYMOUS, null, 0);
        child.addNotifier((start, end, reason) -> {
            asked.countDown();
            Latches.await(answers);
        });
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try {
            Future<?> closing = thread.submit(child::close);
            Latches.await(asked);
            assertNull(child.find(at));
            FutureTask<?> closed = new FutureTask<>(machine::close, null);
            Thread end = new Thread(closed, "end");
            end.start();
            Await.until(
                    "the close of the machine waits",
                    () -> end.getState() == Thread.State.WAITING || end.getState() == Thread.State.TIMED_WAITING,
                    List.of());
            assertEquals("machine, " + PAGE + " bytes committed, claimed CPUs 0", machine.toString());
            answers.countDown();
            Await.result("the space is closed", closing, List.of());
            Await.result("the machine is closed", closed, List.of());
        } finally {
            answers.countDown();
            thread.shutdown();
        }
        assertThrows(IllegalStateException.class, machine::statistics);
    }

    @Test
    @DisplayName(
            "makes every call a named exception, its spaces stay closed, takes pages out of all files, and closes are"
                    + " no calls")
    void afterwards() throws InterruptedException {
        AddressSpace space = machine.newSpace(GEOMETRY);
        AddressSpaceBuilder builder = machine.space(GEOMETRY);
        MemoryFile file = machine.newFile("/f", 1, GEOMETRY, 2 * PAGE);
        PageCache cache = machine.newPageCache(GEOMETRY, 2 * PAGE);
        assertEquals(1, file.pwrite(new byte[1], 0, 1, PAGE));
        cache.insert(0, cache.allocate());
        long frames = machine.statistics().framesInUse();
        assertEquals(2, frames);
        Cpu cpu = machine.claimCpu();
        cpu.switchTo(space);
        cpu.switchTo(null);
        var memory = layoutOf(space).memory();
        space.close();
        machine.close();
        assertEquals(0, memory.frames.inUse());
        List<Executable> calls = List.of(
                () -> machine.newSpace(GEOMETRY),
                () -> machine.space(GEOMETRY),
                builder::build,
                () -> machine.newPageCache(GEOMETRY, 1),
                () -> machine.newFile("/g", 1, GEOMETRY, 1),
                machine::claimCpu,
                machine::committed,
                machine::awaitQuiescence,
                machine::outstandingReferences,
                machine::statistics);
        for (Executable call : calls) {
            assertEquals("this machine is closed", refusal(call));
        }
        assertEquals("allocate was called on " + cache + ", which is closed", refusal(cache::allocate));
        assertNull(space.find(0x10000));
        SpaceFixture.assertResult(Errno.ESRCH, space.mmap(0, PAGE, RW, ANONYMOUS, null, 0));
        assertThrows(MmException.class, () -> cpu.switchTo(space));
        space.close();
        file.close();
        cache.close();
        cpu.close();
        machine.close();
    }

    @Test
    @DisplayName("and the making of spaces beside it: either the one is refused, or the other")
    void besideNewSpaces() {
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try {
            for (int round = 0; round < 300; round++) {
                Machine small = Machine.builder().build();
                Future<Boolean> made = thread.submit(() -> {
                    try {
                        return small.newSpace(GEOMETRY).mmap(0, PAGE, RW, ANONYMOUS, null, 0) > 0;
                    } catch (IllegalStateException closed) {
                        return false;
                    }
                });
                boolean isClosed;
                try {
                    small.close();
                    isClosed = true;
                } catch (IllegalStateException refused) {
                    isClosed = false;
                }
                boolean isMade = Await.result("the mapping is made or refused", made, List.of());
                assertFalse(isMade && isClosed, "round " + round);
            }
        } finally {
            thread.shutdown();
        }
    }

    @Test
    @DisplayName(
            "comes by itself for one that is unreachable, whatever CPUs of living threads and spaces were left open")
    void unreachable() {
        Reference<?> memory = leftOpen();
        Await.collected("a machine with an open CPU", memory);
        Cpu other = machine.claimCpu();
        AddressSpace space = machine.newSpace(GEOMETRY);
        other.switchTo(space);
        long at = space.mmap(0, PAGE, RW, ANONYMOUS | Mman.POPULATE, null, 0);
        assertFault(Fault.NONE, other.memory().load(at, 8));
        other.enterGuest();
        refusal(() -> space.munmap(at, PAGE));
        other.leaveGuest();
        other.close();
        space.close();
    }

    @Test
    @DisplayName("lets go of its memory, although the machine and a CPU without a space are still held")
    void letsGo() {
        Cpu cpu = machine.claimCpu();
        Await.collected("the memory of a closed machine", closedAfterUse());
        assertEquals("this machine is closed", refusal(() -> machine.newSpace(GEOMETRY)));
        cpu.close();
    }

    private Reference<?> closedAfterUse() {
        AddressSpace space = machine.newSpace(GEOMETRY);
        Cpu cpu = machine.claimCpu();
        cpu.switchTo(space);
        long at = space.mmap(0, PAGE, RW, ANONYMOUS, null, 0);
        assertFault(Fault.NONE, cpu.memory().store(at, 8, 1));
        cpu.close();
        space.close();
        machine.close();
        return new WeakReference<>(layoutOf(space).memory());
    }

    private static Reference<?> leftOpen() {
        Machine dropped = Machine.builder().memory(1 << 20).build();
        AddressSpace space = dropped.newSpace(GEOMETRY);
        Cpu cpu = dropped.claimCpu();
        cpu.switchTo(space);
        long at = space.mmap(0, PAGE, RW, ANONYMOUS, null, 0);
        assertFault(Fault.NONE, cpu.memory().store(at, 8, 1));
        cpu.enterGuest();
        return new WeakReference<>(layoutOf(space).memory());
    }
}
