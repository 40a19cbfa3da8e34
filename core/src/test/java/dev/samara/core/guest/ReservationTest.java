// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.fixture.ThrowingMemory;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.nio.ByteOrder;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(OneThread.class)
@DisplayName("A store-conditional")
final class ReservationTest {
    private static final long AT = 0x2000_0000_0000L;
    private static final int FIXED = SpaceFixture.ANONYMOUS | Mman.FIXED;

    private final SpaceFixture fixture = new SpaceFixture();
    private final AddressSpace space = fixture.space;
    private final Cpu cpu = fixture.cpu;
    private final GuestMemory memory = fixture.memory;
    private final ThrowingMemory flat;

    ReservationTest() {
        fixture.map(AT, 2, RW, FIXED, null, 0);
        flat = new ThrowingMemory(cpu);
    }

    @AfterEach
    void close() {
        fixture.close();
    }

    /** Adds 1 to the int and then to the long at one address, four times. */
    private static long addToBoth(FlatMemory its) {
        its.storeLong(AT, 0x8182_8384_8586_8788L);
        for (int round = 0; round < 4; round++) {
            boolean isOpaque = round % 2 == 0;
            int half = its.loadInt(AT);
            assertEquals(half, isOpaque ? its.loadReservedIntOpaque(AT) : its.loadReservedIntVolatile(AT));
            assertTrue(its.storeConditionalInt(AT, half + 1));
            assertFalse(its.storeConditionalInt(AT, 0), "the first one has ended the reservation");
            long whole = its.loadLong(AT);
            assertEquals(whole, isOpaque ? its.loadReservedLongOpaque(AT) : its.loadReservedLongVolatile(AT));
            assertTrue(its.storeConditionalLong(AT, whole + 1));
            assertFalse(its.storeConditionalLong(AT, 0), "the first one has ended the reservation");
        }
        return its.loadLong(AT);
    }

    @ParameterizedTest
    @CsvSource({"false, false", "false, true", "true, false", "true, true"})
    @DisplayName("writes if memory has the number that was read, once, in each byte order")
    void writes(boolean isBig, boolean isGuest) {
        try (OtherCpu other = new OtherCpu(space)) {
            long added = other.call(of -> {
                FlatMemory its =
                        new ThrowingMemory(of.memory(), isBig ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN);
                if (!isGuest) {
                    return addToBoth(its);
                }
                of.enterGuest();
                try {
                    return addToBoth(its);
                } finally {
                    of.leaveGuest();
                }
            });
            assertEquals(isBig ? 0x8182_8388_8586_878cL : 0x8182_8384_8586_8790L, added);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4, 8})
    @DisplayName("of any size writes its bytes only, and sets the value")
    void sizes(int size) {
        long mask = -1L >>> (Long.SIZE - size * Byte.SIZE);
        fixture.store(AT + 8, -2);
        assertFault(Fault.NONE, memory.loadReserved(AT + 8, size));
        assertEquals(-2 & mask, memory.value());
        assertFault(Fault.NONE, memory.storeConditional(AT + 8, size, 5));
        assertEquals(1, memory.value());
        assertEquals((-2 & ~mask) | 5, fixture.load(AT + 8));
        assertFault(Fault.NONE, memory.storeConditional(AT + 8, size, 6));
        assertEquals(0, memory.value());
        assertEquals((-2 & ~mask) | 5, fixture.load(AT + 8));
    }

    @Test
    @DisplayName("without a reservation of its address and size makes no access, fails, and ends what was reserved")
    void others() {
        assertFalse(flat.storeConditionalInt(AT, 1));
        assertFalse(flat.storeConditionalLong(AT + 3, 1), "not aligned");
        assertFault(Fault.NONE, memory.storeConditional(0, 8, 1));
        assertEquals(0, memory.value());
        assertFault(Fault.NONE, memory.fault());

        flat.loadReservedIntOpaque(AT);
        assertFalse(flat.storeConditionalInt(AT + 4, 1), "another address");
        assertFalse(flat.storeConditionalInt(AT, 1), "ended");
        flat.loadReservedLongOpaque(AT);
        assertFalse(flat.storeConditionalInt(AT, 1), "another size");
        assertFalse(flat.storeConditionalLong(AT, 1), "ended");
        flat.loadReservedIntVolatile(AT);
        flat.loadReservedIntVolatile(AT + 8);
        assertFalse(flat.storeConditionalInt(AT, 1), "replaced");
        assertEquals(0, flat.loadLong(AT));
        assertThrows(IllegalArgumentException.class, () -> memory.storeConditional(AT, 3, 1));
    }

    @Test
    @DisplayName("shares its reservation with the other form of access")
    void shared() {
        fixture.store(AT, -1);
        flat.loadReservedIntOpaque(AT);
        assertFault(Fault.NONE, memory.storeConditional(AT, 4, 7));
        assertEquals(1, memory.value());
        assertFault(Fault.NONE, memory.loadReserved(AT, 8));
        assertTrue(flat.storeConditionalLong(AT, 9));
        assertEquals(9, fixture.load(AT));
    }

    @Test
    @DisplayName("fails after another CPU's store of another number, but not after that number is restored")
    void comparesNumbers() {
        try (OtherCpu other = new OtherCpu(space)) {
            flat.loadReservedIntOpaque(AT);
            assertFault(Fault.NONE, other.call(of -> of.memory().store(AT, 4, 1)));
            assertFalse(flat.storeConditionalInt(AT, 2));
            assertEquals(1, flat.loadInt(AT));
            flat.loadReservedIntOpaque(AT);
            assertFault(Fault.NONE, other.call(of -> of.memory().store(AT, 4, 3)));
            assertFault(Fault.NONE, other.call(of -> of.memory().store(AT, 4, 1)));
            assertTrue(flat.storeConditionalInt(AT, 2));
        }
    }

    @Test
    @DisplayName("fails after the reservation is cleared, and in another space, or in this one again")
    void cleared() {
        flat.loadReservedIntOpaque(AT);
        memory.clearReservation();
        assertFalse(flat.storeConditionalInt(AT, 1));
        try (AddressSpace child = space.fork()) {
            flat.loadReservedIntOpaque(AT);
            cpu.switchTo(child);
            assertFalse(flat.storeConditionalInt(AT, 1), "of another space");
            cpu.switchTo(space);
            flat.loadReservedIntOpaque(AT);
            cpu.switchTo(child);
            cpu.switchTo(space);
            assertFalse(flat.storeConditionalInt(AT, 1), "from before");
            assertEquals(0, flat.loadInt(AT));
        }
    }

    @Test
    @DisplayName("that faults ends the reservation; a load-reserved that faults leaves it")
    void faults() {
        assertThrows(ThrowingMemory.Signal.class, () -> flat.loadReservedIntOpaque(AT + 2));
        assertFault(Fault.ADRALN, memory.loadReserved(AT + 4, 8));
        flat.loadReservedIntOpaque(AT);
        assertThrows(ThrowingMemory.Signal.class, () -> flat.loadReservedLongVolatile(AT + 2 * PAGE));
        assertFault(Fault.MAPERR, memory.loadReserved(AT + 2 * PAGE, 8));
        assertTrue(flat.storeConditionalInt(AT, 4));

        flat.loadReservedIntOpaque(AT);
        assertEquals(0, space.mprotect(AT, PAGE, READ));
        assertThrows(ThrowingMemory.Signal.class, () -> flat.storeConditionalInt(AT, 5));
        assertEquals(0, space.mprotect(AT, PAGE, RW));
        assertFalse(flat.storeConditionalInt(AT, 5));
        flat.loadReservedIntOpaque(AT);
        assertEquals(0, space.mprotect(AT, PAGE, READ));
        assertFault(Fault.ACCERR, memory.storeConditional(AT, 4, 5));
        assertEquals(0, space.mprotect(AT, PAGE, RW));
        assertFalse(flat.storeConditionalInt(AT, 5));
        assertEquals(4, flat.loadInt(AT));
    }

    private static int add(FlatMemory its, int count) {
        for (int done = 0; done < count; ) {
            long seen = its.loadReservedLongOpaque(AT + 16);
            done += its.storeConditionalLong(AT + 16, seen + 1) ? 1 : 0;
        }
        return count;
    }

    @Test
    @DisplayName("of two CPUs at one word loses no update")
    void counts() throws Exception {
        int each = 50_000;
        try (OtherCpu other = new OtherCpu(space)) {
            Future<Integer> added = other.submit(of -> {
                of.enterGuest();
                int count = add(new ThrowingMemory(of), each);
                of.leaveGuest();
                return count;
            });
            cpu.enterGuest();
            add(flat, each);
            cpu.leaveGuest();
            assertEquals(each, added.get());
        }
        assertEquals(2L * each, fixture.load(AT + 16));
    }
}
