// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Cpu;
import dev.samara.core.fixture.GuestScene;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.fixture.ThrowingMemory;
import dev.samara.core.mman.Fault;
import java.nio.ByteOrder;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(value = 300, threadMode = Timeout.ThreadMode.SAME_THREAD)
@DisplayName("An access that is used wrongly is refused by name, and never reads or writes a byte")
class MisusedAccessTest {
    private static final long FILLED = 0x5a5a_5a5a_5a5a_5a5aL;

    private final SpaceFixture fixture = new SpaceFixture();
    private final Cpu cpu = fixture.cpu;
    private final ThrowingMemory flat = new ThrowingMemory(cpu);
    private long at;

    /** An access of some size to an address. */
    private interface Access {
        int apply(Cpu cpu, long address, int size);
    }

    private static final List<Access> ATOMIC = List.of(
            (of, address, size) -> of.memory().loadVolatile(address, size),
            (of, address, size) -> of.memory().storeVolatile(address, size, 1),
            (of, address, size) -> of.memory().compareAndExchange(address, size, FILLED, 1),
            (of, address, size) -> of.memory().compareAndSet(address, size, FILLED, 1),
            (of, address, size) -> of.memory().getAndAdd(address, size, 1),
            (of, address, size) -> of.memory().getAndSet(address, size, 1),
            (of, address, size) -> of.memory().getAndBitwiseAnd(address, size, 1),
            (of, address, size) -> of.memory().getAndBitwiseOr(address, size, 1),
            (of, address, size) -> of.memory().getAndBitwiseXor(address, size, 1));

    private static final List<Access> ALL = Stream.concat(
                    ATOMIC.stream(),
                    Stream.<Access>of(
                            (of, address, size) -> of.memory().load(address, size),
                            (of, address, size) -> of.memory().fetch(address, size),
                            (of, address, size) -> of.memory().store(address, size, 1)))
            .toList();

    /** Accesses in one step, to the page. */
    private final List<Runnable> inOneStep = List.of(
            () -> flat.loadLong(at),
            () -> flat.storeLong(at, 1),
            () -> flat.loadLongAcquire(at),
            () -> flat.storeLongRelease(at, 1),
            () -> flat.compareAndSetLong(at, FILLED, 1),
            () -> flat.getAndAddLong(at, 1));

    @BeforeEach
    void enter() {
        at = fixture.anonymous(1);
        assertEquals(PAGE, cpu.memory().fill(at, PAGE, (byte) FILLED));
        cpu.enterGuest();
        // From here on, the TLB contains the right to write.
        flat.storeLong(at, FILLED);
    }

    @AfterEach
    void nothingWasWritten() {
        if (GuestScene.isInGuest(cpu)) {
            cpu.leaveGuest();
        }
        for (long offset = 0; offset < PAGE; offset += 8) {
            assertEquals(FILLED, fixture.load(at + offset));
        }
        // The zero page is the first frame of every frame store.
        assertEquals(0, fixture.load(fixture.anonymous(1)));
        fixture.closeEmpty();
    }

    private static boolean isChecked() {
        return Boolean.getBoolean("samara.checked");
    }

    private static void assertRefused(Class<? extends RuntimeException> kind, String rule, Runnable call) {
        String message = String.valueOf(assertThrows(kind, call::run).getMessage());
        assertTrue(message.contains(rule), message);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 3, 5, 16, -1})
    @DisplayName("another size than 1, 2, 4 or 8")
    void sizes(int size) {
        for (Access access : ALL) {
            assertRefused(
                    IllegalArgumentException.class,
                    "size " + size + " is not 1, 2, 4 or 8",
                    () -> access.apply(cpu, at, size));
        }
    }

    @Test
    @DisplayName("an atomic access that is not aligned, whether anything is mapped there or not")
    void alignment() {
        for (long word : new long[] {at, 0x10000}) {
            for (int size : new int[] {2, 4, 8}) {
                for (int offset = 1; offset < size; offset++) {
                    for (Access access : ATOMIC) {
                        assertFault(Fault.ADRALN, access.apply(cpu, word + offset, size));
                        assertEquals(word + offset, cpu.memory().faultAddress());
                    }
                }
            }
        }
    }

    @Test
    @DisplayName("a CPU without a space, or LAZY, also at an address that its TLB has")
    void noSpace() {
        cpu.leaveGuest();
        cpu.enterLazy();
        for (Access access : ALL) {
            assertRefused(IllegalStateException.class, "is LAZY", () -> access.apply(cpu, at, 8));
        }
        inOneStep.forEach(access -> assertRefused(IllegalStateException.class, "is LAZY", access));
        cpu.switchTo(null);
        for (Access access : ALL) {
            assertRefused(IllegalStateException.class, "has no space", () -> access.apply(cpu, at, 8));
        }
        inOneStep.forEach(access -> assertRefused(IllegalStateException.class, "has no space", access));
        cpu.switchTo(fixture.space);
    }

    @Test
    @DisplayName("another thread: accesses by address and the order always, the rest on a checked machine")
    void foreignThread() {
        try (OtherCpu other = new OtherCpu(fixture.space)) {
            for (Access access : ALL) {
                refusedTo(other, of -> access.apply(cpu, at, 8));
            }
            refusedTo(other, of -> cpu.memory().order(ByteOrder.BIG_ENDIAN));
            if (isChecked()) {
                inOneStep.forEach(access -> refusedTo(other, of -> access.run()));
                refusedTo(other, of -> cpu.memory().value());
                refusedTo(other, of -> cpu.memory().fault());
                refusedTo(other, of -> cpu.memory().faultAddress());
            }
        }
    }

    private static void refusedTo(OtherCpu other, Consumer<Cpu> use) {
        String refused = other.call(of -> {
            try {
                use.accept(of);
                return "nothing";
            } catch (IllegalStateException thrown) {
                return String.valueOf(thrown.getMessage());
            }
        });
        assertTrue(refused.contains("is used by thread"), refused);
    }

    @Test
    @DisplayName("an expected value may be sign-extended; the value that was there has zeros above")
    void expected() {
        for (int size : new int[] {1, 2, 4}) {
            long mask = -1L >>> (Long.SIZE - size * Byte.SIZE);
            long low = 0x8182_8384L & mask;
            long extended = low | ~mask;
            assertFault(Fault.NONE, cpu.memory().store(at, size, low));
            assertFault(Fault.NONE, cpu.memory().compareAndExchange(at, size, extended, ~0L));
            assertEquals(low, cpu.memory().value());
            assertFault(Fault.NONE, cpu.memory().load(at, size));
            assertEquals(mask, cpu.memory().value());
            assertFault(Fault.NONE, cpu.memory().compareAndSet(at, size, -1L, FILLED));
            assertEquals(1, cpu.memory().value());
        }
    }
}
