// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

import static dev.samara.core.mman.Mman.EXEC;
import static dev.samara.core.mman.Mman.READ;
import static dev.samara.core.mman.Mman.WRITE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Watchpoint;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.guest.GuestMemory;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A fault: signals, codes, and the record of the last access that has failed")
final class FaultTest {
    private static final long PAGE = 4096;

    private static List<Integer> constants() throws IllegalAccessException {
        List<Integer> all = new ArrayList<>();
        for (Field field : Fault.class.getDeclaredFields()) {
            if (Modifier.isPublic(field.getModifiers())) {
                all.add(field.getInt(null));
            }
        }
        return all;
    }

    @Test
    @DisplayName("only NONE has signal 0: no failed access is taken for success")
    void signals() throws IllegalAccessException {
        assertEquals(List.of(0, 1, 2, 3, 4, 5, 6), constants());
        assertEquals(0, Fault.signal(Fault.NONE));
        assertEquals(0, Fault.siCode(Fault.NONE));
        for (int fault : constants()) {
            if (fault != Fault.NONE && fault != Fault.RETRY) {
                assertNotEquals(0, Fault.signal(fault));
                assertNotEquals(0, Fault.siCode(fault));
            }
        }
        for (int fault : new int[] {Fault.RETRY, -1, 7}) {
            assertThrows(IllegalArgumentException.class, () -> Fault.signal(fault));
            assertThrows(IllegalArgumentException.class, () -> Fault.siCode(fault));
        }
    }

    @Test
    @DisplayName("signals and codes are those of asm-generic/siginfo.h")
    void numbers() {
        assertEquals("11 1", signalAndCode(Fault.MAPERR));
        assertEquals("11 2", signalAndCode(Fault.ACCERR));
        assertEquals("7 2", signalAndCode(Fault.ADRERR));
        assertEquals("7 1", signalAndCode(Fault.ADRALN));
        assertEquals("9 128", signalAndCode(Fault.OUT_OF_MEMORY));
    }

    private static String signalAndCode(int kind) {
        Fault fault = new Fault(kind, 1, READ, 8);
        assertEquals(Fault.signal(kind), fault.signal());
        assertEquals(Fault.siCode(kind), fault.siCode());
        return fault.signal() + " " + fault.siCode();
    }

    @Test
    @DisplayName("a record is of an access that has failed, and reads like a line of the kernel's log")
    void records() {
        assertThrows(IllegalArgumentException.class, () -> new Fault(Fault.NONE, 0, READ, 1));
        assertThrows(IllegalArgumentException.class, () -> new Fault(7, 0, READ, 1));
        assertEquals("SEGV_ACCERR at 0x7fff0001000, write of 8 bytes", fault(Fault.ACCERR, WRITE, 8));
        assertEquals("BUS_ADRERR at 0x7fff0001000, read of 1 byte", fault(Fault.ADRERR, READ, 1));
        assertEquals("RETRY at 0x7fff0001000, fetch", fault(Fault.RETRY, EXEC, 0));
    }

    private static String fault(int kind, int access, int size) {
        return new Fault(kind, 0x7fff0001000L, access, size).toString();
    }

    @Test
    @DisplayName("the last access that has failed is known with its address, access and size, until the space changes")
    void last() {
        try (SpaceFixture fixture = new SpaceFixture()) {
            GuestMemory memory = fixture.memory;
            long at = fixture.anonymous(3);
            assertEquals(0, fixture.space.mprotect(at + PAGE, PAGE, READ));
            assertEquals(0, fixture.space.munmap(at + 2 * PAGE, PAGE));
            assertNull(memory.lastFault());

            assertEquals(Fault.ACCERR, memory.store(at + PAGE, 8, 1));
            assertEquals(new Fault(Fault.ACCERR, at + PAGE, WRITE, 8), memory.lastFault());
            assertEquals(Fault.NONE, memory.load(at + PAGE, 4));
            assertEquals(new Fault(Fault.ACCERR, at + PAGE, WRITE, 8), memory.lastFault());
            assertEquals(Fault.ACCERR, memory.store(at + PAGE - 4, 8, 1));
            assertEquals(new Fault(Fault.ACCERR, at + PAGE, WRITE, 8), memory.lastFault());
            assertEquals(Fault.MAPERR, memory.load(at + 2 * PAGE - 2, 4));
            assertEquals(new Fault(Fault.MAPERR, at + 2 * PAGE, READ, 4), memory.lastFault());
            assertEquals(Fault.ACCERR, memory.fetch(at, 2));
            assertEquals(new Fault(Fault.ACCERR, at, EXEC, 2), memory.lastFault());
            assertEquals(Fault.ADRALN, memory.getAndAdd(at + 1, 4, 1));
            assertEquals(new Fault(Fault.ADRALN, at + 1, WRITE, 4), memory.lastFault());
            assertEquals(Fault.ADRALN, memory.loadVolatile(at + 2, 8));
            assertEquals(new Fault(Fault.ADRALN, at + 2, READ, 8), memory.lastFault());
            assertEquals(Fault.ACCERR, memory.handleFault(at + PAGE, WRITE));
            assertEquals(new Fault(Fault.ACCERR, at + PAGE, WRITE, 0), memory.lastFault());
            assertNull(memory.pin(at + 2 * PAGE, READ));
            assertEquals(Fault.MAPERR, memory.fault());
            assertEquals(new Fault(Fault.MAPERR, at + 2 * PAGE, READ, 0), memory.lastFault());
            assertEquals(PAGE, memory.copyIn(at, new byte[5000], 0, 5000));
            assertEquals(Fault.ACCERR, memory.fault());
            assertEquals(new Fault(Fault.ACCERR, at + PAGE, WRITE, 904), memory.lastFault());
            assertEquals(PAGE, memory.fill(at, 2 * PAGE, (byte) 0));
            assertEquals(new Fault(Fault.ACCERR, at + PAGE, WRITE, (int) PAGE), memory.lastFault());
            assertEquals(100, memory.copyOut(at, new byte[100], 0, 100));
            assertEquals(Fault.NONE, memory.fault());
            assertEquals(new Fault(Fault.ACCERR, at + PAGE, WRITE, (int) PAGE), memory.lastFault());

            Watchpoint watched = fixture.space.watch(at, 8, (address, length) -> {
                assertEquals(Fault.NONE, memory.load(at, 8));
                assertEquals(Fault.MAPERR, memory.load(0, 1));
            });
            assertEquals(Fault.NONE, memory.store(at, 8, 1));
            watched.close();
            assertEquals(new Fault(Fault.ACCERR, at + PAGE, WRITE, (int) PAGE), memory.lastFault());

            fixture.cpu.switchTo(null);
            assertNull(memory.lastFault());
            fixture.cpu.switchTo(fixture.space);
            assertNull(memory.lastFault());
            assertTrue(memory.load(at, 8) == Fault.NONE);
        }
    }
}
