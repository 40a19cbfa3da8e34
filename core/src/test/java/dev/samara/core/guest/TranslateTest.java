// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.EXEC;
import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.Watchpoint;
import dev.samara.core.backing.HostFile;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.Awake;
import dev.samara.core.fixture.EmbedderTlb;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.fixture.ThrowingMemory;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Results of translate in an embedder's TLB, and each change that invalidates them. */
@ExtendWith(OneThread.class)
final class TranslateTest {
    private static final long AT = 0x2000_0000_0000L;

    private final SpaceFixture fixture = new SpaceFixture();
    private final AddressSpace space = fixture.space;
    private final Cpu cpu = fixture.cpu;
    private final ThrowingMemory memory = new ThrowingMemory(cpu);

    @BeforeEach
    void assume() {
        assumeFalse(Boolean.getBoolean("samara.checked"), "nothing is translated on a checked machine");
    }

    @AfterEach
    void close() {
        fixture.close();
    }

    private void inGuest(Runnable what) {
        cpu.enterGuest();
        try {
            what.run();
        } finally {
            cpu.leaveGuest();
        }
    }

    private static void assertFault(int expected, Runnable access) {
        SpaceFixture.assertFault(
                expected, assertThrows(ThrowingMemory.Signal.class, access::run).fault());
    }

    @Test
    @DisplayName("the result is the index of the byte in the region, for loads, stores and fetches")
    void index() {
        fixture.map(AT, 2, RW | EXEC, ANONYMOUS, null, 0);
        inGuest(() -> {
            memory.storeLong(AT + 8, 0x1122_3344_5566_7788L);
            int index = memory.translate(AT + 8, READ);
            assertEquals(0x1122_3344_5566_7788L, memory.tlb().region().getLong(index));
            assertEquals(index, memory.translate(AT + 8, WRITE));
            assertEquals(index, memory.translate(AT + 8, EXEC));
            assertEquals(index + 1, memory.translate(AT + 9, READ));
            assertEquals(index - 8, memory.translate(AT, READ));
            assertEquals(index - 8 + (int) PAGE - 1, memory.translate(AT + PAGE - 1, READ));
            memory.tlb().region().putInt(index, 5);
            assertEquals(5, memory.loadInt(AT + 8));
        });
    }

    @Test
    @DisplayName("-1 where an access has to fault first, and nothing faults; after the access there is a result")
    void absent() {
        fixture.map(AT, 3, RW, ANONYMOUS, null, 0);
        fixture.map(AT + 3 * PAGE, 1, READ, ANONYMOUS, null, 0);
        inGuest(() -> {
            long faults = cpu.statistics().minorFaults();
            for (int access : new int[] {READ, WRITE, EXEC}) {
                assertEquals(-1, memory.translate(AT, access), "no page yet");
                assertEquals(-1, memory.translate(AT + 5 * PAGE, access), "no mapping");
                assertEquals(-1, memory.translate(-8, access), "no address of the space");
            }
            assertEquals(faults, cpu.statistics().minorFaults());
            assertEquals(0, memory.loadLong(AT));
            assertTrue(memory.translate(AT, READ) >= 0);
            assertEquals(-1, memory.translate(AT, WRITE), "the zero page");
            memory.storeLong(AT, 1);
            assertTrue(memory.translate(AT, WRITE) >= 0);
            assertEquals(-1, memory.translate(AT, EXEC));
            memory.loadLong(AT + 3 * PAGE);
            assertEquals(-1, memory.translate(AT + 3 * PAGE, WRITE));
        });
    }

    @Test
    @DisplayName("a result outlives the place of its translation in the TLB, and its flush is told of all the same")
    void displaced() {
        Machine machine = Machine.builder().memory(1 << 20).tlbEntries(2).build();
        AddressSpace small = machine.newSpace(GEOMETRY);
        try (Cpu own = machine.claimCpu()) {
            own.switchTo(small);
            ThrowingMemory flat = new ThrowingMemory(own);
            assertEquals(AT, small.mmap(AT, 8 * PAGE, RW, ANONYMOUS, null, 0));
            EmbedderTlb tlb = new EmbedderTlb(own, flat, AT, 8, true);
            own.enterGuest();
            for (int round = 0; round < 3; round++) {
                for (int page = 0; page < 8; page++) {
                    tlb.store(AT + page * PAGE, page);
                }
            }
            assertEquals(8, tlb.hits());
            own.leaveGuest();
            assertEquals(0, small.madvise(AT, 4 * PAGE, Mman.DONTNEED));
            own.enterGuest();
            for (int page = 0; page < 8; page++) {
                assertEquals(page >= 4, tlb.keeps(WRITE, AT + page * PAGE));
                assertEquals(page < 4 ? 0 : page, tlb.load(AT + page * PAGE));
            }
            own.leaveGuest();
        }
        small.close();
    }

    @Test
    @DisplayName("for a write the page counts as written, for a read only as accessed")
    void marks() {
        fixture.map(AT, 2, RW, ANONYMOUS, null, 0);
        fixture.store(AT, 1);
        fixture.store(AT + PAGE, 1);
        assertEquals(List.of(AT, AT + PAGE), dirty());
        assertEquals(List.of(), dirty());
        inGuest(() -> {
            assertTrue(memory.translate(AT, WRITE) >= 0);
            assertTrue(memory.translate(AT + PAGE, READ) >= 0);
        });
        assertEquals(List.of(AT), dirty());
    }

    private List<Long> dirty() {
        List<Long> found = new ArrayList<>();
        assertTrue(space.collectDirty(AT, 2 * PAGE, found::add) >= 0);
        return found;
    }

    @Test
    @DisplayName("a watched page has no result for the accesses that are watched")
    void watched() {
        fixture.map(AT, 1, RW, ANONYMOUS, null, 0);
        fixture.store(AT, 1);
        Watchpoint stores = space.watch(AT + 16, 8, (address, length) -> {});
        inGuest(() -> {
            assertTrue(memory.translate(AT, READ) >= 0);
            assertEquals(-1, memory.translate(AT, WRITE));
        });
        stores.close();
        Watchpoint reads = space.watchReads(AT + 16, 8, (access, address, length, value) -> {});
        inGuest(() -> assertEquals(-1, memory.translate(AT, READ)));
        reads.close();
        inGuest(() -> assertTrue(memory.translate(AT, WRITE) >= 0));
    }

    @Test
    @DisplayName("out of GUEST, by another thread, in a flush listener, or for several rights it is refused")
    void refused() {
        fixture.map(AT, 1, RW, ANONYMOUS, null, 0);
        assertThrows(IllegalStateException.class, () -> memory.translate(AT, READ));
        List<Class<?>> thrown = new ArrayList<>();
        cpu.onFlush((start, end, reason, generation) ->
                thrown.add(assertThrows(IllegalStateException.class, () -> memory.translate(AT, READ))
                        .getClass()));
        inGuest(() -> {
            for (int access : new int[] {0, RW, 8, -1}) {
                assertThrows(IllegalArgumentException.class, () -> memory.translate(AT, access));
            }
        });
        assertEquals(List.of(IllegalStateException.class), thrown, "the flush of the first entry of the space");
        try (OtherCpu other = new OtherCpu(space)) {
            other.call(of -> assertThrows(IllegalStateException.class, () -> memory.translate(AT, READ)));
        }
    }

    /** A change of the page at AT, which contains 7 and is stored to again, and what a load finds afterwards. */
    @SuppressWarnings("ImmutableEnumChecker") // lambdas that capture nothing
    private enum Change {
        MUNMAP(of -> of.munmap(AT, PAGE), Fault.MAPERR, 0),
        REPLACE(of -> of.mmap(AT, PAGE, RW, ANONYMOUS | Mman.FIXED, null, 0), Fault.NONE, 0),
        PROTECT_NONE(of -> of.mprotect(AT, PAGE, 0), Fault.ACCERR, 0),
        PROTECT_READ(of -> of.mprotect(AT, PAGE, READ), Fault.NONE, 7),
        MOVE(of -> of.mremap(AT, PAGE, PAGE, Mman.MAYMOVE | Mman.MREMAP_FIXED, AT + 16 * PAGE), Fault.MAPERR, 0),
        DONTNEED(of -> of.madvise(AT, PAGE, Mman.DONTNEED), Fault.NONE, 0),
        GUARD(of -> of.madvise(AT, PAGE, Mman.GUARD_INSTALL), Fault.MAPERR, 0),
        FORK(of -> of.fork().close(), Fault.NONE, 7),
        CHECKPOINT(AddressSpace::checkpoint, Fault.NONE, 7),
        COLLECT_DIRTY(of -> of.collectDirty(AT, PAGE, page -> {}), Fault.NONE, 7),
        WATCH(of -> of.watch(AT, 8, (address, length) -> {}), Fault.NONE, 7);

        final Consumer<AddressSpace> call;
        final int fault;
        final long value;

        Change(Consumer<AddressSpace> call, int fault, long value) {
            this.call = call;
            this.fault = fault;
            this.value = value;
        }
    }

    /** Makes a call on another thread while this CPU polls in GUEST. */
    private void byOther(Runnable call) {
        try (OtherCpu other = new OtherCpu(space)) {
            Future<Integer> made = other.submit(of -> {
                call.run();
                return 0;
            });
            while (!made.isDone()) {
                memory.poll();
                Awake.turn();
            }
            // All requests from before the call returned are acknowledged by now.
            other.call(of -> 0);
        }
    }

    @ParameterizedTest
    @EnumSource(Change.class)
    @DisplayName("a change by another thread drops what an embedder keeps, before the change has returned")
    void changes(Change change) {
        fixture.map(AT, 3, RW, ANONYMOUS, null, 0);
        EmbedderTlb tlb = new EmbedderTlb(cpu, memory, AT, 3, true);
        inGuest(() -> {
            for (int round = 0; round < 3; round++) {
                tlb.store(AT, 7);
                tlb.store(AT + 2 * PAGE, 8);
            }
            assertEquals(7, tlb.load(AT));
            assertTrue(tlb.keeps(READ, AT) && tlb.keeps(WRITE, AT));
            byOther(() -> change.call.accept(space));
            assertFalse(tlb.keeps(WRITE, AT));
            if (change.fault == Fault.NONE) {
                assertEquals(change.value, tlb.load(AT));
            } else {
                assertFault(change.fault, () -> tlb.load(AT));
            }
        });
    }

    @Test
    @DisplayName("a change by the thread of the CPU itself drops it at the next entry of GUEST")
    void ownChange() {
        fixture.map(AT, 3, RW, ANONYMOUS, null, 0);
        EmbedderTlb tlb = new EmbedderTlb(cpu, memory, AT, 3, true);
        inGuest(() -> {
            tlb.store(AT, 7);
            tlb.store(AT, 7);
        });
        assertTrue(tlb.keeps(WRITE, AT));
        assertEquals(0, space.madvise(AT, PAGE, Mman.DONTNEED));
        inGuest(() -> {
            assertFalse(tlb.keeps(WRITE, AT));
            assertEquals(0, tlb.load(AT));
        });
    }

    @Test
    @DisplayName("after a fork, stores that had a result before are not seen by the child")
    void fork() {
        fixture.map(AT, 1, RW, ANONYMOUS, null, 0);
        EmbedderTlb tlb = new EmbedderTlb(cpu, memory, AT, 1, true);
        inGuest(() -> {
            tlb.store(AT, 1);
            tlb.store(AT, 2);
        });
        AddressSpace child = space.fork();
        inGuest(() -> tlb.store(AT, 3));
        ByteBuffer bytes = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
        assertEquals(8, child.read(AT, bytes));
        assertEquals(2, bytes.getLong(0));
        child.close();
        inGuest(() -> assertEquals(3, tlb.load(AT)));
    }

    @Test
    @DisplayName("a copy on write, by this CPU or another one, drops a result for reads of the old page")
    void copyOnWrite() {
        MemoryFile file = fixture.file(2);
        fixture.map(AT, 2, RW, Mman.PRIVATE, file.open(), 0);
        fixture.map(AT + 2 * PAGE, 1, RW, ANONYMOUS, null, 0);
        EmbedderTlb tlb = new EmbedderTlb(cpu, memory, AT, 3, true);
        inGuest(() -> {
            for (int round = 0; round < 3; round++) {
                assertEquals(0x100, tlb.load(AT));
                assertEquals(0x101, tlb.load(AT + PAGE));
                assertEquals(0, tlb.load(AT + 2 * PAGE));
            }
            assertTrue(tlb.keeps(READ, AT) && tlb.keeps(READ, AT + PAGE) && tlb.keeps(READ, AT + 2 * PAGE));
            memory.storeLong(AT, 5);
            assertEquals(5, tlb.load(AT));
            memory.storeLong(AT + 2 * PAGE, 6);
            assertEquals(6, tlb.load(AT + 2 * PAGE));
            try (OtherCpu other = new OtherCpu(space)) {
                Future<Integer> stored = other.submit(of -> of.memory().store(AT + PAGE, 8, 9));
                while (!stored.isDone()) {
                    memory.poll();
                    Awake.turn();
                }
            }
            assertEquals(9, tlb.load(AT + PAGE));
        });
        cpu.switchTo(null);
        space.close();
        file.close();
    }

    @Test
    @DisplayName("a truncation by another thread drops it")
    void truncation() {
        MemoryFile file = fixture.file(1);
        fixture.map(AT, 1, RW, Mman.SHARED, file.open(), 0);
        EmbedderTlb tlb = new EmbedderTlb(cpu, memory, AT, 1, true);
        inGuest(() -> {
            tlb.store(AT, 1);
            tlb.store(AT, 2);
            assertTrue(tlb.keeps(WRITE, AT));
            byOther(() -> assertEquals(0, file.truncate(0)));
            assertFalse(tlb.keeps(WRITE, AT));
            assertFault(Fault.ADRERR, () -> tlb.load(AT));
        });
        cpu.switchTo(null);
        space.close();
        file.close();
    }

    @Test
    @DisplayName("the eviction of a page of a file by another thread drops it")
    void eviction() {
        int pages = 64;
        ByteBuffer bytes = ByteBuffer.allocate((int) (pages * PAGE)).order(ByteOrder.LITTLE_ENDIAN);
        for (int page = 0; page < pages; page++) {
            bytes.putLong((int) (page * PAGE), 0x700 + page);
        }
        try (SpaceFixture scarce = new SpaceFixture(
                Machine.builder().memory(128 * PAGE).cacheLimit(8 * PAGE).poisonFrames(true))) {
            ThrowingMemory flat = new ThrowingMemory(scarce.cpu);
            try (HostFile file = scarce.machine.openFile("pages", GEOMETRY, bytes)) {
                scarce.map(AT, pages, READ, Mman.SHARED, file, 0);
            }
            EmbedderTlb tlb = new EmbedderTlb(scarce.cpu, flat, AT, pages, true);
            scarce.cpu.enterGuest();
            assertEquals(0x700, tlb.load(AT));
            assertEquals(0x700, tlb.load(AT));
            assertTrue(tlb.keeps(READ, AT));
            try (OtherCpu other = new OtherCpu(scarce.space)) {
                for (int round = 0; round < 32 && tlb.keeps(READ, AT); round++) {
                    Future<Integer> read = other.submit(of -> {
                        for (int page = pages - 1; page > 0; page--) {
                            SpaceFixture.assertFault(Fault.NONE, of.memory().load(AT + page * PAGE, 8));
                        }
                        return 0;
                    });
                    while (!read.isDone()) {
                        flat.poll();
                        Awake.turn();
                    }
                }
            }
            assertFalse(tlb.keeps(READ, AT));
            for (int page = 0; page < pages; page++) {
                assertEquals(0x700 + page, tlb.load(AT + page * PAGE));
            }
            scarce.cpu.leaveGuest();
        }
    }
}
