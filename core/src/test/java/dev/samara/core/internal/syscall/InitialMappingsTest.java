// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static dev.samara.core.fixture.Refusal.assertRefused;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.AddressSpaceBuilder;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.Usage;
import dev.samara.core.fixture.LayoutText;
import dev.samara.core.fixture.OpenFiles;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.internal.vma.VmArea.AnonVma;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The initial layout of a space: loaded as described, or refused with an exception that names the mapping. */
final class InitialMappingsTest {
    private static final Geometry LINUX = Geometry.LINUX_X86_64;
    private static final long PAGE = LINUX.pageSize();
    private static final long PLACE = 0x2000_0000_0000L;
    private static final long LIMIT = LINUX.limit();
    private static final long RW = VmaFlags.READ | VmaFlags.WRITE | VmaFlags.MAY_ACCESS | VmaFlags.ACCOUNT;

    private static Vma vma(long start, long end, @Nullable Backing backing) {
        return VmArea.describe(start, end, RW, LINUX.pages(start), backing, null, null);
    }

    private static AddressSpace load(Vma... vmas) {
        return Machine.builder().build().space(LINUX).load(List.of(vmas)).build();
    }

    private static void assertNotLoaded(String reason, Vma refused, Vma... others) {
        List<Vma> vmas = new ArrayList<>(List.of(others));
        vmas.add(refused);
        AddressSpaceBuilder builder = Machine.builder().build().space(LINUX).load(vmas);
        assertRefused(IllegalArgumentException.class, builder::build, refused.toString(), reason);
    }

    @Test
    @DisplayName("loaded VMAs are there as described, in any order and unmerged")
    void describedMappingsAreThere() {
        AnonVma identity = AnonVma.fresh();
        List<Vma> vmas = new ArrayList<>(List.of(
                vma(PLACE, PLACE + PAGE, null),
                vma(PLACE + PAGE, PLACE + 3 * PAGE, null),
                VmArea.describe(PLACE + 3 * PAGE, PLACE + 4 * PAGE, RW, 99, null, null, identity),
                vma(PLACE + 5 * PAGE, PLACE + 9 * PAGE, OpenFiles.A),
                VmArea.describe(LIMIT - PAGE, LIMIT, VmaFlags.READ, 0, null, "[vdso]", null)));
        String expected = new LayoutText().text(vmas);
        Collections.reverse(vmas);
        AddressSpace space = Machine.builder().build().space(LINUX).load(vmas).build();
        assertEquals(expected, LayoutText.of(space));
        assertEquals(new Usage(5, 10 - 1, 8, 0, 0, 0, 8), space.usage());
        Vma touched = space.find(PLACE + 3 * PAGE);
        assertNotNull(touched);
        assertSame(identity, VmArea.of(touched).anonVma());
        space.validate();
    }

    @Test
    @DisplayName("mappings that overlap are refused, however little")
    void overlapIsRefused() {
        Vma there = vma(PLACE, PLACE + 4 * PAGE, null);
        for (Vma over : List.of(
                vma(PLACE, PLACE + 4 * PAGE, null),
                vma(PLACE - PAGE, PLACE + PAGE, OpenFiles.A),
                vma(PLACE + 3 * PAGE, PLACE + 5 * PAGE, null),
                vma(PLACE + PAGE, PLACE + 2 * PAGE, null),
                vma(PLACE - PAGE, PLACE + 5 * PAGE, null))) {
            assertNotLoaded("overlaps " + there, over, there);
        }
        assertEquals(
                2,
                load(there, vma(PLACE + 4 * PAGE, PLACE + 5 * PAGE, OpenFiles.A))
                        .usage()
                        .maps());
    }

    @Test
    @DisplayName("a mapping that does not lie on page boundaries is refused")
    void unalignedMappingIsRefused() {
        assertNotLoaded("page boundaries", vma(PLACE + 1, PLACE + PAGE, null));
        assertNotLoaded("page boundaries", vma(PLACE, PLACE + PAGE / 2, null));
        assertNotLoaded("page boundaries", vma(-PAGE, -1, null));
    }

    @Test
    @DisplayName("a mapping that crosses the limit of the space is refused")
    void mappingAcrossTheLimitIsRefused() {
        assertNotLoaded("crosses the limit", vma(LIMIT - PAGE, LIMIT + PAGE, null));
        assertNotLoaded("crosses the limit", vma(0, -PAGE, null));
        assertEquals(1, load(vma(LIMIT - PAGE, LIMIT, null)).usage().maps());
    }

    @Test
    @DisplayName("a mapping above the limit is listed, never counted and never changed")
    void mappingAboveTheLimitIsOnlyListed() {
        Vma gate = VmArea.describe(-0xa0_0000L, -0x9f_f000L, VmaFlags.EXEC, 0, null, "[vsyscall]", null);
        Vma low = VmArea.describe(LIMIT, LIMIT + PAGE, VmaFlags.READ, 0, null, "[low]", null);
        AddressSpace space = load(gate, vma(PLACE, PLACE + PAGE, null), low);
        List<String> maps = space.snapshot().maps();
        assertEquals(3, maps.size());
        assertTrue(maps.get(1).endsWith(" [low]"), maps.get(1));
        assertTrue(maps.get(2).endsWith(" [vsyscall]"), maps.get(2));
        assertEquals(1, space.usage().maps());
        assertEquals(Errno.EINVAL.result(), space.munmap(gate.start(), PAGE));
        assertEquals(Errno.ENOMEM.result(), space.mprotect(gate.start(), PAGE, Mman.READ));
        assertEquals(
                Errno.ENOMEM.result(),
                space.mmap(low.start(), PAGE, Mman.READ, Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED, null, 0));
        try (AddressSpace child = space.fork()) {
            assertEquals(maps, child.snapshot().maps());
        }
        space.close();
        assertEquals(maps.subList(1, 3), space.snapshot().maps());
    }

    @Test
    @DisplayName("one description is loaded into several spaces, and each has a mapping of its own")
    void descriptionsAreCopied() {
        Vma description = vma(PLACE, PLACE + 4 * PAGE, OpenFiles.A);
        List<Vma> vmas = new ArrayList<>(List.of(description));
        AddressSpaceBuilder builder = Machine.builder().build().space(LINUX).load(vmas);
        vmas.clear();
        AddressSpace one = builder.build();
        AddressSpace other = builder.build();
        Vma ofOne = one.find(PLACE);
        Vma ofOther = other.find(PLACE);
        assertNotNull(ofOne);
        assertNotNull(ofOther);
        assertTrue(ofOne.looksLike(description) && ofOther.looksLike(description));
        assertNotSame(description, ofOne);
        assertNotSame(description, ofOther);
        assertNotSame(ofOne, ofOther);
        assertEquals(0, one.munmap(PLACE, PAGE));
        assertNull(one.find(PLACE));
        assertSame(ofOther, other.find(PLACE));
        assertEquals(4 * PAGE, description.length());
    }

    @Test
    @DisplayName("a layout beyond the commit limit is refused, and nothing stays charged")
    void commitLimitRefusesWhatIsLoaded() {
        Machine machine = Machine.builder().commitLimit(5 * PAGE).build();
        AddressSpaceBuilder builder = machine.space(LINUX)
                .load(List.of(
                        vma(PLACE, PLACE + 3 * PAGE, null), vma(PLACE + 4 * PAGE, PLACE + 7 * PAGE, OpenFiles.A)));
        MmException refused =
                assertRefused(MmException.class, builder::build, Long.toHexString(PLACE + 4 * PAGE), "ENOMEM");
        assertEquals(Errno.ENOMEM, refused.errno());
        assertEquals(0, machine.committed());
        AddressSpace space = machine.space(LINUX)
                .load(List.of(vma(PLACE, PLACE + 5 * PAGE, null)))
                .build();
        assertEquals(5 * PAGE, machine.committed());
        space.close();
        assertEquals(0, machine.committed());
    }

    @Test
    @DisplayName("a heap that runs down or ends above the limit is refused")
    void impossibleHeapIsRefused() {
        AddressSpaceBuilder builder = Machine.builder().build().space(LINUX);
        for (long[] heap : new long[][] {{PLACE, PLACE - 1}, {PLACE, LIMIT + 1}, {-1, -1}}) {
            assertRefused(
                    IllegalArgumentException.class,
                    () -> builder.heap(heap[0], heap[1]),
                    Long.toHexString(heap[0]),
                    Long.toHexString(heap[1]));
        }
        assertEquals(LIMIT, builder.heap(LIMIT, LIMIT).build().brk(0));
    }

    @Test
    @DisplayName("a machine that cannot be is refused")
    void impossibleMachineIsRefused() {
        MachineBuilder builder = Machine.builder();
        Class<IllegalArgumentException> type = IllegalArgumentException.class;
        assertRefused(type, () -> builder.maxMapCount(0), "maxMapCount 0");
        assertRefused(type, () -> builder.stackGuardGap(-1), "stackGuardGap -1");
        assertRefused(type, () -> builder.stackGuardGap((1 << 20) + 1), "stackGuardGap 1048577");
        assertRefused(type, () -> builder.commitLimit(-2), "commitLimit -2");
        Machine smallest =
                builder.maxMapCount(1).stackGuardGap(0).commitLimit(0).build();
        assertEquals(0, smallest.committed());
        assertEquals(0, smallest.newSpace(LINUX).usage().maps());
    }
}
