// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.ReachableObjects;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.internal.tlb.SoftTlb;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.lang.ref.WeakReference;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Accesses in one step, on a checked machine, where none hits the TLB, and in the unchecked run, where nearly all do.
 */
@ExtendWith(OneThread.class)
final class FlatMemoryTest {
    private static final long PAGE = SpaceFixture.PAGE;
    private static final long AT = 0x2000_0000_0000L;

    /** Thrown by a failed access. It has no stack trace, like the exception of an interpreter. */
    private static final class Signal extends RuntimeException {
        private static final long serialVersionUID = 1;

        Signal() {
            super(null, null, false, false);
        }
    }

    private record Failure(int fault, long address, int access, int size) {}

    /** Records each failed access, then corrects its cause or throws. */
    private static final class Recording extends FlatMemory {
        private final List<Failure> failures = new ArrayList<>();
        private Runnable mend = () -> {
            throw new Signal();
        };

        Recording(GuestMemory memory, ByteOrder order) {
            super(memory, order);
        }

        @Override
        protected void fault(int fault, long address, int access, int size) {
            failures.add(new Failure(fault, address, access, size));
            mend.run();
        }
    }

    private final SpaceFixture fixture = new SpaceFixture();
    private final AddressSpace space = fixture.space;
    private final Cpu cpu = fixture.cpu;

    @AfterEach
    void close() {
        fixture.close();
    }

    private Recording memory(ByteOrder order) {
        return new Recording(fixture.memory, order);
    }

    private Recording memory() {
        return memory(ByteOrder.LITTLE_ENDIAN);
    }

    private void map(long address, long pages, int protection) {
        assertEquals(address, fixture.map(address, pages, protection, SpaceFixture.ANONYMOUS, null, 0));
    }

    private static Failure only(Recording of) {
        assertEquals(1, of.failures.size(), of.failures::toString);
        return of.failures.remove(0);
    }

    @ParameterizedTest
    @ValueSource(strings = {"LITTLE_ENDIAN", "BIG_ENDIAN"})
    @DisplayName(
            "each width at each offset reads what an array of bytes has, in GUEST and outside, over a page's end too")
    void widths(String name) {
        ByteOrder order = name.equals("BIG_ENDIAN") ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN;
        map(AT, 2, Mman.READ | Mman.WRITE | Mman.EXEC);
        Recording memory = memory(order);
        ByteBuffer model = ByteBuffer.allocate((int) (2 * PAGE)).order(order);
        Random random = new Random(3);
        for (int round = 0; round < 4_000; round++) {
            if (round == 1_000) {
                cpu.enterGuest();
            }
            int at = (int) PAGE - 16 + random.nextInt(24);
            long value = random.nextLong();
            switch (random.nextInt(4)) {
                case 0 -> {
                    memory.storeByte(AT + at, (byte) value);
                    model.put(at, (byte) value);
                }
                case 1 -> {
                    memory.storeShort(AT + at, (short) value);
                    model.putShort(at, (short) value);
                }
                case 2 -> {
                    memory.storeInt(AT + at, (int) value);
                    model.putInt(at, (int) value);
                }
                default -> {
                    memory.storeLong(AT + at, value);
                    model.putLong(at, value);
                }
            }
            int from = (int) PAGE - 16 + random.nextInt(24);
            assertEquals(model.get(from), memory.loadByte(AT + from));
            assertEquals(model.getShort(from), memory.loadShort(AT + from));
            assertEquals(model.getInt(from), memory.loadInt(AT + from));
            assertEquals(model.getLong(from), memory.loadLong(AT + from));
            assertEquals(model.get(from), memory.fetchByte(AT + from));
            assertEquals(model.getShort(from), memory.fetchShort(AT + from));
            assertEquals(model.getInt(from), memory.fetchInt(AT + from));
            assertEquals(model.getLong(from), memory.fetchLong(AT + from));
        }
        cpu.leaveGuest();
        byte[] all = new byte[(int) (2 * PAGE)];
        assertEquals(all.length, fixture.memory.copyOut(AT, all, 0, all.length));
        assertEquals(model, ByteBuffer.wrap(all).order(order));
        assertEquals(List.of(), memory.failures);
    }

    @Test
    @DisplayName("each kind of access needs its own right, also after the TLB has the page with another one")
    void rights() {
        map(AT, 1, Mman.READ | Mman.WRITE);
        map(AT + PAGE, 1, Mman.READ);
        map(AT + 2 * PAGE, 1, Mman.READ | Mman.EXEC);
        Recording memory = memory();
        cpu.enterGuest();
        memory.storeInt(AT, 5);
        assertEquals(5, memory.loadInt(AT));
        assertThrows(Signal.class, () -> memory.fetchInt(AT));
        assertEquals(new Failure(Fault.ACCERR, AT, Mman.EXEC, 4), only(memory));
        assertEquals(0, memory.loadLong(AT + PAGE + 8));
        assertThrows(Signal.class, () -> memory.storeLong(AT + PAGE + 8, 1));
        assertEquals(new Failure(Fault.ACCERR, AT + PAGE + 8, Mman.WRITE, 8), only(memory));
        assertEquals(0, memory.fetchShort(AT + 2 * PAGE));
        assertThrows(Signal.class, () -> memory.storeByte(AT + 2 * PAGE, (byte) 1));
        assertEquals(new Failure(Fault.ACCERR, AT + 2 * PAGE, Mman.WRITE, 1), only(memory));
        assertEquals(0, memory.loadByte(AT + 2 * PAGE));
        cpu.leaveGuest();
    }

    @Test
    @DisplayName("an access over the end of a page fails at the page that fails, and then has changed nothing")
    void acrossPages() {
        map(AT, 1, Mman.READ | Mman.WRITE);
        Recording memory = memory();
        cpu.enterGuest();
        memory.storeLong(AT + PAGE - 8, -1);
        assertThrows(Signal.class, () -> memory.storeLong(AT + PAGE - 4, 0));
        assertEquals(new Failure(Fault.MAPERR, AT + PAGE, Mman.WRITE, 8), only(memory));
        assertThrows(Signal.class, () -> memory.loadInt(AT + PAGE - 1));
        assertEquals(new Failure(Fault.MAPERR, AT + PAGE, Mman.READ, 4), only(memory));
        assertEquals(-1, memory.loadLong(AT + PAGE - 8));
        cpu.leaveGuest();
    }

    @Test
    @DisplayName("an access is made again if the fault has been mended")
    void mended() {
        Recording memory = memory();
        cpu.enterGuest();
        memory.mend = () -> {
            cpu.leaveGuest();
            map(AT, 1, Mman.READ | Mman.WRITE);
            cpu.enterGuest();
        };
        memory.storeInt(AT + 12, 7);
        assertEquals(new Failure(Fault.MAPERR, AT + 12, Mman.WRITE, 4), only(memory));
        assertEquals(7, memory.loadInt(AT + 12));
        assertEquals(List.of(), memory.failures);
        cpu.leaveGuest();
    }

    @Test
    @DisplayName("a space of another machine has its own bytes at an address, also after the way back")
    void otherMachine() {
        map(AT, 1, Mman.READ | Mman.WRITE);
        Recording memory = memory();
        memory.storeInt(AT, 1);
        try (SpaceFixture elsewhere = new SpaceFixture()) {
            assertEquals(AT, elsewhere.map(AT, 1, SpaceFixture.RW, SpaceFixture.ANONYMOUS, null, 0));
            cpu.switchTo(elsewhere.space);
            cpu.enterGuest();
            memory.storeInt(AT, 3);
            assertEquals(3, memory.loadInt(AT));
            cpu.leaveGuest();
            assertEquals(Fault.NONE, elsewhere.memory.load(AT, 4));
            assertEquals(3, elsewhere.memory.value());
            cpu.switchTo(space);
        }
        assertEquals(1, memory.loadInt(AT));
    }

    @Test
    @DisplayName("I10: an object of another byte order is refused, and so is that order; both leave the order as it is")
    void orders() {
        map(AT, 1, Mman.READ | Mman.WRITE);
        Recording memory = memory();
        memory.storeShort(AT + PAGE - 2, (short) 0x0102);
        assertThrows(IllegalStateException.class, () -> memory(ByteOrder.BIG_ENDIAN));
        assertThrows(IllegalStateException.class, () -> fixture.memory.order(ByteOrder.BIG_ENDIAN));
        fixture.memory.order(ByteOrder.LITTLE_ENDIAN);
        assertEquals(Fault.NONE, fixture.memory.load(AT + PAGE - 2, 2));
        assertEquals(0x0102, fixture.memory.value());
        assertEquals(0x0102, memory.loadShort(AT + PAGE - 2));
    }

    @Test
    @DisplayName("a CPU has one object of this kind; one without a space refuses accesses")
    void refusals() {
        assertNull(fixture.memory.flat());
        Recording memory = memory();
        assertSame(fixture.memory, memory.memory());
        assertSame(memory, fixture.memory.flat());
        assertThrows(IllegalStateException.class, this::memory);
        assertSame(memory, fixture.memory.flat());
        cpu.switchTo(null);
        assertThrows(IllegalStateException.class, () -> memory.loadByte(AT));
        cpu.switchTo(space);
        assertThrows(Signal.class, () -> memory.loadByte(AT));
    }

    /** Returns the memory of a closed CPU. */
    private static FlatMemory closed(WeakReference<?>[] machine) {
        Machine made = Machine.builder().memory(16 * PAGE).build();
        AddressSpace mine = made.newSpace(SpaceFixture.GEOMETRY);
        Cpu used = made.claimCpu();
        used.switchTo(mine);
        Recording memory = new Recording(used.memory(), ByteOrder.LITTLE_ENDIAN);
        int flags = SpaceFixture.ANONYMOUS | Mman.FIXED;
        assertEquals(AT, mine.mmap(AT, PAGE, Mman.READ | Mman.WRITE, flags, null, 0));
        used.enterGuest();
        memory.storeInt(AT, 1);
        used.leaveGuest();
        used.close();
        mine.close();
        machine[0] = new WeakReference<>(made);
        return memory;
    }

    @Test
    @DisplayName("keeps no machine reachable once its CPU is closed")
    void collected() {
        WeakReference<?>[] machine = new WeakReference<?>[1];
        FlatMemory memory = closed(machine);
        Set<String> ofMachine = Set.of("Machine", "MachineMemory", "SoftTlb", "CpuState");
        List<Object> held = ReachableObjects.from(memory).stream()
                .filter(object -> object instanceof Buffer buffer
                        ? buffer.capacity() > 0
                        : object != SoftTlb.NONE
                                && ofMachine.contains(object.getClass().getSimpleName()))
                .toList();
        assertEquals(List.of(), held);
        Await.collected("the machine", machine[0]);
        assertThrows(IllegalStateException.class, () -> memory.loadInt(AT));
    }
}
