// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm.adapter;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import dev.samara.core.Machine;
import dev.samara.core.vma.Geometry;
import dev.samara.wasm.LinearMemory;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Makes random accesses to a memory in a space and to the runtime's own memory, and compares them. */
@DisplayName("A memory in a space answers each access as the memory of the runtime does")
@Tag("comparison")
final class LinearMemoryModelTest {
    private static final int STEPS = 100_000;
    private static final int PAGE = Accesses.PAGE_SIZE;
    private static final int INITIAL = 2;
    private static final int MAXIMUM = 7;
    private static final TestedRuntime RUNTIME = TestedRuntime.get();

    /** An access, with the same arguments for both memories. */
    private interface Access {
        Object apply(Accesses memory, int address, long number, int size);
    }

    private static final List<Access> NUMBERS = List.of(
            (memory, at, number, size) -> memory.read(at),
            (memory, at, number, size) -> memory.readU8(at),
            (memory, at, number, size) -> memory.readI8(at),
            (memory, at, number, size) -> memory.readShort(at),
            (memory, at, number, size) -> memory.readU16(at),
            (memory, at, number, size) -> memory.readI16(at),
            (memory, at, number, size) -> memory.readInt(at),
            (memory, at, number, size) -> memory.readI32(at),
            (memory, at, number, size) -> memory.readU32(at),
            (memory, at, number, size) -> memory.readLong(at),
            (memory, at, number, size) -> memory.readI64(at),
            (memory, at, number, size) -> Float.floatToRawIntBits(memory.readFloat(at)),
            (memory, at, number, size) -> memory.readF32(at),
            (memory, at, number, size) -> Double.doubleToRawLongBits(memory.readDouble(at)),
            (memory, at, number, size) -> memory.readF64(at),
            (memory, at, number, size) -> done(() -> memory.writeByte(at, (byte) number)),
            (memory, at, number, size) -> done(() -> memory.writeShort(at, (short) number)),
            (memory, at, number, size) -> done(() -> memory.writeI32(at, (int) number)),
            (memory, at, number, size) -> done(() -> memory.writeLong(at, number)),
            (memory, at, number, size) -> done(() -> memory.writeF32(at, Float.intBitsToFloat((int) number))),
            (memory, at, number, size) -> done(() -> memory.writeF64(at, Double.longBitsToDouble(number))));

    private static final List<Access> ATOMICS = List.of(
            (memory, at, number, size) -> memory.atomicReadByte(at),
            (memory, at, number, size) -> memory.atomicReadShort(at & -2),
            (memory, at, number, size) -> memory.atomicReadInt(at & -4),
            (memory, at, number, size) -> memory.atomicReadLong(at & -8),
            (memory, at, number, size) -> done(() -> memory.atomicWriteByte(at, (byte) number)),
            (memory, at, number, size) -> done(() -> memory.atomicWriteShort(at & -2, (short) number)),
            (memory, at, number, size) -> done(() -> memory.atomicWriteInt(at & -4, (int) number)),
            (memory, at, number, size) -> done(() -> memory.atomicWriteLong(at & -8, number)),
            (memory, at, number, size) -> memory.atomicAddByte(at, (byte) number),
            (memory, at, number, size) -> memory.atomicAddShort(at & -2, (short) number),
            (memory, at, number, size) -> memory.atomicAddInt(at & -4, (int) number),
            (memory, at, number, size) -> memory.atomicAddLong(at & -8, number),
            (memory, at, number, size) -> memory.atomicAndByte(at, (byte) number),
            (memory, at, number, size) -> memory.atomicAndShort(at & -2, (short) number),
            (memory, at, number, size) -> memory.atomicAndInt(at & -4, (int) number),
            (memory, at, number, size) -> memory.atomicAndLong(at & -8, number),
            (memory, at, number, size) -> memory.atomicOrByte(at, (byte) number),
            (memory, at, number, size) -> memory.atomicOrShort(at & -2, (short) number),
            (memory, at, number, size) -> memory.atomicOrInt(at & -4, (int) number),
            (memory, at, number, size) -> memory.atomicOrLong(at & -8, number),
            (memory, at, number, size) -> memory.atomicXorByte(at, (byte) number),
            (memory, at, number, size) -> memory.atomicXorShort(at & -2, (short) number),
            (memory, at, number, size) -> memory.atomicXorInt(at & -4, (int) number),
            (memory, at, number, size) -> memory.atomicXorLong(at & -8, number),
            (memory, at, number, size) -> memory.atomicXchgByte(at, (byte) number),
            (memory, at, number, size) -> memory.atomicXchgShort(at & -2, (short) number),
            (memory, at, number, size) -> memory.atomicXchgInt(at & -4, (int) number),
            (memory, at, number, size) -> memory.atomicXchgLong(at & -8, number),
            (memory, at, number, size) -> exchangedByte(memory, at, number),
            (memory, at, number, size) -> exchangedShort(memory, at & -2, number),
            (memory, at, number, size) -> exchangedInt(memory, at & -4, number),
            (memory, at, number, size) -> exchangedLong(memory, at & -8, number));

    private static final List<Access> BYTES = List.of(
            (memory, at, number, size) -> done(() -> memory.write(at, bytes(number, size))),
            (memory, at, number, size) -> done(() -> memory.write(at, bytes(number, 64), (int) number & 63, size)),
            (memory, at, number, size) -> Arrays.hashCode(memory.readBytes(at, size)),
            (memory, at, number, size) -> done(() -> memory.fill((byte) number, at, at + size)),
            (memory, at, number, size) -> done(() -> memory.copy(at, other(at, number), size)),
            (memory, at, number, size) -> done(() -> memory.copy(other(at, number), at, size)),
            (memory, at, number, size) ->
                    done(() -> memory.initPassiveSegment((int) number & 1, at, (int) (number >>> 1) & 15, size)));

    private static Object done(Runnable access) {
        access.run();
        return "done";
    }

    /* A compare-and-exchange that expects the actual value in every other call. */

    private static Object exchangedByte(Accesses memory, int at, long number) {
        byte expected = number < 0 ? memory.read(at) : (byte) number;
        return memory.atomicCmpxchgByte(at, expected, (byte) (number >> 8));
    }

    private static Object exchangedShort(Accesses memory, int at, long number) {
        short expected = number < 0 ? memory.readShort(at) : (short) number;
        return memory.atomicCmpxchgShort(at, expected, (short) (number >> 8));
    }

    private static Object exchangedInt(Accesses memory, int at, long number) {
        int expected = number < 0 ? memory.readInt(at) : (int) number;
        return memory.atomicCmpxchgInt(at, expected, (int) (number >> 8));
    }

    private static Object exchangedLong(Accesses memory, int at, long number) {
        long expected = number < 0 ? memory.readLong(at) : number;
        return memory.atomicCmpxchgLong(at, expected, number >> 8);
    }

    /** Returns an address near another one, so that ranges overlap, or in another page. */
    private static int other(int at, long number) {
        return (int) (at + (number & 3) * PAGE / 2 + (number >> 2) % 300);
    }

    private static byte[] bytes(long seed, int size) {
        byte[] bytes = new byte[Math.max(0, size)];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }

    /** Returns an address that is inside the memory, at an edge, or far outside. */
    private static int address(Random random, int pages) {
        int edge = random.nextInt(pages + 2) * PAGE + random.nextInt(20) - 10;
        return switch (random.nextInt(8)) {
            case 0, 1, 2 -> edge;
            case 3 -> random.nextInt(64) - 16;
            case 4 -> random.nextBoolean() ? random.nextInt() : Integer.MIN_VALUE + random.nextInt(PAGE);
            default -> random.nextInt(pages * PAGE + 8);
        };
    }

    private static int size(Random random) {
        return switch (random.nextInt(6)) {
            case 0 -> random.nextInt(6) - 1;
            case 1 -> random.nextInt(3 * PAGE);
            case 2 -> PAGE / 4096 * 4096;
            default -> random.nextInt(600);
        };
    }

    /** Returns the result of an access, or the class and the start of the message of its exception. */
    private static Object outcome(Access access, Accesses memory, int address, long number, int size) {
        try {
            return access.apply(memory, address, number, size);
        } catch (RuntimeException trap) {
            if (!RUNTIME.exceptionType().isInstance(trap)) {
                throw trap;
            }
            String message = String.valueOf(trap.getMessage());
            return trap.getClass().getName() + ": " + message.substring(0, Math.min(27, message.length()));
        }
    }

    @ParameterizedTest(name = "pages of 2^{0} bytes, checked: {1}, entered: {2}, shared: {3}")
    @CsvSource({
        "16, false, true, false",
        "16, false, false, false",
        "12, false, true, true",
        "12, true, true, false",
        "16, true, false, true"
    })
    void accesses(int pageShift, boolean isChecked, boolean isEntered, boolean isShared) {
        long seed = Long.getLong("samara.seed", System.nanoTime());
        System.out.println("LinearMemoryModelTest: -Dsamara.seed=" + seed);
        Geometry geometry = pageShift == 16 ? LinearMemory.PAGES_64K : Geometry.flat(32);
        try (Machine machine = Machine.builder()
                        .memory(16L << 20)
                        .checked(isChecked)
                        .tlbEntries(16)
                        .build();
                LinearMemory actual = RUNTIME.linearMemory(machine, geometry, INITIAL, MAXIMUM, isShared)) {
            Object expected = RUNTIME.ownMemory(INITIAL, MAXIMUM, isShared);
            Random random = new Random(seed);
            int steps = isChecked ? STEPS / 8 : STEPS;
            if (isEntered) {
                actual.enter(() -> {
                    run(random, steps, expected, actual);
                    return true;
                });
            } else {
                run(random, steps, expected, actual);
            }
        } catch (AssertionError failed) {
            fail("with -Dsamara.seed=" + seed, failed);
        }
    }

    private static void run(Random random, int steps, Object ofRuntime, Object ofAdapter) {
        for (Object memory : List.of(ofRuntime, ofAdapter)) {
            RUNTIME.initialize(memory, bytes(1, 40), bytes(2, 20));
        }
        Accesses expected = Accesses.of(RUNTIME, ofRuntime);
        Accesses actual = Accesses.of(RUNTIME, ofAdapter);
        int traps = 0;
        for (int i = 0; i < steps; i++) {
            List<Access> kind = kind(random, expected);
            int which = random.nextInt(kind.size());
            int address = address(random, expected.pages());
            long number = random.nextLong();
            int size = size(random);
            Object wanted = outcome(kind.get(which), expected, address, number, size);
            Object got = outcome(kind.get(which), actual, address, number, size);
            String what = "step " + i + ": access " + which + " of " + kind.size() + " at " + address + ", number "
                    + number + ", size " + size;
            assertEquals(wanted, got, what);
            traps += String.valueOf(wanted).contains("out of bounds") ? 1 : 0;
            if (i % (steps / 20) == 0) {
                sameSize(random, expected, actual, i > steps / 2);
                assertArrayEquals(all(expected), all(actual), what);
            }
        }
        assertArrayEquals(all(expected), all(actual));
        assertTrue(traps > steps / 20, "traps: " + traps);
        expected.zero();
        actual.zero();
        assertArrayEquals(all(expected), all(actual));
    }

    /** On later JDKs, the runtime's memory traps at every atomic access unless it is shared. */
    private static List<Access> kind(Random random, Accesses expected) {
        if (random.nextInt(12) == 0) {
            return BYTES;
        }
        return expected.shared() && random.nextInt(3) == 0 ? ATOMICS : NUMBERS;
    }

    /** Grows both memories, or tries to, and drops a segment of both if {@code drops} is true. */
    private static void sameSize(Random random, Accesses expected, Accesses actual, boolean drops) {
        int size = random.nextInt(8) == 0 ? random.nextInt() : random.nextInt(3);
        assertEquals(expected.grow(size), actual.grow(size), "grow by " + size);
        assertEquals(expected.pages(), actual.pages());
        if (drops) {
            int segment = random.nextInt(2);
            expected.drop(segment);
            actual.drop(segment);
        }
    }

    private static byte[] all(Accesses memory) {
        return memory.readBytes(0, memory.pages() * PAGE);
    }
}
