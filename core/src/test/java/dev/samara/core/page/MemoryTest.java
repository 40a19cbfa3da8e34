// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.page;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;

/** Who has which worker. The timeouts only end a run that hangs. */
@Timeout(value = 60, threadMode = ThreadMode.SEPARATE_THREAD)
final class MemoryTest {
    private final Memory memory = SmallMemory.of(100);

    @Test
    @DisplayName("what a thread has left that has ended is given back when the next thread needs a worker, and once")
    void workersOfTheDead() throws InterruptedException {
        Worker living = memory.newWorker("living", Thread.currentThread());
        List<Worker> left = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            Thread dead = new Thread(() -> {
                synchronized (left) {
                    Worker worker = memory.newWorker("dead", Thread.currentThread());
                    memory.frames().drop(memory.frames().allocate(worker.magazine()), worker.magazine());
                    left.add(worker);
                }
            });
            dead.start();
            dead.join();
        }
        assertEquals(left.get(0).owner(), left.get(1).owner(), "the second has what the first has left");
        assertEquals(left.get(0).owner(), left.get(2).owner());
        Worker next = memory.newWorker("next", Thread.currentThread());
        assertEquals(left.get(0).owner(), next.owner());
        assertNotEquals(living.owner(), next.owner());
        Worker other = memory.newWorker("other", Thread.currentThread());
        assertNotEquals(next.owner(), other.owner(), "nothing was given back twice");
        assertNotEquals(living.owner(), other.owner());
        memory.discard(next);
        memory.discard(other);
        memory.discard(living);
        assertEquals(0, memory.frames().inUse());
        memory.rcu().synchronize();
    }
}
