// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTableContext;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The workers of threads. */
final class MemoryTest {
    private final Memory memory = SmallMemory.of(100);

    @Test
    @DisplayName("the reader of a context has the name of the thread that owns it now, if there is one")
    void readerNames() {
        PageTableContext context = memory.newWorker("cpu 1", Thread.currentThread());
        assertEquals(
                "cpu 1 of thread " + Thread.currentThread().getName(),
                context.reader().name());
        memory.disown(context);
        assertEquals("cpu 1", context.reader().name());
        Thread next = new Thread(() -> {}, "next");
        memory.own(context, next);
        assertEquals("cpu 1 of thread next", context.reader().name());
        memory.discard(context);
    }

    @Test
    @DisplayName("a worker that is given up again does not give up the number of another one")
    void discardedTwice() {
        PageTableContext first = memory.newWorker("first");
        int number = first.owner();
        memory.discard(first);
        memory.discard(first);
        PageTableContext second = memory.newWorker("second");
        assertEquals(number, second.owner());
        memory.discard(first);
        PageTableContext third = memory.newWorker("third");
        assertNotEquals(second.owner(), third.owner());
        memory.discard(second);
        memory.discard(third);
    }

    @Test
    @DisplayName("the number that is free for the longest time comes next, also if there are many")
    void numbers() {
        List<PageTableContext> workers = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            workers.add(memory.newWorker("worker " + i));
        }
        for (int i = 0; i < 40; i += 3) {
            memory.discard(workers.get(i));
        }
        for (int i = 0; i < 40; i += 3) {
            assertEquals(workers.get(i).owner(), memory.owners().register());
        }
        assertEquals(40, memory.owners().register());
    }

    @Test
    @DisplayName("the worker of a thread that has ended is given back once, when the next thread needs a worker")
    void workersOfTheDead() throws InterruptedException {
        PageTableContext living = memory.newWorker("living", Thread.currentThread());
        List<PageTableContext> left = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            Thread dead = new Thread(() -> {
                synchronized (left) {
                    PageTableContext worker = memory.newWorker("dead", Thread.currentThread());
                    memory.frames().drop(memory.frames().allocate(worker.magazine()), worker.magazine());
                    left.add(worker);
                }
            });
            dead.start();
            dead.join();
        }
        assertEquals(left.get(0).owner(), left.get(1).owner(), "the second has the worker that the first has left");
        assertEquals(left.get(0).owner(), left.get(2).owner());
        PageTableContext next = memory.newWorker("next", Thread.currentThread());
        assertEquals(left.get(0).owner(), next.owner());
        assertNotEquals(living.owner(), next.owner());
        PageTableContext other = memory.newWorker("other", Thread.currentThread());
        assertNotEquals(next.owner(), other.owner(), "nothing was given back twice");
        assertNotEquals(living.owner(), other.owner());
        memory.discard(next);
        memory.discard(other);
        memory.discard(living);
        assertEquals(0, memory.frames().inUse());
        memory.rcu().synchronize();
    }

    @ParameterizedTest
    @ValueSource(longs = {Integer.MAX_VALUE - 2L, 2L * Integer.MAX_VALUE - 1})
    @DisplayName("caches of pages have numbers of 64 bits: none is an anonymous page's, or that of a page being filled")
    void numbersOfCaches(long last) {
        memory.numberCachesFrom(last);
        Frames frames = memory.frames();
        List<Long> others = new ArrayList<>();
        for (int i = 1; i <= 6; i++) {
            FilePages cache = new FilePages(memory, 1 << 20);
            assertEquals(last + i, cache.number());
            int frame = cache.allocate();
            assertTrue(frames.isPrepared(frame, cache.number()));
            assertFalse(frames.isCached(frame, cache.number(), 0), "it is still being filled");
            for (long other : others) {
                assertFalse(frames.isPrepared(frame, other), "for another cache");
                assertFalse(frames.isCached(frame, other, 0), "another cache's");
            }
            assertEquals(frame, cache.insert(1, frame));
            assertTrue(frames.isCached(frame, cache.number(), 1));
            others.add(cache.number());
            cache.remove(1, 1);
        }
        assertEquals(0, frames.inUse());
    }

    @Test
    @DisplayName("I9: workers that a burst has left idle are given up, and grace periods look at them no more")
    void idleWorkers() {
        int burst = 2000;
        List<PageTableContext> lent = new ArrayList<>();
        for (int i = 0; i < burst; i++) {
            lent.add(memory.borrow());
        }
        lent.forEach(memory::giveBack);
        for (int i = 0; i < burst; i++) {
            memory.giveBack(memory.borrow());
        }
        assertTrue(memory.idleWorkers() <= 16, () -> memory.idleWorkers() + " are idle");
        PageTableContext again = memory.borrow();
        assertTrue(again.owner() < burst, "numbers are used again");
        memory.giveBack(again);
        assertEquals(0, memory.frames().inUse());
    }

    @Test
    @DisplayName("where no owner number is left, the resources taken for one are released")
    void noneLeft() {
        int most = 5;
        Memory few = SmallMemory.withWorkers(100, most);
        List<PageTableContext> lent = new ArrayList<>();
        for (PageTableContext worker = few.borrowOrNull(); worker != null; worker = few.borrowOrNull()) {
            lent.add(worker);
        }
        assertEquals(most, lent.size());
        assertThrows(IllegalStateException.class, few::borrow);
        PageTableContext last = lent.remove(lent.size() - 1);
        few.giveBack(last);
        assertSame(last, few.borrow());
    }
}
