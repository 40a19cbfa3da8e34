// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.history;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.AddressSpace;
import dev.samara.core.LayoutSnapshot;
import dev.samara.core.Machine;
import dev.samara.core.fixture.LayoutText;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.internal.vma.VmArea.AnonVma;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Historical Linux bugs in the layout of address spaces, each as a test that would have found it. */
final class HistoricalBugsTest {
    private static final long PAGE = 0x1000;
    private static final long PLACE = 0x1000_0000L;
    private static final long TOP = 0x7fff_f7ff_f000L;
    private static final int READ = Mman.READ;
    private static final int RW = Mman.READ | Mman.WRITE;
    private static final int ANON = Mman.PRIVATE | Mman.ANONYMOUS;
    private static final int FIXED = ANON | Mman.FIXED;
    private static final int STACK = FIXED | Mman.GROWSDOWN;
    private static final int MOVE_TO = Mman.MAYMOVE | Mman.MREMAP_FIXED;
    private static final long TOUCHED = VmaFlags.READ | VmaFlags.WRITE | VmaFlags.MAY_ACCESS | VmaFlags.ACCOUNT;

    private static AddressSpace space() {
        return Machine.builder().build().newSpace(Geometry.LINUX_X86_64);
    }

    private static AddressSpace loaded(Vma... vmas) {
        return Machine.builder()
                .build()
                .space(Geometry.LINUX_X86_64)
                .load(List.of(vmas))
                .build();
    }

    private static Vma touched(int firstPage, int lastPage, AnonVma identity) {
        long start = PLACE + firstPage * PAGE;
        return VmArea.describe(start, PLACE + lastPage * PAGE, TOUCHED, start / PAGE, null, null, identity);
    }

    @Test
    @DisplayName("1, 2, 17 (CVE-2023-3269): a stack that grows changes nothing that a reader holds")
    void stackGrowthUnderAReader() {
        AddressSpace space = space();
        space.throwing().mmap(PLACE, 4 * PAGE, RW, STACK, null, 0);
        Vma held = space.find(PLACE);
        LayoutSnapshot before = space.snapshot();
        assertNotNull(held);
        assertEquals(0, space.growStack(PLACE - 8 * PAGE));
        Vma grown = space.find(PLACE);
        assertNotNull(grown);
        assertNotSame(held, grown);
        assertEquals(PLACE, held.start());
        assertEquals(PLACE / PAGE, held.pageOffset());
        assertSame(held, before.find(PLACE));
        assertNull(before.find(PLACE - PAGE));
        assertEquals(PLACE - 8 * PAGE, grown.start());
        assertEquals(PLACE / PAGE - 8, grown.pageOffset(), "start and offset move together");
        assertSame(grown, space.find(PLACE - 8 * PAGE));
    }

    /** Maps single pages with holes of one page between them, so that the mappings cannot merge. */
    private static AddressSpace comb(int teeth) {
        AddressSpace space = space();
        for (int i = 0; i < teeth; i++) {
            space.throwing().mmap(PLACE + 2L * i * PAGE, PAGE, RW, FIXED, null, 0);
        }
        return space;
    }

    @Test
    @DisplayName("3 (CVE-2024-50200): a range that ends with the last entry of a node changes nothing beside it")
    void storeUpToTheLastEntryOfANode() {
        int teeth = 400;
        for (int last = 1; last < teeth; last += 3) {
            AddressSpace space = comb(teeth);
            int first = last / 2;
            long start = PLACE + 2L * first * PAGE;
            assertEquals(start, space.mmap(start, (2L * (last - first) + 1) * PAGE, READ, FIXED, null, 0));
            space.validate();
            assertEquals(teeth - (last - first), space.usage().maps());
            for (int i = 0; i < teeth; i++) {
                Vma tooth = space.find(PLACE + 2L * i * PAGE);
                assertNotNull(tooth);
                assertEquals(i < first || i > last, tooth.has(VmaFlags.WRITE));
                assertEquals(i >= first && i < last, space.find(PLACE + (2L * i + 1) * PAGE) != null);
            }
        }
    }

    @Test
    @DisplayName("4 (3b25b7a45a54): the rest is still found after the upper end is unmapped")
    void unmapTheUpperEnd() {
        int teeth = 300;
        for (int left = 0; left < teeth; left += 7) {
            AddressSpace space = comb(teeth);
            assertEquals(0, space.munmap(PLACE + 2L * left * PAGE, 2L * teeth * PAGE));
            space.validate();
            assertEquals(left, space.snapshot().vmas().size());
            assertEquals(left, space.usage().maps());
        }
    }

    @Test
    @DisplayName("5 (bugzilla 216911): nothing is placed below the lowest address, though there is room")
    void placedBelowTheMinimum() {
        AddressSpace space = space();
        long low = 0x10000;
        space.throwing().mmap(low, TOP - low, Mman.NONE, FIXED, null, 0);
        long above = space.mmap(0, PAGE, RW, ANON, null, 0);
        assertEquals(TOP, above, "bottom up, where the stack would be");
        space.throwing().mmap(TOP, Geometry.LINUX_X86_64.limit() - TOP, Mman.NONE, FIXED, null, 0);
        assertEquals(Errno.ENOMEM.result(), space.mmap(0, PAGE, RW, ANON, null, 0));
        space.throwing().munmap(low, PAGE);
        assertEquals(low, space.mmap(0, PAGE, RW, ANON, null, 0));
    }

    @Test
    @DisplayName("6 (7f509ba1ba0f): below 2 GiB exactly the hole that fits is found")
    void holeBelowTwoGigabytes() {
        AddressSpace space = space();
        long low = 0x4000_0000L;
        long high = 0x8000_0000L;
        space.throwing().mmap(low, high - low, Mman.NONE, FIXED, null, 0);
        for (long hole : new long[] {low, low + 77 * PAGE, high - 3 * PAGE}) {
            space.throwing().munmap(hole, 3 * PAGE);
            int flags = ANON | Mman.BELOW_2G;
            assertEquals(Errno.ENOMEM.result(), space.mmap(0, 4 * PAGE, RW, flags, null, 0));
            assertEquals(hole, space.mmap(0, 3 * PAGE, RW, flags, null, 0));
        }
    }

    @Test
    @DisplayName("7, 8 (572fc40da7df, c7ef3210f3ab): of all holes the highest that fits is found, to the page")
    void theHighestHole() {
        int pages = 256;
        for (int hole = 0; hole < pages - 3; hole++) {
            AddressSpace space = space();
            long start = TOP - pages * PAGE;
            space.throwing().mmap(0x10000, TOP - 0x10000, Mman.NONE, FIXED, null, 0);
            for (int i = 0; i < pages; i += 2) {
                space.throwing().mprotect(start + i * PAGE, PAGE, READ);
            }
            space.throwing().munmap(start + hole * PAGE, 3 * PAGE);
            space.throwing().munmap(0x10000, 5 * PAGE);
            assertEquals(start + hole * PAGE, space.mmap(0, 3 * PAGE, RW, ANON, null, 0));
            assertEquals(0x10000 + PAGE, space.mmap(0, 4 * PAGE, RW, ANON, null, 0));
            assertEquals(0x10000, space.mmap(0, PAGE, RW, ANON, null, 0));
            space.validate();
        }
    }

    @Test
    @DisplayName("23 (CVE-2020-29369): a stack grows over an unmapped range below it only once its unmap is complete")
    void stackOverAnUnmappedRange() {
        AddressSpace space = space();
        space.throwing().mmap(PLACE, PAGE, RW, STACK, null, 0);
        space.throwing().mmap(PLACE - 300 * PAGE, 100 * PAGE, RW, FIXED, null, 0);
        assertEquals(Errno.ENOMEM.result(), space.growStack(PLACE - 2 * PAGE));
        assertEquals(0, space.munmap(PLACE - 300 * PAGE, 100 * PAGE));
        assertEquals(0, space.growStack(PLACE - 250 * PAGE));
        assertEquals(1, space.usage().maps());
        space.validate();
    }

    @Test
    @DisplayName("24 (CVE-2024-53096): a mapping that fails at the last moment leaves what Linux leaves, charged once")
    void failingAtTheLastMoment() {
        Machine machine = Machine.builder().commitLimit(8 * PAGE).build();
        AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
        space.throwing().mmap(PLACE, 4 * PAGE, RW, FIXED, null, 0);
        String before = LayoutText.of(space);
        int shared = Mman.SHARED | Mman.ANONYMOUS | Mman.FIXED;
        for (int i = 0; i < 3; i++) {
            assertEquals(Errno.ENOMEM.result(), space.mmap(PLACE, 9 * PAGE, RW, FIXED, null, 0));
            assertEquals(before, LayoutText.of(space));
            assertEquals(4 * PAGE, machine.committed());
            space.validate();
        }
        // The shared memory object is created after the old mapping is removed.
        assertEquals(Errno.ENOMEM.result(), space.mmap(PLACE, 9 * PAGE, RW, shared, null, 0));
        assertEquals("", LayoutText.of(space));
        assertEquals(0, machine.committed());
        space.validate();
        space.close();
        assertEquals(0, machine.committed());
    }

    @Test
    @DisplayName("25: a listing is of one instant: a mapping replaced later is shown once, and no gap")
    void listingBesideAChange() {
        AddressSpace space = comb(40);
        LayoutSnapshot listing = space.snapshot();
        List<String> lines = listing.maps();
        space.throwing().mmap(PLACE, 80 * PAGE, READ, FIXED, null, 0);
        space.throwing().munmap(PLACE + 10 * PAGE, 20 * PAGE);
        assertEquals(lines, listing.maps());
        assertEquals(2, space.snapshot().maps().size());
    }

    @Test
    @DisplayName("28: a fork that fails leaves neither a child nor a mark in its parent")
    void failingFork() {
        Machine machine = Machine.builder().commitLimit(15 * PAGE).build();
        AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
        for (int i = 0; i < 8; i++) {
            space.throwing().mmap(PLACE + 2L * i * PAGE, PAGE, RW, FIXED, null, 0);
        }
        String before = LayoutText.of(space);
        MmException refused = assertThrows(MmException.class, space::fork);
        assertEquals(Errno.ENOMEM, refused.errno());
        assertEquals(before, LayoutText.of(space));
        assertEquals(8 * PAGE, machine.committed());
        space.validate();
        assertEquals(PLACE + PAGE, space.mmap(PLACE + PAGE, PAGE, RW, FIXED, null, 0));
        assertEquals(0, space.munmap(PLACE, 3 * PAGE));
        AddressSpace child = space.fork();
        child.validate();
        assertEquals(12 * PAGE, machine.committed());
    }

    @Test
    @DisplayName("29 (61f67c230a5e): moved memory of a parent does not merge with memory that was never touched")
    void movedInheritedMemory() {
        AnonVma inherited = AnonVma.inherited();
        AddressSpace space = loaded(touched(0, 2, inherited));
        space.throwing().mmap(PLACE + 12 * PAGE, PAGE, RW, FIXED, null, 0);
        // Moves the memory away and back, so that its offset and that of its neighbour are consecutive.
        space.throwing().mremap(PLACE, 2 * PAGE, 2 * PAGE, MOVE_TO, PLACE + 64 * PAGE);
        space.throwing().mmap(PLACE + 2 * PAGE, PAGE, RW, FIXED, null, 0);
        space.throwing().mremap(PLACE + 64 * PAGE, 2 * PAGE, 2 * PAGE, MOVE_TO, PLACE);
        assertEquals("""
            10000000-10002000 rd wr mr mw me ac +10000 inherited#1
            10002000-10003000 rd wr mr mw me ac +10002
            1000c000-1000d000 rd wr mr mw me ac +1000c
            """, LayoutText.of(space));
        space.validate();
    }

    @Test
    @DisplayName("29 (3b617fd3d317): memory moved between two neighbours takes the identity that all three can have")
    void movedBetweenNeighbours() {
        AnonVma one = AnonVma.fresh();
        AnonVma other = AnonVma.fresh();
        AddressSpace space = loaded(touched(0, 1, one), touched(2, 3, other), touched(9, 10, other));
        space.throwing().mmap(PLACE + 32 * PAGE, PAGE, RW, FIXED, null, 0);
        space.throwing().mremap(PLACE + 32 * PAGE, PAGE, PAGE, MOVE_TO, PLACE + PAGE);
        assertEquals("""
            10000000-10002000 rd wr mr mw me ac +10000 fresh#1
            10002000-10003000 rd wr mr mw me ac +10002 fresh#2
            10009000-1000a000 rd wr mr mw me ac +10009 fresh#2
            """, LayoutText.of(space), "the left one takes it, and the right one does not follow");
        space.throwing().mremap(PLACE + 9 * PAGE, PAGE, PAGE, MOVE_TO, PLACE + 64 * PAGE);
        space.throwing().mmap(PLACE + 8 * PAGE, PAGE, RW, FIXED, null, 0);
        space.throwing().mmap(PLACE + 10 * PAGE, PAGE, RW, FIXED, null, 0);
        space.throwing().mremap(PLACE + 64 * PAGE, PAGE, PAGE, MOVE_TO, PLACE + 9 * PAGE);
        assertEquals("""
            10000000-10002000 rd wr mr mw me ac +10000 fresh#1
            10002000-10003000 rd wr mr mw me ac +10002 fresh#2
            10008000-1000b000 rd wr mr mw me ac +10008 fresh#2
            """, LayoutText.of(space), "both neighbours are given its identity");
    }

    @Test
    @DisplayName("30 (2697dd8ae721): sealing goes on where the range said, though the mapping has grown by a merge")
    void sealingAfterAMerge() {
        AddressSpace space = space();
        space.throwing().mmap(PLACE, 6 * PAGE, RW, FIXED, null, 0);
        space.throwing().mseal(PLACE + 2 * PAGE, PAGE, 0);
        space.throwing().mprotect(PLACE + 4 * PAGE, PAGE, READ);
        assertEquals(0, space.mseal(PLACE + PAGE, 4 * PAGE, 0));
        assertEquals("""
            10000000-10001000 rd wr mr mw me ac +10000
            10001000-10004000 rd wr mr mw me ac sl +10001
            10004000-10005000 rd mr mw me sl +10004
            10005000-10006000 rd wr mr mw me ac +10005
            """, LayoutText.of(space));
    }

    @Test
    @DisplayName(
            "34 (1be7107fbe18): the gap below a stack is 256 pages, when it grows, when it is near, and for a hint")
    void guardGap() {
        AddressSpace space = space();
        space.throwing().mmap(PLACE, PAGE, RW, STACK, null, 0);
        assertEquals(PLACE - 257 * PAGE, space.mmap(PLACE - 257 * PAGE, PAGE, RW, ANON, null, 0));
        assertEquals(Errno.ENOMEM.result(), space.growStack(PLACE - 1), "256 pages would be 255");
        space.throwing().munmap(PLACE - 257 * PAGE, PAGE);
        long hint = PLACE - 256 * PAGE;
        assertEquals(TOP - PAGE, space.mmap(hint, PAGE, RW, ANON, null, 0), "a hint inside the gap does not count");
        assertEquals(hint, space.mmap(hint, PAGE, RW, FIXED, null, 0), "MAP_FIXED may");
        long top = TOP - 3 * PAGE;
        space.throwing().mmap(top, PAGE, RW, STACK, null, 0);
        assertEquals(top + PAGE, space.mmap(0, PAGE, RW, ANON, null, 0), "above the stack");
        assertEquals(top - 257 * PAGE, space.mmap(0, PAGE, RW, ANON, null, 0), "below its gap");
    }

    @Test
    @DisplayName("35: a hole in the middle fails at the limit of mappings before any change; nothing else does")
    void limitOfMappings() {
        Machine machine = Machine.builder().maxMapCount(3).build();
        AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
        for (int i = 0; i < 3; i++) {
            space.throwing().mmap(PLACE + 8L * i * PAGE, 5 * PAGE, RW, FIXED, null, 0);
        }
        String before = LayoutText.of(space);
        assertEquals(Errno.ENOMEM.result(), space.munmap(PLACE + PAGE, PAGE));
        assertEquals(before, LayoutText.of(space));
        assertEquals(0, space.munmap(PLACE + PAGE, 10 * PAGE), "the edges of two mappings");
        assertEquals(3, space.usage().maps());
        assertEquals(0, space.munmap(PLACE + 16 * PAGE, PAGE), "the start of one");
        assertEquals(PLACE + 12 * PAGE, space.mmap(PLACE + 12 * PAGE, PAGE, READ, FIXED, null, 0), "one more");
        assertEquals(4, space.usage().maps());
        assertEquals(0, space.mprotect(PLACE + 12 * PAGE, PAGE, RW), "a merge is never refused");
        assertEquals(3, space.usage().maps());
    }
}
