// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.Cpu;
import dev.samara.core.fixture.GuestScene;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.fixture.ThrowingMemory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@ExtendWith(OneThread.class)
@DisplayName("Loads and stores of floating point numbers")
final class FloatAccessTest {
    private static final long AT = 0x2000_0000_0000L;

    /** Zeros, infinities, the smallest and largest numbers, and NaNs: quiet, signalling, and with all bits set. */
    private static final int[] FLOATS = {
        0, 1 << 31, 1, 0x7f7f_ffff, 0x7f80_0000, 0xff80_0000, 0x7fc0_0000, 0x7fc0_1234, 0x7f80_0001, 0xffbf_ffff, -1
    };

    private static final long[] DOUBLES = {
        0,
        1L << 63,
        1,
        0x7fef_ffff_ffff_ffffL,
        0x7ff0_0000_0000_0000L,
        0xfff0_0000_0000_0000L,
        0x7ff8_0000_0000_0000L,
        0x7ff8_0000_1234_5678L,
        0x7ff0_0000_0000_0001L,
        0xfff7_ffff_ffff_ffffL,
        -1
    };

    private final SpaceFixture fixture = new SpaceFixture();
    private final Cpu cpu = fixture.cpu;
    private final Random random = new Random(41);

    @AfterEach
    void close() {
        if (GuestScene.isInGuest(cpu)) {
            cpu.leaveGuest();
        }
        fixture.close();
    }

    private static ByteOrder orderOf(boolean isBig) {
        return isBig ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN;
    }

    private FlatMemory memory(ByteOrder order, boolean isGuest) {
        fixture.map(AT, 2, RW, SpaceFixture.ANONYMOUS, null, 0);
        FlatMemory memory = new ThrowingMemory(fixture.memory, order);
        if (isGuest) {
            cpu.enterGuest();
        }
        return memory;
    }

    private void assertBytes(ByteBuffer expected, long address) {
        byte[] seen = new byte[expected.capacity()];
        assertEquals(seen.length, fixture.memory.copyOut(address, seen, 0, seen.length));
        assertEquals(expected, ByteBuffer.wrap(seen).order(expected.order()));
    }

    @ParameterizedTest
    @CsvSource({"false, false", "false, true", "true, false", "true, true"})
    @DisplayName("keep each bit of a float, of a NaN too, in the byte order of the memory, over the end of a page too")
    void floats(boolean isBig, boolean isGuest) {
        ByteOrder order = orderOf(isBig);
        FlatMemory memory = memory(order, isGuest);
        for (int round = 0; round < 10_000; round++) {
            int bits = round % 3 == 0 ? random.nextInt() : FLOATS[round % FLOATS.length];
            long address = AT + PAGE - 32 + random.nextInt(60);
            memory.storeFloat(address, Float.intBitsToFloat(bits));
            assertEquals(bits, memory.loadInt(address));
            assertBytes(ByteBuffer.allocate(4).order(order).putInt(0, bits), address);
            memory.storeInt(address, ~bits);
            assertEquals(~bits, Float.floatToRawIntBits(memory.loadFloat(address)));
            memory.storeInt(address, bits);
            assertEquals(bits, Float.floatToRawIntBits(memory.loadFloat(address)));
        }
    }

    @ParameterizedTest
    @CsvSource({"false, false", "false, true", "true, false", "true, true"})
    @DisplayName("keep each bit of a double, of a NaN too, in the byte order of the memory, over the end of a page too")
    void doubles(boolean isBig, boolean isGuest) {
        ByteOrder order = orderOf(isBig);
        FlatMemory memory = memory(order, isGuest);
        for (int round = 0; round < 10_000; round++) {
            long bits = round % 3 == 0 ? random.nextLong() : DOUBLES[round % DOUBLES.length];
            long address = AT + PAGE - 32 + random.nextInt(56);
            memory.storeDouble(address, Double.longBitsToDouble(bits));
            assertEquals(bits, memory.loadLong(address));
            assertBytes(ByteBuffer.allocate(8).order(order).putLong(0, bits), address);
            memory.storeLong(address, ~bits);
            assertEquals(~bits, Double.doubleToRawLongBits(memory.loadDouble(address)));
            memory.storeLong(address, bits);
            assertEquals(bits, Double.doubleToRawLongBits(memory.loadDouble(address)));
        }
    }

    private static void assertFails(String expected, Runnable access) {
        assertEquals(
                expected,
                assertThrows(ThrowingMemory.Signal.class, access::run).access().toString());
    }

    @Test
    @DisplayName("fail as those of integers of their size, and change nothing then")
    void faults() {
        FlatMemory memory = memory(ByteOrder.LITTLE_ENDIAN, true);
        memory.storeDouble(AT + PAGE - 8, -2.5);
        cpu.leaveGuest();
        assertEquals(0, fixture.space.mprotect(AT, PAGE, READ));
        assertEquals(0, fixture.space.munmap(AT + PAGE, PAGE));
        cpu.enterGuest();
        String end = Long.toHexString(AT + PAGE);
        String last = Long.toHexString(AT + PAGE - 8);
        assertFails("SEGV_MAPERR at 0x" + end + ", read of 4 bytes", () -> memory.loadFloat(AT + PAGE - 2));
        assertFails("SEGV_MAPERR at 0x" + end + ", read of 8 bytes", () -> memory.loadDouble(AT + PAGE));
        assertFails("SEGV_ACCERR at 0x" + last + ", write of 4 bytes", () -> memory.storeFloat(AT + PAGE - 8, 1));
        assertFails("SEGV_ACCERR at 0x" + last + ", write of 8 bytes", () -> memory.storeDouble(AT + PAGE - 8, 1));
        assertEquals(-2.5, memory.loadDouble(AT + PAGE - 8));
    }
}
