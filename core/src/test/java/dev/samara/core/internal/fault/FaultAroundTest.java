// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("The fault-around window of a file")
final class FaultAroundTest {
    private static final long SEED = Long.getLong("samara.seed", System.nanoTime());

    private static final int LEAF = 512;

    /** Aligned to a leaf of the page table. */
    private static final long PLACE = 0x4000_0000L;

    private static SpaceFixture fixture(int window) {
        return new SpaceFixture(
                Machine.builder().memory(1 << 26).poisonFrames(true).faultAround(window));
    }

    /** Returns a file with some pages in memory, which start with 0x100 plus their number. */
    private static MemoryFile file(SpaceFixture fixture, long bytes, BitSet present) {
        MemoryFile file = fixture.machine.newFile("/file", 7, SpaceFixture.GEOMETRY, bytes);
        present.stream().forEach(page -> {
            byte[] stamp = {(byte) page, (byte) (1 + (page >>> 8))};
            assertEquals(2, file.pwrite(stamp, 0, 2, page * PAGE));
        });
        assertEquals(bytes, file.size());
        return file;
    }

    private static BitSet all(int pages) {
        BitSet all = new BitSet();
        all.set(0, pages);
        return all;
    }

    private static BitSet mapped(SpaceFixture fixture, long at, int pages) {
        BitSet mapped = new BitSet();
        for (int page = 0; page < pages; page++) {
            mapped.set(page, fixture.isMapped(at + page * PAGE));
        }
        return mapped;
    }

    @ParameterizedTest
    @ValueSource(ints = {0, -1, -16, 3, 12, 24, 511, Integer.MAX_VALUE, Integer.MIN_VALUE})
    @DisplayName("must be a power of two")
    void powersOfTwo(int window) {
        MachineBuilder builder = Machine.builder();
        IllegalArgumentException refused =
                assertThrows(IllegalArgumentException.class, () -> builder.faultAround(window));
        assertTrue(String.valueOf(refused.getMessage()).contains(Integer.toString(window)), refused::getMessage);
    }

    @Test
    @DisplayName("of one page is that page, for reading and for writing")
    void one() throws InterruptedException {
        SpaceFixture fixture = fixture(1);
        MemoryFile file = file(fixture, 8 * PAGE, all(8));
        long at = fixture.map(PLACE, 8, RW, Mman.SHARED | Mman.FIXED, file.open(), 0);
        assertFault(Fault.NONE, fixture.memory.handleFault(at + 3 * PAGE, READ));
        assertEquals("{3}", mapped(fixture, at, 8).toString());
        assertFault(Fault.NONE, fixture.memory.handleFault(at + 7 * PAGE, SpaceFixture.WRITE));
        assertEquals("{3, 7}", mapped(fixture, at, 8).toString());
        assertEquals(0x107, fixture.load(at + 7 * PAGE));
        file.close();
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("ends with the file, whose last page may be partial, also while the file grows and shrinks")
    void endsWithTheFile() throws InterruptedException {
        SpaceFixture fixture = fixture(16);
        MemoryFile file = file(fixture, 5 * PAGE + 2, all(6));
        long at = fixture.map(PLACE, 32, READ, Mman.SHARED | Mman.FIXED, file.open(), 0);
        assertFault(Fault.NONE, fixture.memory.handleFault(at + 2 * PAGE, READ));
        assertEquals("{0, 1, 2, 3, 4, 5}", mapped(fixture, at, 32).toString());
        assertFault(Fault.ADRERR, fixture.memory.handleFault(at + 6 * PAGE, READ));
        assertFault(Fault.ADRERR, fixture.memory.handleFault(at + 31 * PAGE, READ));
        assertEquals(0, file.truncate(3 * PAGE));
        assertEquals("{0, 1, 2}", mapped(fixture, at, 32).toString());
        assertEquals(0, file.truncate(20 * PAGE));
        assertFault(Fault.NONE, fixture.memory.handleFault(at + 4 * PAGE, READ));
        assertEquals("{0, 1, 2, 4}", mapped(fixture, at, 32).toString(), "a page that is not in memory is made alone");
        assertEquals(0, fixture.load(at + 4 * PAGE));
        file.close();
        fixture.closeEmpty();
    }

    /** The place of a fault in a mapping. The mapping is within two leaves, and its file may end within the mapping. */
    private record Draw(int window, int start, int pages, int offset, int filePages, int target) {
        static Draw from(Random random) {
            int start = random.nextInt(2 * LEAF);
            int pages = 1 + random.nextInt(random.nextBoolean() ? 20 : 2 * LEAF - start);
            int kept = Math.min(pages, 2 * LEAF - start);
            int offset = random.nextInt(40);
            int target = random.nextInt(kept);
            int filePages = offset + target + 1 + random.nextInt(2 * kept);
            return new Draw(1 << random.nextInt(12), start, kept, offset, filePages, target);
        }

        /** Returns the pages of the mapping that must be mapped after the fault. */
        BitSet expected(BitSet present) {
            BitSet expected = new BitSet();
            int around = Math.min(window, LEAF);
            int first = Math.max(0, (start + target) / around * around - start);
            int leafEnd = ((start + target) / LEAF + 1) * LEAF - start;
            for (int page = first; page < Math.min(first + around, Math.min(pages, leafEnd)); page++) {
                expected.set(page, present.get(offset + page));
            }
            expected.set(target);
            return expected;
        }
    }

    @Test
    @DisplayName("maps the pages in memory of a window that begins aligned or with the mapping, within leaf and file")
    void againstAModel() throws InterruptedException {
        System.out.println("FaultAroundTest: -Dsamara.seed=" + SEED);
        Random random = new Random(SEED);
        for (int round = 0; round < 200; round++) {
            Draw draw = Draw.from(random);
            BitSet present = new BitSet();
            for (int page = 0; page < draw.filePages; page++) {
                present.set(page, random.nextInt(8) != 0);
            }
            SpaceFixture fixture = fixture(draw.window);
            MemoryFile file = file(fixture, draw.filePages * PAGE, present);
            long at = PLACE + draw.start * PAGE;
            fixture.map(at, draw.pages, READ, Mman.SHARED | Mman.FIXED, file.openReadOnly(), draw.offset);
            assertFault(
                    Fault.NONE, fixture.memory.handleFault(at + draw.target * PAGE + random.nextInt((int) PAGE), READ));
            assertEquals(
                    draw.expected(present), mapped(fixture, at, draw.pages), () -> draw + "; -Dsamara.seed=" + SEED);
            assertEquals(0, mapped(fixture, PLACE, draw.start).cardinality(), "before the mapping");
            int behind = draw.start + draw.pages;
            assertEquals(
                    0, mapped(fixture, PLACE + behind * PAGE, 2 * LEAF - behind).cardinality(), "behind it");
            draw.expected(present).stream().forEach(page -> {
                int number = draw.offset + page;
                long stamp = present.get(number) ? (number & 0xff) | (1L + (number >>> 8)) << 8 : 0;
                assertEquals(stamp, fixture.load(at + page * PAGE), () -> draw + "; -Dsamara.seed=" + SEED);
            });
            assertEquals(List.of(), fixture.reports);
            file.close();
            fixture.closeEmpty();
        }
    }
}
