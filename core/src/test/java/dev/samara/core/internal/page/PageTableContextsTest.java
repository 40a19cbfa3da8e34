// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.internal.cpu.CpuOwner;
import dev.samara.core.internal.cpu.OwnedCpu;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.memory.SmallMemory;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The page table contexts of a machine: owned by threads, and lent. */
final class PageTableContextsTest {
    private final MachineMemory memory = SmallMemory.of(100);

    @Test
    @DisplayName("the reader of a context has the name of the thread that owns it now, if there is one")
    void readerNames() {
        PageTableContext context = memory.contexts().newContext("cpu 1", OwnedCpu.owner());
        assertEquals(
                "cpu 1 of thread " + Thread.currentThread().getName(),
                context.reader().name());
        context.reader().ownedBy(null);
        assertEquals("cpu 1", context.reader().name());
        Thread next = new Thread(() -> {}, "next");
        context.reader().ownedBy(next);
        assertEquals("cpu 1 of thread next", context.reader().name());
        memory.contexts().discard(context);
    }

    @Test
    @DisplayName("a context that is given up again does not give up the number of another one")
    void discardedTwice() {
        PageTableContext first = memory.contexts().newContext("first");
        int number = first.owner();
        memory.contexts().discard(first);
        memory.contexts().discard(first);
        PageTableContext second = memory.contexts().newContext("second");
        assertEquals(number, second.owner());
        memory.contexts().discard(first);
        PageTableContext third = memory.contexts().newContext("third");
        assertNotEquals(second.owner(), third.owner());
        memory.contexts().discard(second);
        memory.contexts().discard(third);
    }

    @Test
    @DisplayName("the number that is free for the longest time comes next, also if there are many")
    void numbers() {
        List<PageTableContext> contexts = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            contexts.add(memory.contexts().newContext("context " + i));
        }
        for (int i = 0; i < 40; i += 3) {
            memory.contexts().discard(contexts.get(i));
        }
        for (int i = 0; i < 40; i += 3) {
            assertEquals(contexts.get(i).owner(), memory.owners().register());
        }
        assertEquals(40, memory.owners().register());
    }

    @Test
    @DisplayName("the context of a thread that has ended is given back once, when the next thread needs a context")
    void contextsOfTheDead() throws InterruptedException {
        PageTableContext living = memory.contexts().newContext("living", OwnedCpu.owner());
        List<PageTableContext> left = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            Thread dead = new Thread(() -> {
                synchronized (left) {
                    PageTableContext context = memory.contexts().newContext("dead", OwnedCpu.owner());
                    memory.frames().drop(memory.frames().allocate(context.magazine()), context.magazine());
                    left.add(context);
                }
            });
            dead.start();
            dead.join();
        }
        assertEquals(left.get(0).owner(), left.get(1).owner(), "the second has the context that the first has left");
        assertEquals(left.get(0).owner(), left.get(2).owner());
        PageTableContext next = memory.contexts().newContext("next", OwnedCpu.owner());
        assertEquals(left.get(0).owner(), next.owner());
        assertNotEquals(living.owner(), next.owner());
        PageTableContext other = memory.contexts().newContext("other", OwnedCpu.owner());
        assertNotEquals(next.owner(), other.owner(), "nothing was given back twice");
        assertNotEquals(living.owner(), other.owner());
        memory.contexts().discard(next);
        memory.contexts().discard(other);
        memory.contexts().discard(living);
        assertEquals(0, memory.frames().inUse());
        memory.rcu().synchronize();
    }

    @Test
    @DisplayName("a context whose owner cannot be noted for want of memory is lent to others, and no CPU ends it")
    void withoutOwner() {
        Map<PageTableContext, CpuOwner> noted = new ConcurrentHashMap<>() {
            private static final long serialVersionUID = 1;

            @Override
            public CpuOwner put(PageTableContext context, CpuOwner owner) {
                super.put(context, owner);
                throw new OutOfMemoryError("after the context has come into the map");
            }
        };
        memory.contexts().keepOwnersIn(noted);
        CpuOwner refused = OwnedCpu.owner();
        assertThrows(OutOfMemoryError.class, () -> memory.contexts().newContext("refused", refused));
        PageTableContext lent = memory.contexts().borrow();
        assertEquals(0, lent.owner());
        OwnedCpu.lose(refused);
        assertThrows(OutOfMemoryError.class, () -> memory.contexts().newContext("next", OwnedCpu.owner()));
        assertEquals(2, memory.owners().register(), "the number of the context that is lent was given to the next");
        assertEquals(Map.of(), noted);
        memory.contexts().giveBack(lent);
    }

    @Test
    @DisplayName("I9: contexts that a burst has left idle are given up, and grace periods look at them no more")
    void idleContexts() {
        int burst = 2000;
        List<PageTableContext> lent = new ArrayList<>();
        for (int i = 0; i < burst; i++) {
            lent.add(memory.contexts().borrow());
        }
        lent.forEach(memory.contexts()::giveBack);
        for (int i = 0; i < burst; i++) {
            memory.contexts().giveBack(memory.contexts().borrow());
        }
        assertTrue(memory.contexts().idleCount() <= 16, () -> memory.contexts().idleCount() + " are idle");
        PageTableContext again = memory.contexts().borrow();
        assertTrue(again.owner() < burst, "numbers are used again");
        memory.contexts().giveBack(again);
        assertEquals(0, memory.frames().inUse());
    }

    @Test
    @DisplayName("where no owner number is left, the resources taken for one are released")
    void noneLeft() {
        int most = 5;
        MachineMemory few = SmallMemory.withContexts(100, most);
        List<PageTableContext> lent = new ArrayList<>();
        for (PageTableContext context = few.contexts().borrowOrNull();
                context != null;
                context = few.contexts().borrowOrNull()) {
            lent.add(context);
        }
        assertEquals(most, lent.size());
        assertThrows(IllegalStateException.class, few.contexts()::borrow);
        PageTableContext last = lent.remove(lent.size() - 1);
        few.contexts().giveBack(last);
        assertSame(last, few.contexts().borrow());
    }
}
