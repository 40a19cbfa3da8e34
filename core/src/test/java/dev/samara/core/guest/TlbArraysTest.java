// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.Watchpoint;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.fixture.ThrowingMemory;
import dev.samara.core.mman.Mman;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Makes accesses through the arrays by the rules of TlbArrays, as generated code does. */
@ExtendWith(OneThread.class)
final class TlbArraysTest {
    private static final long AT = 0x2000_0000_0000L;
    private static final int RWX = Mman.READ | Mman.WRITE | Mman.EXEC;

    /** The default number of slots. */
    private static final int LARGEST_TLB = 1 << 12;

    private enum Kind {
        LOAD,
        STORE,
        FETCH;

        long[] tags(TlbArrays of) {
            return switch (this) {
                case LOAD -> of.loadTags();
                case STORE -> of.storeTags();
                case FETCH -> of.fetchTags();
            };
        }

        long[] addends(TlbArrays of) {
            return this == FETCH ? of.fetchAddends() : of.addends();
        }
    }

    private final SpaceFixture fixture = new SpaceFixture();
    private final AddressSpace space = fixture.space;
    private final Cpu cpu = fixture.cpu;
    private final ThrowingMemory memory = new ThrowingMemory(cpu);

    @AfterEach
    void close() {
        fixture.close();
    }

    /** Returns the index of an access in the region, or -1 if it misses. */
    private static int indexOf(TlbArrays of, Kind kind, long address, int size) {
        long[] tags = kind.tags(of);
        long[] addends = kind.addends(of);
        assertEquals(tags.length, addends.length);
        assertEquals(1, Integer.bitCount(tags.length));
        int slot = (int) (address >>> TlbArrays.GRANULE_SHIFT) & tags.length - 1;
        boolean isHit = tags[slot] == ((address + size - 1 & TlbArrays.GRANULE_MASK) | of.key());
        return isHit ? (int) (addends[slot] + address) : -1;
    }

    private boolean hits(Kind kind, long address) {
        return indexOf(memory.tlb(), kind, address, 8) >= 0;
    }

    /** Loads from, stores to and fetches from a page. */
    private static void use(FlatMemory of, long address) {
        of.storeLong(address, of.loadLong(address));
        of.fetchLong(address);
    }

    private void assertNothingMatches(TlbArrays of) {
        for (Kind kind : Kind.values()) {
            for (long tag : kind.tags(of)) {
                assertFalse((tag & ~TlbArrays.GRANULE_MASK) == of.key(), kind + " 0x" + Long.toHexString(tag));
            }
        }
    }

    private static boolean isChecked() {
        return Boolean.getBoolean("samara.checked");
    }

    @Test
    @DisplayName("an access of any width that hits finds its bytes in the region, in the order of the memory")
    void finds() {
        assumeFalse(isChecked(), "nothing hits on a checked machine");
        assertEquals(AT, fixture.map(AT, 3, RWX, SpaceFixture.ANONYMOUS, null, 0));
        TlbArrays tlb = memory.tlb();
        assertSame(tlb, memory.tlb());
        cpu.enterGuest();
        for (int page = 0; page < 3; page++) {
            use(memory, AT + page * PAGE);
        }
        Random random = new Random(5);
        int hits = 0;
        for (int round = 0; round < 4_000; round++) {
            long address = AT + (random.nextInt(3) + 1) * PAGE - 1 - random.nextInt(24);
            int size = 1 << random.nextInt(4);
            boolean isInOne = (address & PAGE - 1) + size <= PAGE;
            int store = indexOf(tlb, Kind.STORE, address, size);
            assertEquals(isInOne, store >= 0);
            assertEquals(store, indexOf(tlb, Kind.LOAD, address, size));
            assertEquals(store, indexOf(tlb, Kind.FETCH, address, size));
            if (isInOne && size == 8) {
                long value = random.nextLong();
                tlb.region().putLong(store, value);
                assertEquals(value, memory.loadLong(address));
                memory.storeInt(address, round);
                assertEquals(round, tlb.region().getInt(store));
                hits++;
            }
        }
        assertTrue(hits > 100);
        cpu.leaveGuest();
        try (OtherCpu other = new OtherCpu(space)) {
            assertEquals(
                    ByteOrder.BIG_ENDIAN,
                    other.call(of -> new ThrowingMemory(of.memory(), ByteOrder.BIG_ENDIAN)
                            .tlb()
                            .region()
                            .order()));
        }
        assertEquals(ByteOrder.LITTLE_ENDIAN, tlb.region().order());
    }

    @Test
    @DisplayName("I2: on a checked machine no tag matches, in GUEST and outside, so each access is checked")
    void checked() {
        Machine machine = Machine.builder().memory(1 << 20).checked(true).build();
        AddressSpace of = machine.newSpace(SpaceFixture.GEOMETRY);
        try (Cpu its = machine.claimCpu()) {
            its.switchTo(of);
            assertEquals(AT, of.mmap(AT, 4 * PAGE, RWX, SpaceFixture.ANONYMOUS, null, 0));
            ThrowingMemory flat = new ThrowingMemory(its);
            assertNothingMatches(flat.tlb());
            its.enterGuest();
            for (int page = 0; page < 4; page++) {
                use(flat, AT + page * PAGE);
                assertNothingMatches(flat.tlb());
            }
            its.leaveGuest();
            assertNothingMatches(flat.tlb());
        }
        of.close();
    }

    @Test
    @DisplayName("no store tag matches for a page that is watched, until the watchpoint is closed")
    void watched() {
        fixture.map(AT, 2, RWX, SpaceFixture.ANONYMOUS, null, 0);
        List<Long> told = new ArrayList<>();
        cpu.enterGuest();
        use(memory, AT);
        use(memory, AT + PAGE);
        cpu.leaveGuest();
        try (Watchpoint watch = space.watch(AT + 100, 1, (start, length) -> told.add(start))) {
            cpu.enterGuest();
            for (int round = 0; round < 3; round++) {
                assertFalse(hits(Kind.STORE, AT), watch::toString);
                memory.storeByte(AT + 100, (byte) round);
                memory.getAndAddLong(AT, 1);
                use(memory, AT);
                assertEquals(!isChecked(), hits(Kind.LOAD, AT));
                use(memory, AT + PAGE);
                assertEquals(hits(Kind.LOAD, AT), hits(Kind.STORE, AT + PAGE));
            }
            cpu.leaveGuest();
        }
        assertEquals(List.of(AT + 100, AT + 100, AT + 100), told);
        cpu.enterGuest();
        use(memory, AT);
        assertEquals(hits(Kind.LOAD, AT), hits(Kind.STORE, AT));
        cpu.leaveGuest();
    }

    @Test
    @DisplayName("outside GUEST, LAZY and without a space no tag matches, also after a visit to another space")
    void outside() {
        fixture.map(AT, 1, RWX, SpaceFixture.ANONYMOUS, null, 0);
        TlbArrays tlb = memory.tlb();
        assertNothingMatches(tlb);
        use(memory, AT);
        assertNothingMatches(tlb);
        cpu.enterGuest();
        use(memory, AT);
        cpu.leaveGuest();
        assertNothingMatches(tlb);
        cpu.enterLazy();
        assertNothingMatches(tlb);
        try (AddressSpace other = fixture.machine.newSpace(SpaceFixture.GEOMETRY)) {
            cpu.switchTo(other);
            assertNothingMatches(tlb);
            cpu.enterGuest();
            assertFalse(hits(Kind.LOAD, AT));
            cpu.leaveGuest();
            cpu.switchTo(null);
        }
        assertNothingMatches(tlb);
        cpu.switchTo(space);
        assertNothingMatches(tlb);
    }

    @Test
    @DisplayName("I2: after a poll no tag matches for what another thread has taken away, by a range and by all")
    void polled() throws InterruptedException {
        // More pages than the TLB has slots, so their flush gives the space another number.
        long all = 2L * LARGEST_TLB * PAGE;
        for (long length : new long[] {PAGE, all}) {
            fixture.map(AT, all / PAGE, RWX, SpaceFixture.ANONYMOUS, null, 0);
            cpu.enterGuest();
            use(memory, AT + all - PAGE);
            use(memory, AT);
            Thread unmaps = new Thread(() -> space.munmap(AT, length));
            unmaps.start();
            while (unmaps.isAlive()) {
                memory.poll();
            }
            unmaps.join();
            for (Kind kind : Kind.values()) {
                assertFalse(hits(kind, AT));
            }
            assertThrows(ThrowingMemory.Signal.class, () -> memory.loadLong(AT));
            cpu.leaveGuest();
            space.munmap(AT, all);
        }
    }

    @Test
    @DisplayName("in GUEST again the key may be that of before, without the translations that were dropped meanwhile")
    void equalKey() {
        assumeFalse(isChecked(), "nothing hits on a checked machine");
        fixture.map(AT, 2, RWX, SpaceFixture.ANONYMOUS, null, 0);
        cpu.enterGuest();
        use(memory, AT);
        use(memory, AT + PAGE);
        long key = memory.tlb().key();
        cpu.leaveGuest();
        space.munmap(AT, PAGE);
        cpu.enterGuest();
        assertEquals(key, memory.tlb().key());
        assertFalse(hits(Kind.LOAD, AT));
        assertTrue(hits(Kind.LOAD, AT + PAGE));
        cpu.leaveGuest();
    }

    @Test
    @DisplayName("in the smallest TLB, an access across two granules, or the end of the space, hits neither")
    void twoSlots() {
        Machine machine = Machine.builder().memory(1 << 20).tlbEntries(2).build();
        AddressSpace of = machine.newSpace(SpaceFixture.GEOMETRY);
        try (Cpu its = machine.claimCpu()) {
            ThrowingMemory flat = new ThrowingMemory(its);
            long[] before = flat.tlb().loadTags();
            its.switchTo(of);
            assertEquals(isChecked(), before == flat.tlb().loadTags(), "those of the first space");
            assertEquals(AT, of.mmap(AT, 2 * PAGE, RWX, SpaceFixture.ANONYMOUS, null, 0));
            its.enterGuest();
            use(flat, AT);
            use(flat, AT + PAGE);
            for (Kind kind : Kind.values()) {
                assertEquals(!isChecked(), indexOf(flat.tlb(), kind, AT, 8) >= 0);
                for (int rest = 1; rest < 8; rest++) {
                    assertEquals(-1, indexOf(flat.tlb(), kind, AT + PAGE - rest, 8));
                    assertEquals(-1, indexOf(flat.tlb(), kind, AT + 2 * PAGE - rest, 8));
                    assertEquals(-1, indexOf(flat.tlb(), kind, -rest, 8));
                }
            }
            its.leaveGuest();
        }
        of.close();
    }

    @Test
    @DisplayName("the arrays, the region and the key are read again after a call: all of them may be others")
    void otherMachine() {
        fixture.map(AT, 1, RWX, SpaceFixture.ANONYMOUS, null, 0);
        long[] before = memory.tlb().loadTags();
        fixture.memory.load(AT, 8);
        try (SpaceFixture elsewhere = new SpaceFixture()) {
            cpu.switchTo(elsewhere.space);
            // On a checked machine, all CPUs share one array, which contains no tag.
            assertEquals(isChecked(), before == memory.tlb().loadTags());
            cpu.switchTo(space);
        }
        assertEquals("TLB of the " + cpu.memory(), memory.tlb().toString());
    }
}
