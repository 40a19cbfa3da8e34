// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.EXEC;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Vma;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A fault on anonymous memory")
final class AnonymousFaultTest {
    /** The length in bytes of a copy that spans several pages. */
    private static final int LONG_COPY = 10_000;

    private static Vma vma(SpaceFixture fixture, long address) {
        return Objects.requireNonNull(fixture.space.find(address));
    }

    @Test
    @DisplayName("page tables take a page for each needed table, and go with the last mapping")
    void pageTableBytes() throws InterruptedException {
        SpaceFixture fixture = new SpaceFixture();
        assertEquals(PAGE, fixture.space.pageTableBytes(), "the topmost");
        long span = 512 * PAGE;
        long at = fixture.map(512 * span, 3 * 512, RW, ANONYMOUS | Mman.FIXED, null, 0);
        assertEquals(PAGE, fixture.space.pageTableBytes(), "nothing was touched");
        fixture.store(at, 1);
        assertEquals(4 * PAGE, fixture.space.pageTableBytes(), "one of each level");
        fixture.store(at + span, 1);
        fixture.store(at + 3 * span - 8, 1);
        assertEquals(6 * PAGE, fixture.space.pageTableBytes(), "three leaves");
        assertEquals(0, fixture.space.munmap(at, 3 * span));
        assertEquals(PAGE, fixture.space.pageTableBytes());
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("that writes after a read has zeros beside the store, also in a reused frame")
    void writeAfterRead() {
        // With a single frame, each page reuses the frame of the previous page.
        SpaceFixture fixture = new SpaceFixture(1);
        long at = fixture.anonymous(2);
        for (int round = 1; round <= 3; round++) {
            assertEquals(0, fixture.load(at));
            fixture.store(at + 16, round);
            for (long offset = 0; offset < PAGE; offset += 8) {
                assertEquals(offset == 16 ? round : 0, fixture.load(at + offset), "offset " + offset);
            }
            for (long offset = 0; offset < PAGE; offset += 8) {
                fixture.store(at + offset, -1);
            }
            assertEquals(0, fixture.space.madvise(at, PAGE, Mman.DONTNEED));
        }
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("that reads maps the zero page, takes no frame and prepares no anon_vma; a write then copies it")
    void zeroPage() throws InterruptedException {
        SpaceFixture fixture = new SpaceFixture();
        long at = fixture.anonymous(2);
        assertEquals(0, fixture.load(at));
        assertTrue(Pte.has(fixture.pte(at), Pte.ZERO));
        assertEquals(0, fixture.frames());
        assertNull(VmArea.of(vma(fixture, at)).anonVma());
        fixture.store(at, 5);
        assertEquals(5, fixture.load(at));
        assertEquals(0, fixture.load(at + 8));
        assertEquals(1, fixture.frames());
        assertNotNull(VmArea.of(vma(fixture, at)).anonVma());
        // The zero page still contains only zeros.
        assertEquals(0, fixture.load(at + PAGE));
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("that reads takes a frame which the next write finds, if the zero page is forbidden")
    void forbiddenZeroPage() throws InterruptedException {
        SpaceFixture fixture = new SpaceFixture(
                Machine.builder().memory(4 * PAGE).poisonFrames(true).forbidZeroPage(true));
        long at = fixture.anonymous(2);
        long fixed = fixture.map(0, 1, SpaceFixture.READ, SpaceFixture.ANONYMOUS, null, 0);
        for (int round = 0; round < 3; round++) {
            assertEquals(0, fixture.load(at + 8));
            assertEquals(0, fixture.load(fixed + 8));
            assertTrue(Pte.has(fixture.pte(at), Pte.WRITE | Pte.DIRTY | Pte.OWN | Pte.EXCLUSIVE));
            assertFalse(Pte.has(fixture.pte(fixed), Pte.WRITE) || Pte.has(fixture.pte(fixed), Pte.DIRTY));
            assertEquals(2, fixture.frames());
            assertNotNull(VmArea.of(vma(fixture, at)).anonVma());
            long faults = fixture.cpu.statistics().minorFaults();
            fixture.store(at + 8, -1);
            assertEquals(-1, fixture.load(at + 8));
            assertEquals(faults, fixture.cpu.statistics().minorFaults());
            assertEquals(2, fixture.frames());
            assertEquals(0, fixture.space.madvise(at, 2 * PAGE, Mman.DONTNEED));
            assertEquals(0, fixture.space.madvise(fixed, PAGE, Mman.DONTNEED));
            assertEquals(0, fixture.frames());
        }
        assertEquals(0, fixture.space.madvise(fixed, PAGE, Mman.POPULATE_READ));
        assertEquals(1, fixture.frames());
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("that writes first takes one frame of zeros, also a reused one")
    void pageMkwrite() throws InterruptedException {
        SpaceFixture fixture = new SpaceFixture(4);
        for (int round = 0; round < 20; round++) {
            long at = fixture.anonymous(3);
            for (int page = 0; page < 3; page++) {
                fixture.store(at + page * PAGE + 16, -1);
                assertEquals(0, fixture.load(at + page * PAGE + 8));
                assertEquals(0, fixture.load(at + page * PAGE + PAGE - 8));
            }
            assertEquals(3, fixture.frames());
            assertEquals(0, fixture.space.munmap(at, 3 * PAGE));
            assertEquals(0, fixture.frames());
        }
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("at any 64-bit number where nothing is mapped is MAPERR, for every access, also beside the last page")
    void outOfRange() throws InterruptedException {
        SpaceFixture fixture = new SpaceFixture();
        long at = fixture.anonymous(1);
        long last = SpaceFixture.GEOMETRY.limit() - PAGE;
        fixture.map(last, 1, RW, ANONYMOUS | Mman.FIXED, null, 0);
        fixture.store(last + PAGE - 8, 1);
        long[] edges = {
            0,
            1,
            8,
            PAGE - 1,
            PAGE,
            at - 1,
            at - PAGE,
            at + PAGE,
            last - 1,
            last + PAGE,
            (1L << 47) - 1,
            1L << 47,
            (1L << 47) + at,
            1L << 48,
            (1L << 48) + at,
            1L << 56,
            1L << 62,
            Long.MAX_VALUE - 6,
            Long.MAX_VALUE,
            Long.MIN_VALUE,
            Long.MIN_VALUE + at,
            -PAGE - 1,
            -PAGE,
            -8,
            -7,
            -1
        };
        for (long edge : edges) {
            outOfRange(fixture, edge);
            boolean reachesMapped =
                    Long.compareUnsigned(at - edge, LONG_COPY) < 0 || Long.compareUnsigned(last - edge, LONG_COPY) < 0;
            if (!reachesMapped) {
                outOfRangeInEverySize(fixture.cpu.memory(), edge);
            }
        }
        Random random = new Random(1);
        for (int i = 0; i < 10_000; i++) {
            long address = random.nextLong() >>> random.nextInt(64);
            if (Long.compareUnsigned(address - (at - 8), PAGE + 8) >= 0
                    && Long.compareUnsigned(address - (last - 8), PAGE + 8) >= 0) {
                outOfRange(fixture, address);
            }
        }
        fixture.closeEmpty();
    }

    private static void outOfRange(SpaceFixture fixture, long address) {
        for (int access : new int[] {READ, WRITE, EXEC, RW | EXEC}) {
            assertFault(Fault.MAPERR, fixture.memory.handleFault(address, access));
            assertEquals(address, fixture.memory.faultAddress());
        }
        assertFault(Fault.MAPERR, fixture.memory.load(address, 1));
        assertFault(Fault.MAPERR, fixture.memory.store(address, 1, 1));
        assertFault(Fault.MAPERR, fixture.memory.fetch(address, 1));
        assertFault(Fault.MAPERR, fixture.memory.getAndAdd(address, 1, 1));
        assertEquals(0, fixture.memory.copyIn(address, new byte[3], 0, 3));
        assertFault(Fault.MAPERR, fixture.memory.fault());
        assertNull(fixture.memory.pin(address, READ));
        assertFault(Fault.MAPERR, fixture.memory.fault());
        assertEquals(0, fixture.memory.fill(address, 3, (byte) 1));
        assertEquals(-1, fixture.memory.string(address, new byte[4]));
    }

    private static void outOfRangeInEverySize(GuestMemory memory, long address) {
        for (int size = 1; size <= 8; size *= 2) {
            assertFault(Fault.MAPERR, memory.load(address, size));
            assertFault(Fault.MAPERR, memory.store(address, size, 1));
            long aligned = address & -size;
            assertFault(Fault.MAPERR, memory.compareAndExchange(aligned, size, 0, 1));
            assertFault(Fault.MAPERR, memory.getAndAdd(aligned, size, 1));
        }
        assertEquals(0, memory.copyOut(address, new byte[LONG_COPY], 0, LONG_COPY));
        assertFault(Fault.MAPERR, memory.fault());
        assertEquals(0, memory.copyIn(address, new byte[LONG_COPY], 0, LONG_COPY));
        assertEquals(0, memory.fill(address, LONG_COPY, (byte) 1));
    }

    @Test
    @DisplayName("that finds no memory is OUT_OF_MEMORY: nothing is lost, and the fault succeeds after an unmapping")
    void outOfMemory() throws InterruptedException {
        SpaceFixture fixture = new SpaceFixture(8);
        long at = fixture.anonymous(16);
        for (int page = 0; page < 8; page++) {
            fixture.store(at + page * PAGE, 100 + page);
        }
        for (int page = 8; page < 16; page++) {
            assertFault(Fault.OUT_OF_MEMORY, fixture.memory.store(at + page * PAGE, 8, 1));
            assertEquals(at + page * PAGE, fixture.memory.faultAddress());
        }
        // A read allocates no frame; a write to the zero page does.
        assertEquals(0, fixture.load(at + 9 * PAGE));
        assertFault(Fault.OUT_OF_MEMORY, fixture.memory.store(at + 9 * PAGE, 8, 1));
        assertEquals(0, fixture.load(at + 9 * PAGE));
        assertEquals(8, fixture.frames());
        assertEquals(0, fixture.space.munmap(at, PAGE));
        fixture.store(at + 9 * PAGE, 7);
        assertFault(Fault.OUT_OF_MEMORY, fixture.memory.store(at + 10 * PAGE, 8, 1));
        for (int page = 1; page < 8; page++) {
            assertEquals(100 + page, fixture.load(at + page * PAGE));
        }
        assertEquals(7, fixture.load(at + 9 * PAGE));
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("that finds no memory for a copy is OUT_OF_MEMORY, and the child and the parent keep their pages")
    void outOfMemoryForACopy() throws InterruptedException {
        SpaceFixture fixture = new SpaceFixture(2);
        long at = fixture.anonymous(2);
        fixture.store(at, 1);
        fixture.store(at + PAGE, 2);
        try (AddressSpace child = fixture.space.fork()) {
            fixture.cpu.switchTo(child);
            assertFault(Fault.OUT_OF_MEMORY, fixture.memory.store(at, 8, 3));
            assertEquals(1, fixture.load(at));
            fixture.cpu.switchTo(fixture.space);
            assertFault(Fault.OUT_OF_MEMORY, fixture.memory.store(at + PAGE, 8, 3));
            assertEquals(2, fixture.load(at + PAGE));
            fixture.cpu.switchTo(null);
        }
        fixture.cpu.switchTo(fixture.space);
        fixture.store(at, 3);
        fixture.store(at + PAGE, 4);
        assertEquals(2, fixture.frames());
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("follows rights that are narrowed and widened, and its contents and its frame stay")
    void rightsBackAndForth() throws InterruptedException {
        SpaceFixture fixture = new SpaceFixture();
        long at = fixture.anonymous(3);
        fixture.store(at, 11);
        fixture.store(at + PAGE, 22);
        int frame = Pte.frame(fixture.pte(at + PAGE));
        int[] protections = {READ, 0, EXEC, READ | EXEC, WRITE, WRITE | EXEC, RW | EXEC, RW};
        for (int protection : protections) {
            assertEquals(0, fixture.space.mprotect(at + PAGE, PAGE, protection));
            assertFault(protection != 0 ? Fault.NONE : Fault.ACCERR, fixture.memory.load(at + PAGE, 8));
            assertFault((protection & EXEC) != 0 ? Fault.NONE : Fault.ACCERR, fixture.memory.fetch(at + PAGE, 8));
            boolean writes = (protection & WRITE) != 0;
            assertFault(writes ? Fault.NONE : Fault.ACCERR, fixture.memory.store(at + PAGE + 8, 8, 1));
            assertFault(writes ? Fault.NONE : Fault.ACCERR, fixture.memory.getAndAdd(at + PAGE + 16, 4, 1));
            assertEquals(writes ? Fault.NONE : -1, writes ? fixture.memory.handleFault(at + PAGE, protection) : -1);
        }
        assertEquals(11, fixture.load(at));
        assertEquals(22, fixture.load(at + PAGE));
        assertEquals(4, fixture.load(at + PAGE + 16));
        assertEquals(frame, Pte.frame(fixture.pte(at + PAGE)));
        assertEquals(2, fixture.frames());
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("P18: gives a CPU the rights that the entry has by now, though it changes nothing")
    void narrowTranslation() throws InterruptedException {
        SpaceFixture fixture = new SpaceFixture();
        long at = fixture.anonymous(1);
        fixture.store(at, 11);
        AddressSpace child = fixture.space.fork();
        assertEquals(11, fixture.load(at));
        child.close();
        // This CPU may only read the page; now another CPU may write to it.
        try (OtherCpu other = new OtherCpu(fixture.space)) {
            assertFault(Fault.NONE, other.call(cpu -> cpu.memory().store(at, 8, 12)));
        }
        long entry = fixture.pte(at);
        long misses = fixture.cpu.statistics().tlbMisses();
        assertFault(Fault.NONE, fixture.memory.store(at + 8, 8, 13));
        assertEquals(misses + 1, fixture.cpu.statistics().tlbMisses());
        assertFault(Fault.NONE, fixture.memory.store(at + 8, 8, 14));
        assertEquals(misses + 1, fixture.cpu.statistics().tlbMisses(), "the new translation is kept");
        assertEquals(Pte.frame(entry), Pte.frame(fixture.pte(at)));
        assertEquals(12, fixture.load(at));
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("below a stack grows it, page by page or far, and the new part has the stack's anon_vma")
    void stackGrowth() throws InterruptedException {
        SpaceFixture fixture = new SpaceFixture();
        long top = 0x7000_0000L;
        int flags = ANONYMOUS | Mman.GROWSDOWN | Mman.FIXED;
        long stack = fixture.map(top - 2 * PAGE, 2, RW, flags, null, 0);
        fixture.store(stack + PAGE, 1);
        Object identity = VmArea.of(vma(fixture, stack)).anonVma();
        assertNotNull(identity);
        fixture.store(stack - 8, 2);
        fixture.store(stack - 20 * PAGE, 3);
        Vma grown = vma(fixture, stack);
        assertEquals(stack - 20 * PAGE, grown.start());
        assertEquals(top, grown.end());
        assertSame(identity, VmArea.of(grown).anonVma());
        assertEquals(1, fixture.load(stack + PAGE));
        assertEquals(2, fixture.load(stack - 8));
        // A read also grows the stack, and so does an access that the mapping forbids.
        assertEquals(0, fixture.load(stack - 30 * PAGE));
        assertFault(Fault.ACCERR, fixture.memory.fetch(stack - 40 * PAGE, 4));
        assertEquals(stack - 40 * PAGE, vma(fixture, stack).start());
        // The stack does not grow into the guard gap of the mapping below.
        fixture.map(stack - 400 * PAGE, 1, RW, ANONYMOUS | Mman.FIXED, null, 0);
        assertFault(Fault.MAPERR, fixture.memory.store(stack - 390 * PAGE, 8, 1));
        assertFault(Fault.MAPERR, fixture.memory.load(stack - 390 * PAGE, 8));
        assertEquals(stack - 40 * PAGE, vma(fixture, stack).start());
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("below a stack that was never written prepares an anon_vma as the stack grows")
    void untouchedStackGrows() throws InterruptedException {
        SpaceFixture fixture = new SpaceFixture();
        int flags = ANONYMOUS | Mman.GROWSDOWN | Mman.FIXED;
        long stack = fixture.map(0x7000_0000L, 1, RW, flags, null, 0);
        assertNull(VmArea.of(vma(fixture, stack)).anonVma());
        assertEquals(0, fixture.load(stack - PAGE));
        assertNotNull(VmArea.of(vma(fixture, stack)).anonVma());
        assertEquals(stack - PAGE, vma(fixture, stack).start());
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("gives a neighbour that differs only in its rights the same anon_vma, so they merge again")
    void identityOfNeighbours() throws InterruptedException {
        SpaceFixture fixture = new SpaceFixture();
        long at = fixture.anonymous(2);
        assertEquals(0, fixture.space.mprotect(at + PAGE, PAGE, RW | EXEC));
        fixture.store(at, 1);
        fixture.store(at + PAGE, 2);
        assertSame(
                VmArea.of(vma(fixture, at)).anonVma(),
                VmArea.of(vma(fixture, at + PAGE)).anonVma());
        assertEquals(0, fixture.space.mprotect(at + PAGE, PAGE, RW));
        assertSame(vma(fixture, at), vma(fixture, at + PAGE));
        assertEquals(1, fixture.load(at));
        assertEquals(2, fixture.load(at + PAGE));
        fixture.closeEmpty();
    }
}
