// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Cpu;
import dev.samara.core.Watchpoint;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.fixture.ThrowingMemory;
import dev.samara.core.mman.Fault;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(OneThread.class)
@DisplayName("A store of 16 bytes as two numbers")
final class PairStoreTest {
    private static final long AT = 0x2000_0000_0000L;

    private final SpaceFixture fixture = new SpaceFixture();
    private final Cpu cpu = fixture.cpu;

    @AfterEach
    void close() {
        fixture.close();
    }

    private void map(long page, int protection) {
        fixture.map(AT + page * PAGE, 1, protection, SpaceFixture.ANONYMOUS, null, 0);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @DisplayName("writes both at each offset, the first one lower, over the end of a page too, in each byte order")
    void offsets(boolean isBig) {
        ByteOrder order = isBig ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN;
        map(0, RW);
        map(1, RW);
        ThrowingMemory memory = new ThrowingMemory(fixture.memory, order);
        ByteBuffer model = ByteBuffer.allocate((int) (2 * PAGE)).order(order);
        Random random = new Random(7);
        for (int round = 0; round < 2_000; round++) {
            if (round == 500) {
                cpu.enterGuest();
            }
            int at = (int) PAGE - 32 + random.nextInt(48);
            long first = random.nextLong();
            long second = random.nextLong();
            memory.storeLongPair(AT + at, first, second);
            model.putLong(at, first).putLong(at + 8, second);
            assertEquals(first, memory.loadLong(AT + at));
            assertEquals(second, memory.loadLong(AT + at + 8));
        }
        cpu.leaveGuest();
        byte[] all = new byte[(int) (2 * PAGE)];
        assertEquals(all.length, fixture.memory.copyOut(AT, all, 0, all.length));
        assertEquals(model.rewind(), ByteBuffer.wrap(all).order(order));
    }

    private static void assertRefused(long address, Executable access) {
        assertEquals(
                new Fault(Fault.ACCERR, address, SpaceFixture.WRITE, 16),
                assertThrows(ThrowingMemory.Signal.class, access).access());
    }

    @Test
    @DisplayName("does nothing if one of its pages cannot be written, and fails there")
    void refused() {
        map(0, RW);
        map(1, READ);
        map(2, RW);
        ThrowingMemory memory = new ThrowingMemory(cpu);
        fixture.store(AT + PAGE - 16, -1);
        fixture.store(AT + PAGE - 8, -1);
        fixture.store(AT + 2 * PAGE, -1);
        fixture.store(AT + 2 * PAGE + 8, -1);
        cpu.enterGuest();
        for (int below = 1; below < 16; below++) {
            long upper = AT + PAGE - below;
            assertRefused(AT + PAGE, () -> memory.storeLongPair(upper, 0, 0));
            long lower = AT + 2 * PAGE - below;
            assertRefused(lower, () -> memory.storeLongPair(lower, 0, 0));
            assertFault(Fault.ACCERR, fixture.memory.storePair(upper, 0, 0));
            assertEquals(AT + PAGE, fixture.memory.faultAddress());
        }
        cpu.leaveGuest();
        for (long at : new long[] {AT + PAGE - 16, AT + PAGE - 8, AT + 2 * PAGE, AT + 2 * PAGE + 8}) {
            assertEquals(-1, fixture.load(at));
        }
    }

    @Test
    @DisplayName("is told to watchers once, as 16 bytes")
    void watched() {
        map(0, RW);
        map(1, RW);
        ThrowingMemory memory = new ThrowingMemory(cpu);
        List<String> told = new ArrayList<>();
        try (Watchpoint watch = fixture.space.watch(
                AT + PAGE - 1, 2, (start, length) -> told.add((start - AT - PAGE) + " " + length))) {
            assertTrue(told.isEmpty(), watch::toString);
            memory.storeLongPair(AT + PAGE - 16, 1, 2);
            memory.storeLongPair(AT + PAGE - 8, 1, 2);
            memory.storeLongPair(AT + PAGE, 1, 2);
            memory.storeLongPair(AT + PAGE + 8, 1, 2);
        }
        assertEquals(List.of("-16 16", "-8 16", "0 16"), told);
    }

    @Test
    @DisplayName("writes each aligned number at once, on both sides of the end of a page too")
    void words() throws Exception {
        map(0, RW);
        map(1, RW);
        ThrowingMemory memory = new ThrowingMemory(cpu);
        try (OtherCpu other = new OtherCpu(fixture.space)) {
            Future<Boolean> written = other.submit(of -> {
                ThrowingMemory its = new ThrowingMemory(of);
                for (int i = 0; i < 20_000; i++) {
                    its.storeLongPair(AT + PAGE - 8, -(i & 1), -(i & 1));
                }
                return true;
            });
            while (!written.isDone()) {
                for (long at : new long[] {AT + PAGE - 8, AT + PAGE}) {
                    long seen = memory.loadLong(at);
                    assertTrue(seen == 0 || seen == -1, () -> Long.toHexString(seen));
                }
            }
            assertTrue(written.get());
        }
    }
}
