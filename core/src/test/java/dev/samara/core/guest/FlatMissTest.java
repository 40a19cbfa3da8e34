// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.Watchpoint;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.fixture.ThrowingMemory;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Accesses in one step that miss the TLB, on an unchecked machine, by a CPU that walked to the leaf before. */
@ExtendWith(OneThread.class)
final class FlatMissTest {
    private static final int PAGES = 3;

    private final SpaceFixture fixture =
            new SpaceFixture(Machine.builder().memory(1 << 24).checked(false));
    private final AddressSpace space = fixture.space;
    private final ThrowingMemory memory = new ThrowingMemory(fixture.cpu);
    private final List<Long> told = new ArrayList<>();
    private long at;

    @BeforeEach
    void walk() {
        at = fixture.anonymous(PAGES);
        inGuest(() -> {
            for (int page = 0; page < PAGES; page++) {
                memory.storeLong(at + page * PAGE, page);
            }
        });
    }

    @AfterEach
    void close() {
        fixture.close();
    }

    private void inGuest(Runnable accesses) {
        fixture.cpu.enterGuest();
        try {
            accesses.run();
        } finally {
            fixture.cpu.leaveGuest();
        }
    }

    private void assertTold(Long... addresses) {
        assertEquals(List.of(addresses), told);
        told.clear();
    }

    @Test
    @DisplayName("the first store since a page was collected as written marks it, and a load does not")
    void writtenAgain() {
        space.collectDirty(at, PAGES * PAGE, told::add);
        assertTold(at, at + PAGE, at + 2 * PAGE);
        inGuest(() -> {
            assertEquals(1, memory.loadLong(at + PAGE));
            memory.storeLong(at + 2 * PAGE, 5);
        });
        space.collectDirty(at, PAGES * PAGE, told::add);
        assertTold(at + 2 * PAGE);
    }

    @Test
    @DisplayName("a page that was loaded and not written gets no right to store before the store marks it")
    void loadedThenWritten() {
        space.collectDirty(at, PAGES * PAGE, page -> {});
        inGuest(() -> {
            assertEquals(0, memory.loadLong(at));
            memory.storeLong(at, 5);
        });
        space.collectDirty(at, PAGES * PAGE, told::add);
        assertTold(at);
    }

    @Test
    @DisplayName("the first load since a page was collected as accessed marks it")
    void loadedAgain() {
        space.collectAccessed(at, PAGES * PAGE, page -> {});
        inGuest(() -> assertEquals(1, memory.loadLong(at + PAGE)));
        space.collectAccessed(at, PAGES * PAGE, told::add);
        assertTold(at + PAGE);
    }

    @Test
    @DisplayName("each store to a watched page is told, also after a load, and none to a page beside it")
    void watched() {
        Watchpoint watch = space.watch(at + PAGE, 8, (address, length) -> told.add(address));
        inGuest(() -> {
            assertEquals(1, memory.loadLong(at + PAGE));
            memory.storeLong(at + PAGE, 5);
            memory.storeLong(at + PAGE, 6);
            memory.storeLong(at, 7);
        });
        assertTold(at + PAGE, at + PAGE);
        watch.close();
        inGuest(() -> memory.storeLong(at + PAGE, 8));
        assertTold();
    }

    @Test
    @DisplayName("a page that was replaced, narrowed or removed is found as it is now")
    void changed() {
        assertEquals(at, fixture.map(at, 1, RW, SpaceFixture.ANONYMOUS | Mman.FIXED, null, 0));
        assertEquals(0, space.mprotect(at + PAGE, PAGE, Mman.READ));
        assertEquals(0, space.munmap(at + 2 * PAGE, PAGE));
        inGuest(() -> {
            assertEquals(0, memory.loadLong(at));
            assertEquals(1, memory.loadLong(at + PAGE));
            assertFault(Fault.ACCERR, () -> memory.storeLong(at + PAGE, 5));
            assertFault(Fault.MAPERR, () -> memory.loadLong(at + 2 * PAGE));
            assertFault(Fault.ACCERR, () -> memory.fetchLong(at));
        });
    }

    private static void assertFault(int expected, Runnable access) {
        SpaceFixture.assertFault(
                expected, assertThrows(ThrowingMemory.Signal.class, access::run).fault());
    }
}
