// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.cpu;

import static dev.samara.core.fixture.Refusal.assertRefused;
import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Guest;
import dev.samara.core.Machine;
import dev.samara.core.backing.CachedBacking;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.ThrowingMemory;
import dev.samara.core.guest.FlatMemory;
import dev.samara.core.guest.FutexTable;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.internal.page.HookedFrames;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.FrameStore;
import java.nio.ByteOrder;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Future;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A thread that enters a space without a CPU of its own")
final class GuestTest extends GuestFixture {
    private static final String IN_GUEST = "is in GUEST";

    @Test
    @DisplayName("a second close does nothing, also while a later guest is open")
    void closedTwice() {
        Guest first = space.enter();
        first.close();
        try (Guest later = space.enter()) {
            first.close();
            store(later, AT, 1);
            Guest inner = space.enter();
            inner.close();
            try (Guest second = space.enter()) {
                inner.close();
                assertRefused(IllegalStateException.class, () -> space.munmap(AT, PAGE), "GUEST");
                assertEquals(1, load(second, AT));
            }
            assertRefused(IllegalStateException.class, first::memory, "closed");
        }
    }

    @Test
    @DisplayName("a memory that is kept after the close is refused, while the CPU is idle")
    void keptMemory() {
        GuestMemory kept;
        try (Guest guest = space.enter()) {
            kept = guest.memory();
            assertTrue(kept.isMine());
            assertFalse(elsewhere(kept::isMine));
        }
        assertFalse(kept.isMine());
        assertRefused(IllegalStateException.class, () -> kept.load(AT, 8), "owned by no thread");
        assertRefused(IllegalStateException.class, kept::leave, "owned by no thread");
        elsewhere(() -> {
            try (Guest guest = space.enter()) {
                assertSame(kept, guest.memory());
                assertTrue(kept.isMine());
            }
            return 0;
        });
        assertFalse(kept.isMine());
    }

    @Test
    @DisplayName("leaves GUEST by its memory as by itself, up to the next poll")
    void leavesByMemory() {
        try (Guest guest = space.enter()) {
            guest.memory().leave();
            assertEquals(0, space.munmap(AT, PAGE));
            guest.poll();
            assertRefused(IllegalStateException.class, () -> space.munmap(AT, PAGE), IN_GUEST);
        }
        try (Cpu own = machine.claimCpu()) {
            own.switchTo(space);
            own.enterGuest();
            assertRefused(IllegalStateException.class, own.memory()::leave, "not of a Guest");
            own.leaveGuest();
        }
    }

    @Test
    @DisplayName("has the memory of the space in GUEST, up to the close")
    void enters() {
        try (Guest guest = space.enter()) {
            store(guest, AT, 7);
            assertEquals(7, load(guest, AT));
            assertRefused(IllegalStateException.class, () -> space.munmap(AT, PAGE), IN_GUEST);
            guest.poll();
            assertEquals("guest of cpu " + guest.number() + " of thread", guest + " of thread");
        }
        assertEquals(0, space.munmap(AT, PAGE));
        try (Guest guest = space.enter()) {
            assertFault(Fault.MAPERR, guest.memory().load(AT, 8));
        }
    }

    @Test
    @DisplayName("gets its CPU again, with the translations and the FlatMemory, and without the last results")
    void again() {
        int number;
        FlatMemory made;
        try (Guest guest = space.enter()) {
            assertNull(guest.memory().flat());
            made = new ThrowingMemory(guest.memory(), ByteOrder.LITTLE_ENDIAN);
            made.storeLong(AT, 5);
            number = guest.number();
            assertFault(Fault.MAPERR, guest.memory().load(AT - PAGE, 8));
            assertNotNull(guest.memory().lastFault());
        }
        long misses = machine.statistics().tlbMisses();
        try (Guest guest = space.enter()) {
            assertEquals(number, guest.number());
            assertSame(made, guest.memory().flat());
            assertEquals(5, made.loadLong(AT));
            assertNull(guest.memory().lastFault());
        }
        assertEquals(misses, machine.statistics().tlbMisses());
    }

    @Test
    @DisplayName("may enter the space again: one CPU, which is in GUEST up to the outer close")
    void nested() {
        Guest outer = space.enter();
        store(outer, AT, 1);
        Guest inner = space.enter();
        assertSame(outer.memory(), inner.memory());
        assertEquals(1, load(inner, AT));
        assertRefused(IllegalStateException.class, outer::close, "before the one within it");
        inner.close();
        assertRefused(IllegalStateException.class, inner::memory, "is closed");
        inner.close();
        assertRefused(IllegalStateException.class, () -> space.munmap(AT, PAGE), IN_GUEST);
        outer.close();
        outer.close();
        assertRefused(IllegalStateException.class, outer::poll, "is closed");
        assertEquals(0, space.munmap(AT, PAGE));
    }

    @Test
    @DisplayName("may enter other spaces, whose accesses wait outside GUEST of all, and come back to it")
    void otherSpaces() {
        List<String> asked = new CopyOnWriteArrayList<>();
        try (AddressSpace second = newSpace()) {
            CachedBacking file = new CachedBacking("/asked", machine.newPageCache(GEOMETRY, 4 * PAGE)) {
                @Override
                protected boolean read(long page, int frame, FrameStore store) {
                    asked.add("page " + page + ", munmap " + space.munmap(AT + (page + 1) * PAGE, PAGE));
                    return true;
                }
            };
            long in = second.mmap(0, 4 * PAGE, READ, Mman.SHARED, file, 0);
            try (Guest outer = space.enter();
                    Guest inner = second.enter()) {
                store(outer, AT, 1);
                store(inner, AT, 2);
                assertEquals(1, load(outer, AT));
                assertEquals(2, load(inner, AT));
                long calls = machine.statistics().tlbMisses();
                assertEquals(1, load(outer, AT));
                assertEquals(calls, machine.statistics().tlbMisses());
                assertEquals(0, load(inner, in));
                assertEquals(List.of("page 0, munmap 0"), asked.subList(0, 1));
                assertRefused(IllegalStateException.class, () -> space.munmap(AT, PAGE), IN_GUEST);
                outer.poll();
                inner.poll();
                assertEquals(1, load(outer, AT));
                assertFault(Fault.MAPERR, outer.memory().load(AT + PAGE, 8));
            }
        }
    }

    @Test
    @DisplayName("comes back to GUEST after a fault whose callback has entered its space")
    void enteredByCallback() {
        try (AddressSpace second = newSpace()) {
            CachedBacking file = new CachedBacking("/enters", machine.newPageCache(GEOMETRY, 4 * PAGE)) {
                @Override
                protected boolean read(long page, int frame, FrameStore store) {
                    try (Guest within = space.enter()) {
                        store(within, AT, 3);
                    }
                    return true;
                }
            };
            long in = second.mmap(0, 4 * PAGE, READ, Mman.SHARED, file, 0);
            try (Guest outer = space.enter()) {
                try (Guest inner = second.enter()) {
                    assertEquals(0, load(inner, in));
                }
                assertRefused(IllegalStateException.class, () -> space.munmap(AT, PAGE), IN_GUEST);
                assertEquals(3, load(outer, AT));
            }
        }
    }

    @Test
    @DisplayName("leaves GUEST for calls that may wait, if each of its guests allows it, and comes back with a poll")
    void leavesForCalls() {
        try (Guest outer = space.enter().leaveForCalls()) {
            FlatMemory flat = new ThrowingMemory(outer.memory(), ByteOrder.LITTLE_ENDIAN);
            flat.storeLong(AT, 3);
            assertEquals(0, space.mprotect(AT, PAGE, READ));
            assertEquals(3, flat.loadLong(AT));
            assertTrue(flat.poll());
            assertRefused(ThrowingMemory.Signal.class, () -> flat.storeLong(AT, 4), "SEGV_ACCERR");
            try (Guest inner = space.enter()) {
                assertRefused(IllegalStateException.class, () -> space.munmap(AT, PAGE), IN_GUEST);
                assertSame(inner, inner.leaveForCalls());
                assertEquals(0, space.munmap(AT, PAGE));
                assertFault(Fault.MAPERR, inner.memory().load(AT, 8));
            }
            try (AddressSpace child = space.fork()) {
                assertEquals(0, child.munmap(AT + PAGE, PAGE));
            }
            outer.poll();
            assertEquals(0, load(outer, AT + PAGE));
        }
        try (Guest guest = space.enter()) {
            assertRefused(IllegalStateException.class, () -> space.munmap(AT + PAGE, PAGE), IN_GUEST);
            assertEquals(0, load(guest, AT + PAGE));
        }
    }

    @Test
    @DisplayName("stays in GUEST for calls if it has not allowed that, although a guest that was in its place has")
    void doesNotInheritLeave() {
        try (Guest outer = space.enter().leaveForCalls()) {
            Guest earlier = space.enter().leaveForCalls();
            assertEquals(0, space.munmap(AT, PAGE));
            earlier.close();
            try (Guest inner = space.enter()) {
                assertSame(outer, outer.leaveForCalls());
                assertRefused(IllegalStateException.class, () -> space.munmap(AT + PAGE, PAGE), IN_GUEST);
                assertEquals(0, load(inner, AT + PAGE));
            }
        }
    }

    @Test
    @DisplayName("is out of GUEST between a call and the next poll, also after an access or an inner guest")
    void isAway() {
        try (Guest guest = space.enter().leaveForCalls()) {
            store(guest, AT, 1);
            assertEquals(0, space.munmap(AT + PAGE, PAGE));
            // An access alone does not return to GUEST, because the thread's next call may wait.
            assertEquals(1, load(guest, AT));
            assertEquals(0, elsewhere(() -> space.munmap(AT, PAGE)));
            try (Guest inner = space.enter()) {
                store(inner, AT + 2 * PAGE, 2);
                assertRefused(IllegalStateException.class, () -> space.munmap(AT + 3 * PAGE, PAGE), IN_GUEST);
            }
            assertEquals(0, elsewhere(() -> space.munmap(AT + 2 * PAGE, PAGE)));
            guest.poll();
            assertFault(Fault.MAPERR, guest.memory().load(AT + 2 * PAGE, 8));
        }
    }

    @Test
    @DisplayName("waits at a word of its memory outside GUEST, if it leaves GUEST for calls")
    void waitsAtAWord() throws Exception {
        FutexTable table = machine.futexes();
        try (Guest guest = space.enter()) {
            GuestMemory memory = guest.memory();
            store(guest, AT, 0);
            assertRefused(
                    IllegalStateException.class,
                    () -> table.await(memory, AT, false, 0, FutexTable.ANY, FutexTable.FOREVER),
                    IN_GUEST);
            guest.leaveForCalls();
            Future<Long> wakes = other.submit(() -> {
                Await.until("a thread waits", () -> table.waiters() == 1);
                // Would wait for the other thread if that thread were in GUEST.
                assertEquals(0, space.mprotect(AT, PAGE, READ));
                try (Guest own = space.enter().leaveForCalls()) {
                    return table.wake(own.memory(), AT, false, 1, FutexTable.ANY);
                }
            });
            assertEquals(0, table.await(memory, AT, false, 0, FutexTable.ANY, FutexTable.FOREVER));
            assertEquals(1, Await.result("a wake", wakes, reports));
            guest.poll();
            assertFault(Fault.ACCERR, memory.store(AT, 8, 1));
        }
    }

    @Test
    @DisplayName("leaves GUEST on demand, and comes back with a poll")
    void leaves() {
        try (Guest guest = space.enter()) {
            store(guest, AT, 1);
            guest.leave();
            guest.leave();
            assertEquals(0, elsewhere(() -> space.munmap(AT, PAGE)));
            assertEquals(0, space.munmap(AT + PAGE, PAGE));
            guest.poll();
            assertRefused(IllegalStateException.class, () -> space.munmap(AT + 2 * PAGE, PAGE), IN_GUEST);
            assertFault(Fault.MAPERR, guest.memory().load(AT, 8));
            guest.leave();
        }
        try (Guest guest = space.enter()) {
            assertRefused(IllegalStateException.class, () -> space.munmap(AT + 2 * PAGE, PAGE), IN_GUEST);
            guest.poll();
        }
    }

    @Test
    @DisplayName("leaves GUEST on demand with the thread's guests in other spaces, if these leave it for calls")
    void leavesWithOthers() {
        for (boolean isAllowed : new boolean[] {true, false}) {
            try (AddressSpace second = newSpace();
                    Guest outer = space.enter()) {
                try (Guest inner = second.enter()) {
                    if (isAllowed) {
                        assertSame(inner, inner.leaveForCalls());
                    }
                    store(inner, AT, 1);
                    outer.leave();
                    if (isAllowed) {
                        assertEquals(0, elsewhere(() -> second.munmap(AT, PAGE)));
                    } else {
                        assertRefused(IllegalStateException.class, () -> second.munmap(AT, PAGE), IN_GUEST);
                    }
                }
            }
        }
    }

    @Test
    @DisplayName("stays in GUEST if the machine has a store of the embedder, which may call in the midst of an access")
    void ownStore() {
        try (Machine own = Machine.builder()
                        .memory(1 << 20)
                        .frameStore(HookedFrames::new)
                        .reportTo(reports::add)
                        .build();
                AddressSpace in = own.newSpace(GEOMETRY)) {
            assertEquals(AT, in.mmap(AT, PAGE, RW, FIXED, null, 0));
            try (Guest guest = in.enter().leaveForCalls()) {
                store(guest, AT, 1);
                assertRefused(IllegalStateException.class, () -> in.munmap(AT, PAGE), IN_GUEST);
                guest.leave();
                assertEquals(0, in.munmap(AT, PAGE));
            }
        }
    }

    @Test
    @DisplayName("cannot use, or close, the guest of another thread")
    void ofAnotherThread() {
        try (Guest guest = space.enter()) {
            String name = Thread.currentThread().getName();
            elsewhere(() -> assertRefused(IllegalStateException.class, guest::close, "owned by " + name));
            elsewhere(() -> assertRefused(IllegalStateException.class, guest::memory, "owned by " + name));
            elsewhere(() -> assertRefused(IllegalStateException.class, guest::poll, "owned by " + name));
            store(guest, AT, 1);
        }
    }
}
