// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.cpu;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.EXEC;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("A CPU")
final class CpuTest {
    private static final int[] SIZES = {1, 2, 4, 8};

    private final SpaceFixture fixture = new SpaceFixture();
    private final Cpu cpu = fixture.cpu;
    private final GuestMemory memory = cpu.memory();

    @AfterEach
    void everyFrameComesBack() throws InterruptedException {
        fixture.closeEmpty();
        assertEquals(List.of(), fixture.reports);
    }

    private static long mask(int size) {
        return -1L >>> (64 - 8 * size);
    }

    private byte[] bytes(long address, int length) {
        byte[] bytes = new byte[length];
        assertEquals(length, memory.copyOut(address, bytes, 0, length));
        return bytes;
    }

    /** Returns the bytes of a number in memory. */
    private static byte[] laidOut(long number, int size, ByteOrder order) {
        byte[] bytes = new byte[size];
        for (int i = 0; i < size; i++) {
            int at = order == ByteOrder.LITTLE_ENDIAN ? i : size - 1 - i;
            bytes[at] = (byte) (number >>> (8 * i));
        }
        return bytes;
    }

    @Test
    @DisplayName("reads and writes numbers of each size at each offset, across pages too, in either byte order")
    void plain() {
        long at = fixture.anonymous(2);
        Random random = new Random(1);
        for (ByteOrder order : List.of(ByteOrder.LITTLE_ENDIAN, ByteOrder.BIG_ENDIAN)) {
            memory.order(order);
            for (int size : SIZES) {
                for (long offset = PAGE - 17; offset <= PAGE + 9; offset++) {
                    assertEquals(40, memory.fill(at + PAGE - 20, 40, (byte) 0x77));
                    long number = random.nextLong();
                    assertFault(Fault.NONE, memory.store(at + offset, size, number));
                    byte[] expected = new byte[40];
                    Arrays.fill(expected, (byte) 0x77);
                    byte[] laidOut = laidOut(number, size, order);
                    System.arraycopy(laidOut, 0, expected, (int) (offset - PAGE + 20), size);
                    assertArrayEquals(expected, bytes(at + PAGE - 20, 40));
                    assertFault(Fault.NONE, memory.load(at + offset, size));
                    assertEquals(number & mask(size), memory.value());
                }
            }
        }
    }

    @Test
    @DisplayName("fetches only from executable pages, across pages too")
    void fetch() {
        long at = fixture.map(0, 2, READ | EXEC, ANONYMOUS, null, 0);
        assertFault(Fault.NONE, memory.fetch(at + PAGE - 3, 8));
        assertEquals(0, fixture.space.mprotect(at + PAGE, PAGE, READ));
        assertFault(Fault.NONE, memory.fetch(at + PAGE - 4, 4));
        assertFault(Fault.ACCERR, memory.fetch(at + PAGE - 3, 4));
        assertEquals(at + PAGE, memory.faultAddress());
    }

    @Test
    @DisplayName("writes nothing across pages of which one cannot be written, and says which")
    void acrossAMissingPage() {
        long at = fixture.anonymous(3);
        assertEquals(3 * PAGE, memory.fill(at, 3 * PAGE, (byte) 0x11));
        assertEquals(0, fixture.space.munmap(at + PAGE, PAGE));
        for (int size : new int[] {2, 4, 8}) {
            for (int before = 1; before < size; before++) {
                assertFault(Fault.MAPERR, memory.store(at + PAGE - before, size, -1));
                assertEquals(at + PAGE, memory.faultAddress());
                assertFault(Fault.MAPERR, memory.store(at + 2 * PAGE - before, size, -1));
                assertEquals(at + 2 * PAGE - before, memory.faultAddress());
                memory.load(at, 1);
                assertFault(Fault.MAPERR, memory.load(at + PAGE - before, size));
                assertEquals(at + PAGE, memory.faultAddress());
                assertEquals(0x11, memory.value(), "the value of the last access that succeeded");
            }
        }
        for (long page : new long[] {at, at + 2 * PAGE}) {
            for (byte left : bytes(page, (int) PAGE)) {
                assertEquals(0x11, left);
            }
        }
        fixture.map(at + PAGE, 1, READ, ANONYMOUS | Mman.FIXED, null, 0);
        assertFault(Fault.ACCERR, memory.store(at + PAGE - 1, 8, -1));
        assertFault(Fault.ACCERR, memory.store(at + 2 * PAGE - 1, 8, -1));
        assertEquals(0x11, bytes(at + PAGE - 1, 1)[0]);
        assertEquals(0x11, bytes(at + 2 * PAGE, 1)[0]);
    }

    @Test
    @DisplayName("does every atomic update in each size and byte order")
    void atomics() {
        long at = fixture.anonymous(1);
        Random random = new Random(2);
        for (ByteOrder order : List.of(ByteOrder.LITTLE_ENDIAN, ByteOrder.BIG_ENDIAN)) {
            memory.order(order);
            for (int size : SIZES) {
                for (int round = 0; round < 50; round++) {
                    atomics(at + (long) size * random.nextInt(500), size, random, order);
                }
            }
        }
    }

    private void atomics(long at, int size, Random random, ByteOrder order) {
        long mask = mask(size);
        long a = random.nextLong();
        long b = random.nextLong();
        assertFault(Fault.NONE, memory.storeVolatile(at, size, a));
        assertArrayEquals(laidOut(a, size, order), bytes(at, size));
        assertFault(Fault.NONE, memory.loadVolatile(at, size));
        assertEquals(a & mask, memory.value());
        assertFault(Fault.NONE, memory.storeVolatile(at, size, b));
        assertEquals(a & mask, memory.value(), "a store reads nothing");
        assertFault(Fault.NONE, memory.getAndSet(at, size, a));
        assertEquals(b & mask, memory.value());
        assertFault(Fault.NONE, memory.getAndAdd(at, size, b));
        assertEquals(a & mask, memory.value());
        assertFault(Fault.NONE, memory.getAndBitwiseXor(at, size, b));
        assertEquals(a + b & mask, memory.value());
        assertFault(Fault.NONE, memory.getAndBitwiseOr(at, size, a));
        assertEquals((a + b ^ b) & mask, memory.value());
        assertFault(Fault.NONE, memory.getAndBitwiseAnd(at, size, b));
        assertEquals((((a + b) ^ b) | a) & mask, memory.value());
        long now = (((a + b) ^ b) | a) & b & mask;
        assertFault(Fault.NONE, memory.compareAndSet(at, size, now + 1, a));
        assertEquals(0, memory.value());
        assertFault(Fault.NONE, memory.compareAndSet(at, size, now | ~mask, a));
        assertEquals(1, memory.value());
        assertFault(Fault.NONE, memory.compareAndExchange(at, size, a + 1, b));
        assertEquals(a & mask, memory.value());
        assertFault(Fault.NONE, memory.compareAndExchange(at, size, a, b));
        assertEquals(a & mask, memory.value());
        assertFault(Fault.NONE, memory.load(at, size));
        assertEquals(b & mask, memory.value());
    }

    @Test
    @DisplayName("copies and fills up to the first page that fails, and says where and why")
    void partial() {
        long at = fixture.anonymous(4);
        assertEquals(0, fixture.space.mprotect(at + 2 * PAGE, PAGE, READ));
        assertEquals(0, fixture.space.munmap(at + 3 * PAGE, PAGE));
        byte[] source = new byte[(int) (4 * PAGE)];
        new Random(3).nextBytes(source);
        int fits = (int) (2 * PAGE - 100);
        assertEquals(fits, memory.copyIn(at + 100, source, 50, (int) (3 * PAGE)));
        assertFault(Fault.ACCERR, memory.fault());
        assertEquals(at + 2 * PAGE, memory.faultAddress());
        byte[] target = new byte[source.length];
        assertEquals(3 * PAGE - 100, memory.copyOut(at + 100, target, 7, (int) (4 * PAGE - 100)));
        assertFault(Fault.MAPERR, memory.fault());
        assertEquals(at + 3 * PAGE, memory.faultAddress());
        assertArrayEquals(Arrays.copyOfRange(source, 50, 50 + fits), Arrays.copyOfRange(target, 7, 7 + fits));
        assertEquals(2 * PAGE - 1, memory.fill(at + 1, 3 * PAGE, (byte) 9));
        assertFault(Fault.ACCERR, memory.fault());
        assertEquals(0, memory.copyIn(at + 3 * PAGE, source, 0, 8));
        assertEquals(0, memory.copyOut(0, source, 0, 0));
        assertFault(Fault.NONE, memory.fault());
        assertThrows(IndexOutOfBoundsException.class, () -> memory.copyIn(at, source, source.length, 1));
    }

    @Test
    @DisplayName("copies a string up to its zero, across pages, and no further than that")
    void strings() {
        long at = fixture.anonymous(2);
        assertEquals(2 * PAGE, memory.fill(at, 2 * PAGE, (byte) 'x'));
        byte[] target = new byte[64];
        memory.store(at + PAGE + 5, 1, 0);
        assertEquals(10, memory.string(at + PAGE - 5, target));
        assertEquals('x', target[9]);
        assertEquals(64, memory.string(at, target));
        assertEquals(0, memory.string(at + PAGE + 5, target));
        assertFault(Fault.NONE, memory.fault());
        assertEquals(-1, memory.string(at + 2 * PAGE - 5, target));
        assertFault(Fault.MAPERR, memory.fault());
        assertEquals(at + 2 * PAGE, memory.faultAddress());
        memory.store(at + 2 * PAGE - 1, 1, 0);
        assertEquals(4, memory.string(at + 2 * PAGE - 5, target), "the bytes behind the zero are not touched");
    }

    @Test
    @DisplayName("is refused to every other thread, and needs a space")
    void ownership() throws Exception {
        long at = fixture.anonymous(1);
        List<Runnable> uses = List.of(
                () -> memory.load(at, 8),
                () -> memory.store(at, 8, 1),
                () -> memory.getAndAdd(at, 8, 1),
                () -> memory.handleFault(at, READ),
                () -> memory.copyIn(at, new byte[1], 0, 0),
                () -> memory.copyOut(at, new byte[1], 0, 1),
                () -> memory.fill(at, 0, (byte) 0),
                () -> memory.string(at, new byte[0]),
                () -> memory.pin(at, READ),
                () -> cpu.switchTo(fixture.space),
                cpu::close);
        ExecutorService other = Executors.newSingleThreadExecutor();
        for (Runnable use : uses) {
            AtomicReference<RuntimeException> thrown = new AtomicReference<>();
            other.submit(() -> {
                        try {
                            use.run();
                        } catch (IllegalStateException e) {
                            thrown.set(e);
                        }
                    })
                    .get();
            assertSame(
                    IllegalStateException.class,
                    java.util.Objects.requireNonNull(thrown.get()).getClass());
        }
        other.shutdown();
        assertEquals(0, fixture.frames());
        assertSame(fixture.space, cpu.space());
        cpu.switchTo(null);
        assertNull(cpu.space());
        assertThrows(IllegalStateException.class, () -> memory.load(at, 8));
        assertThrows(IllegalStateException.class, () -> cpu.enterGuest());
    }

    @Test
    @DisplayName("refuses a space without memory, and stays as it was: with its space, LAZY, or with none")
    void bare() {
        AddressSpace bare = Machine.builder().build().newSpace(Geometry.LINUX_X86_64);
        long at = fixture.anonymous(1);
        fixture.store(at, 42);
        assertThrows(IllegalStateException.class, () -> cpu.switchTo(bare));
        assertSame(fixture.space, cpu.space());
        assertEquals(1, fixture.space.cpus());
        assertEquals(42, fixture.load(at));
        cpu.enterLazy();
        assertThrows(IllegalStateException.class, () -> cpu.switchTo(bare));
        String refused = assertThrows(IllegalStateException.class, () -> cpu.enterGuest())
                .getMessage();
        assertTrue(String.valueOf(refused).contains("LAZY"), refused);
        cpu.switchTo(null);
        assertThrows(IllegalStateException.class, () -> cpu.switchTo(bare));
        assertEquals(0, fixture.space.cpus());
        cpu.switchTo(fixture.space);
        assertEquals(42, fixture.load(at));
        assertEquals(0, fixture.space.munmap(at, PAGE));
    }

    @Test
    @DisplayName("goes from one space to another and back, of another machine too, and sees each one's memory")
    void twoSpaces() throws InterruptedException {
        SpaceFixture second = new SpaceFixture();
        AddressSpace third = fixture.machine.newSpace(SpaceFixture.GEOMETRY);
        long place = 0x5000_0000L;
        List<AddressSpace> spaces = List.of(fixture.space, second.space, third);
        for (int round = 0; round < 10; round++) {
            for (int i = 0; i < spaces.size(); i++) {
                cpu.switchTo(spaces.get(i));
                if (round == 0) {
                    spaces.get(i).mmap(place, PAGE, RW, ANONYMOUS | Mman.FIXED, null, 0);
                } else {
                    assertEquals(100 * i + round - 1, fixture.load(place));
                }
                fixture.store(place, 100 * i + round);
            }
        }
        cpu.switchTo(fixture.space);
        third.close();
        second.closeEmpty();
    }

    @Test
    @DisplayName("that is closed has freed the frames of its magazine")
    void closed() throws InterruptedException {
        SpaceFixture small = new SpaceFixture(8);
        long at = small.anonymous(8);
        try (Cpu second = small.machine.claimCpu()) {
            second.switchTo(small.space);
            assertFault(Fault.NONE, second.memory().store(at, 8, 1));
        }
        for (int page = 1; page < 8; page++) {
            small.store(at + page * PAGE, page);
        }
        small.closeEmpty();
    }
}
