// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Watchpoint;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.fixture.ThrowingMemory;
import dev.samara.core.internal.page.DirectFrames;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.ValueSource;

/** The ordered and atomic accesses of FlatMemory in both byte orders, on a checked machine and in the unchecked run. */
@ExtendWith(OneThread.class)
@ParameterizedClass(name = "big-endian {0}")
@ValueSource(booleans = {false, true})
final class AtomicFlatMemoryTest {
    private static final int PAGE = (int) SpaceFixture.PAGE;
    private static final long AT = 0x2000_0000_0000L;

    private final ByteOrder order;
    private final SpaceFixture fixture = new SpaceFixture();
    private final AddressSpace space = fixture.space;
    private final Cpu cpu = fixture.cpu;
    private final FlatMemory memory;

    AtomicFlatMemoryTest(boolean isBig) {
        order = isBig ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN;
        memory = new ThrowingMemory(fixture.memory, order);
    }

    @BeforeEach
    void map() {
        assertEquals(AT, fixture.map(AT, 2, SpaceFixture.RW, SpaceFixture.ANONYMOUS, null, 0));
    }

    @AfterEach
    void close() {
        fixture.close();
    }

    private void assertFails(Fault failure, FlatCase access, long address) {
        assertEquals(
                failure,
                assertThrows(
                                ThrowingMemory.Signal.class,
                                () -> access.access().apply(memory, address, 1, 2),
                                access::name)
                        .access(),
                access.name());
    }

    @Test
    @DisplayName("each access finds and changes the numbers as an array of bytes would, in GUEST and outside")
    void results() {
        Random random = new Random(5);
        ByteBuffer model = ByteBuffer.allocate(2 * PAGE).order(order);
        for (int round = 0; round < 20_000; round++) {
            if (round == 3_000) {
                cpu.enterGuest();
            }
            FlatCase access = FlatCase.ALL.get(random.nextInt(FlatCase.ALL.size()));
            int size = access.size();
            // Around the end of the first page, where numbers of all sizes are adjacent.
            int at = (PAGE - 16 + random.nextInt(32)) & -size;
            long old = FlatCase.get(model, at, size);
            long one = access.compares() && random.nextBoolean() ? old : access.fit(random.nextLong());
            long two = access.fit(random.nextLong());
            assertEquals(access.result(old, one), access.access().apply(memory, AT + at, one, two), access::name);
            FlatCase.put(model, at, size, access.change().apply(old, one, two));
            assertEquals(model.getLong(PAGE - 8), memory.loadLong(AT + PAGE - 8), access::name);
        }
        cpu.leaveGuest();
        byte[] all = new byte[2 * PAGE];
        assertEquals(all.length, fixture.memory.copyOut(AT, all, 0, all.length));
        assertEquals(model, ByteBuffer.wrap(all).order(order));
    }

    @Test
    @DisplayName("an address that is not a multiple of the size is ADRALN, and nothing is accessed")
    void notAligned() {
        cpu.enterGuest();
        memory.storeLong(AT + 64, 0x1122_3344_5566_7788L);
        memory.storeLong(AT + 72, 0x1122_3344_5566_7788L);
        for (FlatCase access : FlatCase.ALL) {
            int right = access.isLoad() ? Mman.READ : Mman.WRITE;
            for (int offset = 1; offset < access.size(); offset++) {
                long address = AT + 64 + offset;
                assertFails(new Fault(Fault.ADRALN, address, right, access.size()), access, address);
            }
        }
        assertEquals(0x1122_3344_5566_7788L, memory.loadLong(AT + 64));
        assertEquals(0x1122_3344_5566_7788L, memory.loadLong(AT + 72));
        cpu.leaveGuest();
    }

    @Test
    @DisplayName("on a page that is read-only each access but loads is ACCERR; without a mapping all are MAPERR")
    void refused() {
        memory.storeLong(AT, 9);
        assertEquals(0, space.mprotect(AT, PAGE, Mman.READ));
        cpu.enterGuest();
        assertEquals(9, memory.loadLong(AT));
        for (FlatCase access : FlatCase.ALL) {
            if (access.isLoad()) {
                assertEquals(
                        order == ByteOrder.LITTLE_ENDIAN || access.size() == 8 ? 9 : 0,
                        access.access().apply(memory, AT, 1, 2),
                        access::name);
            } else {
                assertFails(new Fault(Fault.ACCERR, AT, Mman.WRITE, access.size()), access, AT);
            }
            long unmapped = AT + 5L * PAGE;
            int right = access.isLoad() ? Mman.READ : Mman.WRITE;
            assertFails(new Fault(Fault.MAPERR, unmapped, right, access.size()), access, unmapped);
        }
        assertEquals(9, memory.loadLong(AT));
        cpu.leaveGuest();
    }

    @Test
    @DisplayName("I2: outside GUEST no access uses a translation from before a change")
    void outside() {
        cpu.enterGuest();
        memory.storeLong(AT, 9);
        memory.storeLong(AT + PAGE, 9);
        cpu.leaveGuest();
        // The first access after a change would hit a stale translation. An access that misses enters GUEST and
        // flushes.
        assertEquals(0, space.munmap(AT, PAGE));
        assertThrows(ThrowingMemory.Signal.class, () -> memory.loadLong(AT));
        assertEquals(0, space.mprotect(AT + PAGE, PAGE, Mman.READ));
        assertThrows(ThrowingMemory.Signal.class, () -> memory.getAndAddInt(AT + PAGE, 1));
        for (FlatCase access : FlatCase.ALL) {
            int right = access.isLoad() ? Mman.READ : Mman.WRITE;
            assertFails(new Fault(Fault.MAPERR, AT, right, access.size()), access, AT);
            if (!access.isLoad()) {
                assertFails(new Fault(Fault.ACCERR, AT + PAGE, right, access.size()), access, AT + PAGE);
            }
        }
        assertEquals(9, memory.loadLong(AT + PAGE));
    }

    @Test
    @SuppressWarnings("try") // used only for its close
    @DisplayName("the watchers of a page are told of each access that writes, and of no comparison that fails")
    void watched() {
        cpu.enterGuest();
        memory.storeLong(AT, 0);
        cpu.leaveGuest();
        List<String> told = new ArrayList<>();
        List<String> expected = new ArrayList<>();
        try (Watchpoint watch = space.watch(AT, PAGE, (start, length) -> told.add(start + ", " + length))) {
            cpu.enterGuest();
            for (FlatCase access : FlatCase.ALL) {
                for (long one : new long[] {0, 1}) {
                    long address = AT + 8L * FlatCase.ALL.indexOf(access);
                    boolean isWritten = !access.isLoad() && !(access.compares() && one != 0);
                    long unused = access.access().apply(memory, address, one, 0);
                    if (isWritten) {
                        expected.add(address + ", " + access.size());
                    }
                }
            }
            cpu.leaveGuest();
        }
        assertEquals(expected, told);
    }

    @Test
    @DisplayName("an access that the TLB has is not made by the GuestMemory, except for updates of one and two bytes")
    void hits() {
        assumeTrue(!Boolean.getBoolean("samara.checked"), "a checked machine has no hits");
        assumeTrue(DirectFrames.mayHaveRegions(1 << 28), "the system has a region for the machine");
        cpu.enterGuest();
        memory.storeLong(AT, 0);
        memory.storeLong(AT + 64, 0x77);
        for (FlatCase access : FlatCase.ALL) {
            assertEquals(Fault.NONE, fixture.memory.load(AT + 64, 8));
            long before = fixture.memory.value();
            long unused = access.access().apply(memory, AT, 0, 0);
            boolean isHit =
                    access.size() >= 4 || access.name().startsWith("store") || (access.size() == 2 && access.isLoad());
            assertEquals(isHit, fixture.memory.value() == before, access::name);
        }
        cpu.leaveGuest();
    }

    /** Runs a task on another thread's CPU. */
    private Thread onOtherCpu(OfMemory task, AtomicReference<@Nullable Throwable> thrown) {
        Thread thread = new Thread(() -> {
            try (Cpu other = fixture.machine.claimCpu()) {
                other.switchTo(space);
                FlatMemory of = new ThrowingMemory(other.memory(), order);
                other.enterGuest();
                task.run(of);
                other.leaveGuest();
            } catch (RuntimeException | Error failed) {
                thrown.set(failed);
            }
        });
        thread.start();
        return thread;
    }

    private interface OfMemory {
        void run(FlatMemory of);
    }

    @Test
    @DisplayName("no update of two CPUs is lost: additions of each width, and comparisons beside them")
    void updates() throws InterruptedException {
        int count = 5_000;
        OfMemory task = of -> {
            for (int i = 0; i < count; i++) {
                of.getAndAddByte(AT + 1, (byte) 1);
                of.getAndAddShort(AT + 2, (short) 1);
                of.getAndAddInt(AT + 4, 1);
                of.getAndAddLong(AT + 8, 1);
                of.getAndBitwiseXorByte(AT, (byte) 1);
                int old = of.loadIntAcquire(AT + 16);
                while (!of.compareAndSetInt(AT + 16, old, old + 1)) {
                    old = of.loadIntOpaque(AT + 16);
                }
                long seen = of.loadLongVolatile(AT + 24);
                for (long before = seen - 1; before != seen; ) {
                    before = seen;
                    seen = of.compareAndExchangeLong(AT + 24, before, before + 1);
                }
                of.poll();
            }
        };
        AtomicReference<@Nullable Throwable> thrown = new AtomicReference<>();
        Thread other = onOtherCpu(task, thrown);
        cpu.enterGuest();
        task.run(memory);
        cpu.leaveGuest();
        other.join();
        assertNull(thrown.get());
        assertEquals(0, memory.loadByte(AT));
        assertEquals((byte) (2 * count), memory.loadByte(AT + 1));
        assertEquals((short) (2 * count), memory.loadShort(AT + 2));
        assertEquals(2 * count, memory.loadInt(AT + 4));
        assertEquals(2L * count, memory.loadLong(AT + 8));
        assertEquals(2 * count, memory.loadInt(AT + 16));
        assertEquals(2L * count, memory.loadLong(AT + 24));
    }
}
