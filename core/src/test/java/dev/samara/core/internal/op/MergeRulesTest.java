// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.samara.core.fixture.OpenFiles;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.syscall.Madvise;
import dev.samara.core.internal.syscall.Mprotect;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Every row of the merge table. Page numbers count from {@link #BASE}; a layout is written like {@code 0-4x 4-10y},
 * with a letter for the flags of each VMA.
 */
final class MergeRulesTest extends MergeRulesFixture {
    @ParameterizedTest(name = "{0} left and {1} right: {2}")
    @CsvSource({
        "-, -, 4-6x",
        "x, -, 0-6x",
        "y, -, 0-4y 4-6x",
        "-, x, 4-10x",
        "-, y, 4-6x 6-10y",
        "x, x, 0-10x",
        "x, y, 0-6x 6-10y",
        "y, x, 0-4y 4-10x",
        "y, y, 0-4y 4-6x 6-10y"
    })
    @DisplayName("a new range")
    void newRange(char left, char right, String expected) {
        List<VmArea> around = new ArrayList<>();
        if (left != '-') {
            around.add(vma(0, 4, left == 'x' ? X : Y));
        }
        if (right != '-') {
            around.add(vma(6, 10, right == 'x' ? X : Y));
        }
        Layout layout = layout(around.toArray(VmArea[]::new));
        VmArea result = place(layout, vma(4, 6, X));
        assertEquals(expected, shape(layout));
        assertEquals(expected.contains("0-6x") || expected.contains("0-10x") ? 0 : 4, result.pageOffset());
    }

    @ParameterizedTest(name = "pages {0} to {1}, {2} left and {3} right: {4}")
    @CsvSource({
        "4, 10, -, -, 4-10x",
        "4, 10, x, -, 0-10x",
        "4, 10, -, x, 4-14x",
        "4, 10, x, x, 0-14x",
        "4, 10, z, z, 0-4z 4-10x 10-14z",
        "4, 10, x, z, 0-10x 10-14z",
        "4, 10, z, x, 0-4z 4-14x",
        "4, 6, -, x, 4-6x 6-10y 10-14x",
        "4, 6, x, -, 0-6x 6-10y",
        "4, 6, x, x, 0-6x 6-10y 10-14x",
        "4, 6, z, x, 0-4z 4-6x 6-10y 10-14x",
        "8, 10, x, -, 0-4x 4-8y 8-10x",
        "8, 10, -, x, 4-8y 8-14x",
        "8, 10, x, x, 0-4x 4-8y 8-14x",
        "8, 10, x, z, 0-4x 4-8y 8-10x 10-14z",
        "6, 8, x, x, 0-4x 4-6y 6-8x 8-10y 10-14x",
        "6, 8, -, -, 4-6y 6-8x 8-10y"
    })
    @DisplayName("part of a mapping given other flags")
    void existingRange(int from, int to, char left, char right, String expected) {
        Map<Character, Long> flags = Map.of('x', X, 'y', Y, 'z', X | VmaFlags.EXEC);
        List<VmArea> all = new ArrayList<>(List.of(vma(4, 10, Y)));
        if (left != '-') {
            all.add(vma(0, 4, flags.getOrDefault(left, 0L)));
        }
        if (right != '-') {
            all.add(vma(10, 14, flags.getOrDefault(right, 0L)));
        }
        Layout layout = layout(all.toArray(VmArea[]::new));
        change(layout, from, to, X);
        assertEquals(expected, shape(layout));
        for (VmArea vma : vmas(layout)) {
            assertEquals((vma.start() - BASE) / PAGE, vma.pageOffset(), "the offset moves with the start");
        }
    }

    @TestFactory
    @DisplayName("one flag that differs, whichever it is, keeps two mappings apart")
    List<DynamicTest> oneFlagDiffers() {
        List<DynamicTest> tests = new ArrayList<>();
        for (long rest = (1L << VmaFlags.BITS) - 1 & ~VmaFlags.MAYBE_GUARD; rest != 0; rest &= rest - 1) {
            int bit = Long.numberOfTrailingZeros(rest);
            long other = Y ^ (1L << bit);
            tests.add(DynamicTest.dynamicTest("bit " + bit + " " + VmaFlags.format(1L << bit), () -> {
                Layout before = layout(vma(0, 4, other));
                place(before, vma(4, 6, Y));
                assertEquals(2, vmas(before).size());
                Layout behind = layout(vma(6, 8, other));
                place(behind, vma(4, 6, Y));
                assertEquals(2, vmas(behind).size());
                Layout changed = layout(vma(0, 4, other), vma(4, 6, X), vma(6, 8, other));
                change(changed, 4, 6, Y);
                assertEquals(3, vmas(changed).size());
            }));
        }
        return tests;
    }

    @Test
    @DisplayName("possible guard markers keep no mappings apart, and the joined mapping may have them")
    void stickyFlag() {
        Layout placed = layout(vma(0, 4, Y | VmaFlags.MAYBE_GUARD), vma(6, 8, Y));
        place(placed, vma(4, 6, Y));
        assertEquals(1, vmas(placed).size());
        assertEquals(Y | VmaFlags.MAYBE_GUARD, vmas(placed).get(0).flags());
        Layout changed = layout(vma(0, 4, Y), vma(4, 6, X), vma(6, 8, Y | VmaFlags.MAYBE_GUARD));
        change(changed, 4, 6, Y);
        assertEquals(1, vmas(changed).size());
        assertEquals(Y | VmaFlags.MAYBE_GUARD, vmas(changed).get(0).flags());
    }

    @TestFactory
    @DisplayName("a special mapping merges with nothing, not even with its like")
    List<DynamicTest> special() {
        List<DynamicTest> tests = new ArrayList<>();
        for (long rest = VmaFlags.SPECIAL; rest != 0; rest &= rest - 1) {
            long flags = Y | Long.lowestOneBit(rest);
            tests.add(DynamicTest.dynamicTest(VmaFlags.format(Long.lowestOneBit(rest)), () -> {
                Layout placed = layout(vma(0, 4, flags), vma(6, 8, flags));
                place(placed, vma(4, 6, flags));
                assertEquals("0-4z 4-6z 6-8z", shape(placed));
                Layout changed = layout(vma(0, 4, flags), vma(4, 6, flags ^ VmaFlags.WRITE), vma(6, 8, flags));
                change(changed, 4, 6, flags);
                assertEquals("0-4z 4-6z 6-8z", shape(changed));
            }));
        }
        return tests;
    }

    @Test
    @DisplayName("two opens of one file, a file and none, a gap in the offsets, and a gap between keep them apart")
    void backingAndOffset() {
        Layout same = layout(vma(0, 4, X, 100, OpenFiles.A));
        place(same, vma(4, 6, X, 104, OpenFiles.A));
        assertEquals("0-6x", shape(same));
        for (VmArea piece : List.of(
                vma(4, 6, X, 104, OpenFiles.R),
                vma(4, 6, X, 104, null),
                vma(4, 6, X, 103, OpenFiles.A),
                vma(4, 6, X, 105, OpenFiles.A),
                vma(5, 6, X, 105, OpenFiles.A),
                vma(5, 6, X, 104, OpenFiles.A))) {
            Layout layout = layout(vma(0, 4, X, 100, OpenFiles.A));
            place(layout, piece);
            assertEquals(2, vmas(layout).size(), piece::toString);
        }
    }

    @Test
    @DisplayName("a name of its own keeps a mapping apart")
    void names() {
        VmArea named = VmArea.describe(BASE, BASE + PAGE, Y, 0, null, "[one]", null);
        VmArea other = VmArea.describe(BASE + PAGE, BASE + 2 * PAGE, X, 1, null, "[other]", null);
        Layout layout = layout(named, other, vma(2, 3, Y, 2, null));
        change(layout, 1, 2, Y);
        assertEquals("0-1y 1-2y 2-3y", shape(layout));
    }

    private static VmArea attached(Backing segment, int from, int to, long flags) {
        return vma(from, to, flags, from, segment);
    }

    @Test
    @DisplayName(
            "a VMA whose backing counts mappings does not vanish: a new range joins the left one only, or extends the"
                    + " right")
    void countingBackingAndANewRange() {
        Backing segment = OpenFiles.FIVE_PAGES.attach(false);
        Layout both = layout(attached(segment, 0, 4, X), attached(segment, 6, 8, X));
        place(both, attached(segment, 4, 6, X));
        assertEquals("0-6x 6-8x", shape(both));
        Layout right = layout(attached(segment, 6, 8, X));
        place(right, attached(segment, 4, 6, X));
        assertEquals("4-8x", shape(right));
    }

    @ParameterizedTest(name = "pages {0} to {1}: {2}")
    @CsvSource({
        "4, 10, 0-4x 4-10x 10-14x",
        "4, 6, 0-6x 6-10y 10-14x",
        "8, 10, 0-4x 4-8y 8-14x",
        "6, 8, 0-4x 4-6y 6-8x 8-10y 10-14x"
    })
    @DisplayName("a VMA whose backing counts mappings does not vanish: a whole one stays, a border moves")
    void countingBackingChanged(int from, int to, String expected) {
        Backing segment = OpenFiles.FIVE_PAGES.attach(false);
        Layout layout = layout(attached(segment, 0, 4, X), attached(segment, 4, 10, Y), attached(segment, 10, 14, X));
        change(layout, from, to, X);
        assertEquals(expected, shape(layout));
    }

    @Test
    @DisplayName("the heap extends what lies below it, never what lies above")
    void joinLeftOnly() {
        Layout layout = layout(vma(0, 4, X), vma(6, 8, X));
        try (Edit edit = Layouts.edit(layout)) {
            VmArea joined = VmaMerge.join(edit, vma(4, 6, X), false);
            assertNotNull(joined);
            assertEquals(BASE + 6 * PAGE, joined.end());
            assertNull(VmaMerge.join(edit, vma(12, 14, X), false), "nothing below");
            Publication.publish(edit, 0);
        }
        assertEquals("0-6x 6-8x", shape(layout));
    }

    @ParameterizedTest(name = "{2} mappings allowed, pages {0} to {1}: {3}")
    @CsvSource({
        "4, 6, 1, 0-10y",
        "4, 6, 2, 0-4y 4-10y",
        "4, 6, 3, 0-4y 4-6x 6-10y",
        "0, 6, 1, 0-10y",
        "0, 6, 2, 0-6x 6-10y",
        "4, 10, 1, 0-10y",
        "4, 10, 2, 0-4y 4-10x",
        "0, 10, 1, 0-10x"
    })
    @DisplayName("at the limit a cut is refused, and the first of two cuts remains")
    void limitOfMappings(int from, int to, int maps, String expected) {
        Layout layout = layout(maps, vma(0, 10, Y));
        change(layout, from, to, X);
        assertEquals(expected, shape(layout));
        Layout called = layout(maps, vma(0, 10, Y));
        long result = Mprotect.mprotect(called, BASE + from * PAGE, (to - from) * PAGE, Protection.READ);
        assertEquals(expected.contains("x") ? 0 : Errno.ENOMEM.result(), result);
        assertEquals(expected, shape(called));
    }

    @Test
    @DisplayName("a merge needs no cut, so no limit refuses it")
    void mergeAtTheLimit() {
        Layout layout = layout(1, vma(0, 4, X), vma(4, 10, Y), vma(10, 14, X));
        change(layout, 4, 6, X);
        change(layout, 8, 10, X);
        assertEquals("0-6x 6-8y 8-14x", shape(layout));
        change(layout, 6, 8, X);
        assertEquals("0-14x", shape(layout));
    }

    @Test
    @DisplayName("a mapping of the kernel itself stays in one piece")
    void specialMappingsAreNotCut() {
        long flags = X | VmaFlags.DONTEXPAND;
        VmArea named = VmArea.describe(BASE, BASE + 4 * PAGE, flags, 0, null, "[vdso]", null);
        Layout layout = layout(named);
        for (int from = 0; from < 4; from++) {
            for (int to = from + 1; to <= 4; to++) {
                boolean whole = from == 0 && to == 4;
                change(layout, from, to, flags | VmaFlags.DONTDUMP);
                long length = (to - from) * PAGE;
                long result =
                        Madvise.madvise(layout, BASE + from * PAGE, length, whole ? Advice.SEQUENTIAL : Advice.RANDOM);
                assertEquals(whole ? 0 : Errno.EINVAL.result(), result);
            }
        }
        assertEquals("0-4z", shape(layout));
    }

    @Test
    @DisplayName("a cut looks at no limit, and each half keeps the properties of the whole")
    void cut() {
        Layout layout = layout(1, owned(0, 10, ONE));
        try (Edit edit = Layouts.edit(layout)) {
            VmArea whole = edit.at(BASE);
            assertNotNull(whole);
            VmArea upper = VmaCut.cut(edit, whole, BASE + 3 * PAGE);
            assertEquals(3, upper.pageOffset());
            Publication.publish(edit, 0);
        }
        assertEquals("0-31 3-101", owners(layout));
        assertEquals(2, layout.usage()[0]);
    }

    @Test
    @DisplayName("an edit that is not finished leaves no trace")
    void unfinishedEdit() {
        Layout layout = layout(vma(0, 4, X), vma(4, 10, Y));
        try (Edit edit = Layouts.edit(layout)) {
            VmArea vma = edit.at(BASE + 4 * PAGE);
            assertNotNull(vma);
            assertNotNull(VmaMerge.change(edit, vma, vma.start(), vma.end(), X));
        }
        assertEquals("0-4x 4-10y", shape(layout));
    }
}
