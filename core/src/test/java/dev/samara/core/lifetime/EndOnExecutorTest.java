// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.lifetime;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Latches;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.PendingCall;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("The end of a space beside an operation in flight that needs the only thread of the embedder's executor")
final class EndOnExecutorTest {
    private final ExecutorService single = Executors.newSingleThreadExecutor();
    private final SpaceFixture fixture =
            new SpaceFixture(Machine.builder().memory(1 << 20).executor(single));
    private final AddressSpace ended = fixture.space;
    private final AddressSpace other = fixture.machine.newSpace(GEOMETRY);

    /** The CPU is in GUEST in the space, with a translation for which the operation waits. */
    private final Cpu last = fixture.machine.claimCpu();

    private final OtherCpu caller = new OtherCpu(other);

    private PendingCall unmap() throws InterruptedException {
        long at = fixture.anonymous(2);
        fixture.store(at, 1);
        fixture.cpu.switchTo(null);
        last.switchTo(ended);
        last.enterGuest();
        assertFault(Fault.NONE, last.memory().load(at, 8));
        return caller.call(cpu -> ended.munmapAsync(at, PAGE));
    }

    private void leave() {
        last.leaveGuest();
        last.switchTo(null);
    }

    @AfterEach
    void nothingIsLeft() throws InterruptedException {
        last.close();
        caller.close();
        other.close();
        fixture.machine.awaitQuiescence();
        assertEquals(0, fixture.frames());
        fixture.close();
        single.shutdown();
    }

    @Test
    @DisplayName("by a CPU that leaves the space: the operation ends, and then the space")
    void byTheLastCpu() throws InterruptedException {
        PendingCall pending = unmap();
        ended.close();
        leave();
        assertEquals(0, Await.result("the unmapping", pending, fixture.reports));
    }

    @Test
    @DisplayName("by a listener on that thread: the teardown is left to a thread of the machine")
    void byTheExecutor() throws InterruptedException {
        CountDownLatch called = new CountDownLatch(1);
        CountDownLatch isLeft = new CountDownLatch(1);
        other.addListener(change -> {
            called.countDown();
            Latches.await(isLeft);
            ended.close();
        });
        PendingCall pending = unmap();
        caller.call(cpu -> other.mmap(0, PAGE, RW, ANONYMOUS, null, 0));
        Latches.await(called);
        leave();
        isLeft.countDown();
        assertEquals(0, Await.result("the unmapping", pending, fixture.reports));
    }
}
