// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Cpu;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("A CPU")
final class CpuPinsTest {
    private final SpaceFixture fixture = new SpaceFixture();
    private final Cpu cpu = fixture.cpu;
    private final GuestMemory memory = cpu.memory();

    @AfterEach
    void everyFrameComesBack() throws InterruptedException {
        fixture.closeEmpty();
        assertEquals(List.of(), fixture.reports);
    }

    @Test
    @DisplayName("a pinned frame outlives its mapping, and is free when the last pin ends")
    void pinsOutliveMappings() {
        long at = fixture.anonymous(1);
        fixture.store(at, 42);
        PinnedFrame one = fixture.pin(at, READ);
        PinnedFrame other = fixture.pin(at + 5, WRITE);
        assertEquals(one.frame(), other.frame());
        assertEquals(2, fixture.machine.statistics().pins());
        assertEquals(0, fixture.space.munmap(at, PAGE));
        assertEquals(1, fixture.frames());
        assertEquals(42, SpaceFixture.read(one));
        one.close();
        assertEquals(1, fixture.frames());
        assertEquals(42, SpaceFixture.read(other));
        other.close();
        assertEquals(0, fixture.frames());
        long next = fixture.anonymous(1);
        fixture.store(next, 1);
        assertEquals(0, fixture.space.munmap(next, PAGE));
        assertEquals(0, fixture.frames());
    }

    @Test
    @DisplayName("a pinned page of a file outlives a truncation, and the file does not see later stores to it")
    void pinsOutliveTruncation() {
        MemoryFile file = fixture.file(2);
        long at = fixture.map(0, 2, RW, MapFlags.SHARED, file.open(), 0);
        PinnedFrame pinned = fixture.pin(at + PAGE, WRITE);
        file.truncate(PAGE);
        SpaceFixture.write(pinned, 9);
        file.truncate(2 * PAGE);
        assertEquals(0, fixture.load(at + PAGE));
        assertEquals(9, SpaceFixture.read(pinned));
        file.close();
        assertEquals(1, fixture.frames());
        pinned.close();
    }

    @Test
    @DisplayName("a pinned page that was protected and given back is written in place, as the device sees it")
    void pinnedAndProtected() {
        long at = fixture.anonymous(1);
        fixture.store(at, 1);
        PinnedFrame pinned = fixture.pin(at, WRITE);
        assertEquals(0, fixture.space.mprotect(at, PAGE, READ));
        assertFault(Fault.ACCERR, memory.store(at, 8, 2));
        assertEquals(0, fixture.space.mprotect(at, PAGE, RW));
        fixture.store(at, 3);
        assertEquals(pinned.frame(), Pte.frame(fixture.pte(at)));
        assertEquals(3, SpaceFixture.read(pinned));
        pinned.close();
    }

    @Test
    @DisplayName(
            "to pin a page that has as many pins as can be counted is OUT_OF_MEMORY, and leaves the pins that there"
                    + " are")
    void tooManyPins() {
        long at = fixture.anonymous(1);
        Deque<PinnedFrame> pins = new ArrayDeque<>();
        for (PinnedFrame last = memory.pin(at, WRITE); last != null; last = memory.pin(at, WRITE)) {
            pins.add(last);
        }
        assertFault(Fault.OUT_OF_MEMORY, memory.fault());
        assertEquals(at, memory.faultAddress());
        assertEquals(pins.size(), fixture.machine.statistics().pins());
        int frame = pins.getFirst().frame();
        pins.remove().close();
        pins.add(fixture.pin(at, READ));
        assertEquals(frame, pins.getLast().frame());
        assertNull(memory.pin(at, READ));
        assertEquals(0, fixture.space.munmap(at, PAGE));
        assertTrue(pins.size() > 1_000_000, () -> pins.size() + " pins");
        while (pins.size() > 1) {
            pins.remove().close();
        }
        assertEquals(1, fixture.frames());
        pins.remove().close();
        assertEquals(0, fixture.frames());
    }

    @Test
    @DisplayName("to pin where the access is not allowed gives no pin, and the fault")
    void pinFails() {
        long at = fixture.map(0, 1, READ, ANONYMOUS, null, 0);
        assertNull(memory.pin(at, WRITE));
        assertFault(Fault.ACCERR, memory.fault());
        assertNull(memory.pin(at + PAGE, READ));
        assertFault(Fault.MAPERR, memory.fault());
        assertEquals(at + PAGE, memory.faultAddress());
        // The zero page is neither counted nor freed.
        PinnedFrame zero = fixture.pin(at, READ);
        assertEquals(0, fixture.machine.statistics().pins());
        assertEquals(0, SpaceFixture.read(zero));
        zero.close();
        assertEquals(0, fixture.load(at));
    }

    @Test
    @DisplayName("a pin counts as a miss of the TLB, which it does not ask")
    void missOfThePin() {
        long at = fixture.anonymous(1);
        fixture.store(at, 42);
        assertEquals(42, fixture.load(at));
        long before = cpu.statistics().tlbMisses();
        assertEquals(42, fixture.load(at));
        assertEquals(before, cpu.statistics().tlbMisses());
        fixture.pin(at, READ).close();
        assertEquals(before + 1, cpu.statistics().tlbMisses());
    }
}
