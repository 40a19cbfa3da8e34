// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import static dev.samara.core.SpaceFixture.ANONYMOUS;
import static dev.samara.core.SpaceFixture.PAGE;
import static dev.samara.core.SpaceFixture.READ;
import static dev.samara.core.SpaceFixture.RW;
import static dev.samara.core.SpaceFixture.WRITE;
import static dev.samara.core.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.backing.MemoryFile;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
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
        int frame = memory.pin(at, READ);
        assertEquals(frame, memory.pin(at + 5, WRITE));
        assertEquals(0, fixture.space.munmap(at, PAGE));
        assertEquals(1, fixture.frames());
        assertEquals(42, memory.frameStore().get(frame, 0, 8));
        memory.unpin(frame, false);
        assertEquals(1, fixture.frames());
        assertEquals(42, memory.frameStore().get(frame, 0, 8));
        memory.unpin(frame, true);
        assertEquals(0, fixture.frames());
        for (int none : new int[] {frame, -1, 1 << 25, Integer.MAX_VALUE}) {
            assertThrows(IllegalStateException.class, () -> memory.unpin(none, true));
        }
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
        int frame = memory.pin(at + PAGE, WRITE);
        file.truncate(PAGE);
        memory.frameStore().put(frame, 0, 8, 9);
        file.truncate(2 * PAGE);
        assertEquals(0, fixture.load(at + PAGE));
        assertEquals(9, memory.frameStore().get(frame, 0, 8));
        file.close();
        assertEquals(1, fixture.frames());
        memory.unpin(frame, true);
    }

    @Test
    @DisplayName("a pinned page that was protected and given back is written in place, as the device sees it")
    void pinnedAndProtected() {
        long at = fixture.anonymous(1);
        fixture.store(at, 1);
        int frame = memory.pin(at, WRITE);
        assertEquals(0, fixture.space.mprotect(at, PAGE, READ));
        assertFault(Fault.ACCERR, memory.store(at, 8, 2));
        assertEquals(0, fixture.space.mprotect(at, PAGE, RW));
        fixture.store(at, 3);
        assertEquals(frame, Pte.frame(fixture.pte(at)));
        assertEquals(3, memory.frameStore().get(frame, 0, 8));
        memory.unpin(frame, false);
    }

    @Test
    @DisplayName(
            "to pin a page that has as many pins as can be counted is OUT_OF_MEMORY, and leaves the pins that there"
                    + " are")
    void tooManyPins() {
        long at = fixture.anonymous(1);
        int frame = memory.pin(at, WRITE);
        long pins = 1;
        int last = memory.pin(at, WRITE);
        for (; last == frame; pins++) {
            last = memory.pin(at, WRITE);
        }
        assertEquals(-Fault.OUT_OF_MEMORY, last);
        assertEquals(at, memory.faultAddress());
        memory.unpin(frame, false);
        assertEquals(frame, memory.pin(at, READ));
        assertEquals(0, fixture.space.munmap(at, PAGE));
        for (; pins > 0; pins--) {
            assertEquals(1, fixture.frames());
            memory.unpin(frame, false);
        }
        assertEquals(0, fixture.frames());
    }

    @Test
    @DisplayName("to pin where the access is not allowed gives the fault, negated")
    void pinFails() {
        long at = fixture.map(0, 1, READ, ANONYMOUS, null, 0);
        assertEquals(-Fault.ACCERR, memory.pin(at, WRITE));
        assertEquals(-Fault.MAPERR, memory.pin(at + PAGE, READ));
        assertEquals(at + PAGE, memory.faultAddress());
        // The zero page is not pinned and not freed.
        int zero = memory.pin(at, READ);
        memory.unpin(zero, false);
        assertEquals(0, fixture.load(at));
    }
}
