// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import static dev.samara.core.SpaceFixture.PAGE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.samara.core.guest.GuestMemory;
import dev.samara.core.mman.Fault;
import java.nio.ByteOrder;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(value = 60, threadMode = Timeout.ThreadMode.SAME_THREAD)
@DisplayName("A probe or a handle that is used wrongly is refused by name, and never reads or writes a byte")
class HandleMisuseTest {
    private static final long FILLED = 0x5a5a_5a5a_5a5a_5a5aL;

    private final SpaceFixture fixture = new SpaceFixture();
    private final Cpu cpu = fixture.cpu;
    private long at;

    @BeforeEach
    void enter() {
        at = fixture.anonymous(1);
        assertEquals(PAGE, cpu.memory().fill(at, PAGE, (byte) FILLED));
        cpu.enterGuest();
    }

    @AfterEach
    void nothingWasWritten() {
        if (GuestScene.isInGuest(cpu)) {
            cpu.leaveGuest();
        }
        for (long offset = 0; offset < PAGE; offset += 8) {
            assertEquals(FILLED, fixture.load(at + offset));
        }
        // The frame of zeros comes first in every store.
        assertEquals(0, fixture.load(fixture.anonymous(1)));
        fixture.closeEmpty();
    }

    /** Each use of a handle with a size. */
    private static List<Consumer<Cpu>> uses(long handle, int size) {
        return List.of(
                cpu -> cpu.memory().get(handle, size),
                cpu -> cpu.memory().put(handle, size, 1),
                cpu -> cpu.memory().getVolatile(handle, size),
                cpu -> cpu.memory().putVolatile(handle, size, 1),
                cpu -> cpu.memory().exchange(handle, size, FILLED, 1),
                cpu -> cpu.memory().add(handle, size, 1));
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
    @DisplayName("another size than 1, 2, 4 or 8, by an access; by a probe, of a checked machine")
    void sizes(int size) {
        long handle = cpu.memory().resolveStore(at, 8);
        for (Consumer<Cpu> use : uses(handle, size)) {
            assertRefused(
                    IllegalArgumentException.class, "size " + size + " is not 1, 2, 4 or 8", () -> use.accept(cpu));
        }
        List<Function<Cpu, Long>> probes = List.of(
                of -> of.memory().probeLoad(at, size),
                of -> of.memory().probeStore(at, size),
                of -> of.memory().probeFetch(at, size));
        for (Function<Cpu, Long> probe : isChecked() ? probes : List.<Function<Cpu, Long>>of()) {
            assertRefused(IllegalArgumentException.class, "size " + size, () -> {
                long unused = probe.apply(cpu);
            });
        }
    }

    @Test
    @DisplayName("an atomic access by a handle that is not aligned")
    void alignment() {
        for (int size : new int[] {2, 4, 8}) {
            for (int offset = 1; offset < size; offset++) {
                long handle = cpu.memory().resolveStore(at + offset, size);
                for (Consumer<Cpu> use : uses(handle, size).subList(2, 6)) {
                    assertRefused(
                            IllegalArgumentException.class,
                            "is not a multiple of its size " + size,
                            () -> use.accept(cpu));
                }
            }
        }
    }

    @Test
    @DisplayName("MISS, NO_HANDLE and a fault are no handles")
    void negative() {
        long[] none = LongStream.concat(LongStream.of(GuestMemory.NO_HANDLE), LongStream.rangeClosed(-16, -1))
                .toArray();
        for (long handle : none) {
            for (int size : new int[] {1, 2, 4, 8}) {
                for (Consumer<Cpu> use : uses(handle, size)) {
                    if (isChecked()) {
                        assertRefused(IllegalArgumentException.class, "is negative", () -> use.accept(cpu));
                    } else {
                        assertThrows(RuntimeException.class, () -> use.accept(cpu));
                    }
                }
            }
        }
    }

    @Test
    @DisplayName(
            "handles are checked where memory is one piece, too, and NO_HANDLE has no bits in common with a place in"
                    + " it")
    void inOnePiece() {
        cpu.leaveGuest();
        try (SpaceFixture whole =
                new SpaceFixture(Machine.builder().memory(1 << 20).memoryPiece(1 << 30))) {
            long there = whole.anonymous(1);
            whole.store(there, FILLED);
            whole.cpu.enterGuest();
            for (long handle : new long[] {GuestMemory.NO_HANDLE, GuestMemory.MISS, -2}) {
                for (Consumer<Cpu> use : uses(handle, 8)) {
                    assertThrows(RuntimeException.class, () -> use.accept(whole.cpu));
                }
            }
            whole.cpu.leaveGuest();
            assertEquals(FILLED, whole.load(there));
        }
    }

    @Test
    @DisplayName("a CPU without a space, or LAZY")
    void noSpace() {
        cpu.leaveGuest();
        cpu.enterLazy();
        for (Consumer<Cpu> use : uses(0, 8)) {
            assertRefused(IllegalStateException.class, "is LAZY", () -> use.accept(cpu));
        }
        cpu.switchTo(null);
        for (Consumer<Cpu> use : uses(0, 8)) {
            assertRefused(IllegalStateException.class, "has no space", () -> use.accept(cpu));
        }
        assertEquals(GuestMemory.MISS, cpu.memory().probeLoad(at, 8));
        cpu.switchTo(fixture.space);
    }

    @Test
    @DisplayName("a handle that has ended, or was made for reading, of a checked machine")
    void ended() {
        assumeTrue(isChecked(), "an unchecked machine cannot tell");
        long handle = cpu.memory().resolveStore(at, 8);
        cpu.poll();
        for (Consumer<Cpu> use : uses(handle, 8)) {
            assertRefused(IllegalStateException.class, "has ended", () -> use.accept(cpu));
        }
        long reading = cpu.memory().resolveLoad(at, 8);
        assertRefused(
                IllegalStateException.class,
                "not made for that",
                () -> cpu.memory().put(reading, 8, 1));
    }

    @Test
    @DisplayName("another thread: to set the order always, for the rest of a checked machine")
    void foreignThread() {
        try (OtherCpu other = new OtherCpu(fixture.space)) {
            long handle = cpu.memory().resolveStore(at, 8);
            List<Consumer<Cpu>> always = List.of(of -> cpu.memory().order(ByteOrder.BIG_ENDIAN));
            List<Consumer<Cpu>> checked = List.of(
                    of -> cpu.memory().probeLoad(at, 8),
                    of -> cpu.memory().probeStore(at, 8),
                    of -> cpu.memory().probeFetch(at, 8),
                    of -> cpu.memory().get(handle, 8),
                    of -> cpu.memory().put(handle, 8, 1),
                    of -> cpu.memory().getVolatile(handle, 8),
                    of -> cpu.memory().add(handle, 8, 1),
                    of -> cpu.memory().value(),
                    of -> cpu.memory().fault(),
                    of -> cpu.memory().faultAddress());
            always.forEach(use -> refusedTo(other, use));
            (isChecked() ? checked : List.<Consumer<Cpu>>of()).forEach(use -> refusedTo(other, use));
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
            cpu.memory().put(cpu.memory().resolveStore(at, size), size, low);
            assertEquals(low, cpu.memory().exchange(cpu.memory().resolveStore(at, size), size, extended, ~0L));
            assertEquals(mask, cpu.memory().get(cpu.memory().resolveLoad(at, size), size), "written by handle");
            assertEquals(Fault.NONE, cpu.memory().compareAndExchange(at, size, -1L, extended));
            assertEquals(mask, cpu.memory().value());
            assertEquals(Fault.NONE, cpu.memory().load(at, size));
            assertEquals(low, cpu.memory().value(), "written by address");
            assertEquals(Fault.NONE, cpu.memory().compareAndSet(at, size, extended, FILLED));
            assertEquals(1, cpu.memory().value());
        }
    }
}
