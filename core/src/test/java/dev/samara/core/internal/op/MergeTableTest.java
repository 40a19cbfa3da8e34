// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.vma.VmaFlags;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Each row of the tables of merges and cuts, drawn as described in {@link DrawnLayout}. */
@DisplayName("The tables of merges and cuts")
class MergeTableTest extends MergeTableFixture {
    private static final long STICKY = VmaFlags.MAYBE_GUARD;

    private static VmArea withFlags(int from, int to, long flags) {
        DrawnLayout.Kind plain = DrawnLayout.kind('a');
        return new DrawnLayout.Kind(flags, plain.backing(), plain.name(), plain.identity(), plain.skew())
                .over(from, to);
    }

    @ParameterizedTest(name = "{0}: {3} at page {2} of {1}")
    @CsvSource(textBlock = """
        only the left fits,                      [aa]..[AA],         2, aa, [aaaa][AA]
        only the right fits,                     [AA]..[aa],         2, aa, [AA][aaaa]
        both fit,                                [aa]..[aa],         2, aa, [aaaaaa]
        neither fits,                            [AA]..[AA],         2, aa, [AA][aa][AA]
        left with nothing right,                 [aa],               2, aa, [aaaa]
        right with nothing left,                 ..[aa],             0, aa, [aaaa]
        nothing anywhere,                        ......,             2, aa, ..[aa]
        left but the right apart,                [aa]...[aa],        2, aa, [aaaa].[aa]
        right but the left apart,                [aa]...[aa],        3, aa, [aa].[aaaa]
        neither is adjacent,                     [aa]....[aa],       3, aa, [aa].[aa].[aa]
        other right on both sides,               [ee]..[ee],         2, aa, [ee][aa][ee]
        only the nearest is joined,              [aa][aa]..[aa][aa], 4, aa, [aa][aaaaaa][aa]
        a name of its own left,                  [oo]..[aa],         2, aa, [oo][aaaa]
        a name of its own right,                 [aa]..[oo],         2, aa, [aaaa][oo]
        the same name,                           [oo]..[oo],         2, oo, [oooooo]
        file: both fit,                          [ff]..[ff],         2, ff, [ffffff]
        file: another open left,                 [gg]..[ff],         2, ff, [gg][ffff]
        file: another open right,                [ff]..[gg],         2, ff, [ffff][gg]
        file: not anonymous,                     [aa]..[aa],         2, ff, [aa][ff][aa]
        anonymous: not a file,                   [ff]..[ff],         2, aa, [ff][aa][ff]
        file: offset ahead left,                 [hh]..[ff],         2, ff, [hh][ffff]
        file: offset ahead right,                [ff]..[hh],         2, ff, [ffff][hh]
        file: offset behind left,                .[kk]..[ff],        3, ff, .[kk][ffff]
        file: offset behind right,               [ff]..[kk],         2, ff, [ffff][kk]
        file: offsets continue over a gap left,  [ff],               3, kk, [ff].[kk]
        file: offsets continue over a gap right, ...[kk],            0, ff, [ff].[kk]
        memory of another place,                 [mm]..[mm],         2, aa, [mm][aa][mm]
        memory of the same place,                [mm]..[mm],         2, mm, [mmmmmm]
        """)
    void newRange(String what, String before, int page, String piece, String after) {
        Layout layout = DrawnLayout.layout(before);
        place(layout, DrawnLayout.kind(piece.charAt(0)).over(page, page + piece.length()));
        assertEquals(after, DrawnLayout.of(layout), what);
    }

    @ParameterizedTest(name = "{0}: pages {2} to {3} of {1}")
    @CsvSource(textBlock = """
        'whole, left',                   [aa][AAAA][ee], 2, 6, [aaaaaa][ee]
        'whole, right',                  [ee][AAAA][aa], 2, 6, [ee][aaaaaa]
        'whole, both',                   [aa][AAAA][aa], 2, 6, [aaaaaaaa]
        'whole, none',                   [ee][AAAA][ee], 2, 6, [ee][aaaa][ee]
        'whole, alone',                  ..[AAAA],       2, 6, ..[aaaa]
        'whole, gaps',                   [aa].[AA].[aa], 3, 5, [aa].[aa].[aa]
        'head, left',                    [aa][AAAA][ee], 2, 4, [aaaa][AA][ee]
        'head, right',                   [ee][AAAA][aa], 2, 4, [ee][aa][AA][aa]
        'head, both',                    [aa][AAAA][aa], 2, 4, [aaaa][AA][aa]
        'head, none',                    [ee][AAAA][ee], 2, 4, [ee][aa][AA][ee]
        'head, alone',                   ..[AAAA],       2, 4, ..[aa][AA]
        'head, left apart',              [aa].[AAAA],    3, 4, [aa].[a][AAA]
        'tail, left',                    [aa][AAAA][ee], 4, 6, [aa][AA][aa][ee]
        'tail, right',                   [ee][AAAA][aa], 4, 6, [ee][AA][aaaa]
        'tail, both',                    [aa][AAAA][aa], 4, 6, [aa][AA][aaaa]
        'tail, none',                    [ee][AAAA][ee], 4, 6, [ee][AA][aa][ee]
        'tail, alone',                   ..[AAAA],       4, 6, ..[AA][aa]
        'tail, right apart',             [AAAA].[aa],    3, 4, [AAA][a].[aa]
        'middle, left',                  [aa][AAAA][ee], 3, 5, [aa][A][aa][A][ee]
        'middle, right',                 [ee][AAAA][aa], 3, 5, [ee][A][aa][A][aa]
        'middle, both',                  [aa][AAAA][aa], 3, 5, [aa][A][aa][A][aa]
        'middle, none',                  [ee][AAAA][ee], 3, 5, [ee][A][aa][A][ee]
        'named: none',                   [aa][OO][aa],   2, 4, [aa][oo][aa]
        'named: whole, both',            [oo][OO][oo],   2, 4, [oooooo]
        'named: middle',                 [OOO],          1, 2, [O][o][O]
        'file: whole, both',             [ff][FFFF][ff], 2, 6, [ffffffff]
        'file: whole, other open left',  [gg][FFFF][ff], 2, 6, [gg][ffffff]
        'file: whole, other open right', [ff][FFFF][gg], 2, 6, [ffffff][gg]
        'file: whole, offsets',          [hh][FFFF][hh], 2, 6, [hh][ffff][hh]
        'file: head, left',              [ff][FFFF][ff], 2, 3, [fff][FFF][ff]
        'file: head, offset',            [hh][FFFF][ff], 2, 3, [hh][f][FFF][ff]
        'file: tail, right',             [ff][FFFF][ff], 5, 6, [ff][FFF][fff]
        'file: tail, offset',            [ff][FFFF][hh], 5, 6, [ff][FFF][f][hh]
        'file: gap left',                [ff].[KK],      3, 5, [ff].[kk]
        'file: gap right',               [FF].[kk],      0, 2, [ff].[kk]
        'file: middle',                  [ff][FFFF][ff], 3, 4, [ff][F][f][FF][ff]
        """)
    void existingRange(String what, String before, int from, int to, String after) {
        Layout layout = DrawnLayout.layout(before);
        assertNull(makeWritable(layout, from, to), what);
        assertEquals(after, DrawnLayout.of(layout), what);
    }

    static Stream<Integer> bits() {
        return IntStream.range(0, VmaFlags.BITS)
                .filter(bit -> 1L << bit != STICKY)
                .boxed();
    }

    @ParameterizedTest(name = "bit {0}")
    @MethodSource("bits")
    @DisplayName(
            "One flag that differs, whichever it is but the sticky one, prevents a merge at that side and at no other")
    void everyFlagCounts(int bit) {
        long base = DrawnLayout.WRITTEN;
        long other = base ^ 1L << bit;
        VmArea piece = withFlags(2, 4, base);
        for (Change change : Change.values()) {
            assertEquals(
                    "[oo][oooo]", shape(change.apply(withFlags(0, 2, other), piece, withFlags(4, 6, base))), "left");
            assertEquals(
                    "[oooo][oo]", shape(change.apply(withFlags(0, 2, base), piece, withFlags(4, 6, other))), "right");
            assertEquals(
                    "[oo][oo][oo]", shape(change.apply(withFlags(0, 2, other), piece, withFlags(4, 6, other))), "both");
        }
    }

    @ParameterizedTest(name = "marked: left {0}, piece {1}, right {2}")
    @CsvSource({
        "false, false, true",
        "false, true, false",
        "false, true, true",
        "true, false, false",
        "true, false, true",
        "true, true, false"
    })
    @DisplayName("The sticky flag prevents no merge, and whatever has a part that has it has it too")
    void stickyFlag(boolean left, boolean piece, boolean right) {
        for (Change change : Change.values()) {
            Layout layout = change.apply(marked(0, 2, left), marked(2, 4, piece), marked(4, 6, right));
            assertEquals("[oooooo]", shape(layout), change.toString());
            VmArea joined = layout.find(DrawnLayout.address(3));
            assertNotNull(joined);
            assertEquals(DrawnLayout.WRITTEN | STICKY, joined.flags(), change.toString());
        }
    }

    private static VmArea marked(int from, int to, boolean marked) {
        return withFlags(from, to, marked ? DrawnLayout.WRITTEN | STICKY : DrawnLayout.WRITTEN);
    }

    static final List<Long> SPECIAL =
            List.of(VmaFlags.IO, VmaFlags.DONTEXPAND, VmaFlags.PFNMAP, VmaFlags.MIXEDMAP, VmaFlags.SPECIAL);

    @ParameterizedTest
    @FieldSource("SPECIAL")
    @DisplayName("Special mappings never merge, equal as they may be")
    void specialMappings(long special) {
        long flags = DrawnLayout.WRITTEN | special;
        for (Change change : Change.values()) {
            Layout layout = change.apply(withFlags(0, 2, flags), withFlags(2, 4, flags), withFlags(4, 6, flags));
            assertEquals("[oo][oo][oo]", shape(layout), change.toString());
        }
        Layout head = DrawnLayout.layout(List.of(withFlags(0, 2, flags), withFlags(2, 6, flags ^ 1)));
        assertEquals(
                "[oo][oo][oo]",
                shape(change(head, DrawnLayout.address(2), DrawnLayout.address(4), flags)),
                "cut like any");
    }

    @ParameterizedTest(name = "{0}: {3} at page {2} of {1}")
    @CsvSource(textBlock = """
        the next may not vanish,  [ss]..[ss],  2, ss, [ssss][ss]
        left alone,               [ss]..[SS],  2, ss, [ssss][SS]
        right alone,              [SS]..[ss],  2, ss, [SS][ssss]
        another attachment left,  [tt]..[ss],  2, ss, [tt][ssss]
        another attachment right, [ss]..[tt],  2, ss, [ssss][tt]
        """)
    @DisplayName("New range: a backing that counts its mappings loses none")
    void newRangeOfCountedMappings(String what, String before, int page, String piece, String after) {
        newRange(what, before, page, piece, after);
    }

    @ParameterizedTest(name = "{0}: pages {2} to {3} of {1}")
    @CsvSource(textBlock = """
        'whole, left',  [ss][SS][tt],   2, 4, [ss][ss][tt]
        'whole, right', [tt][SS][ss],   2, 4, [tt][ss][ss]
        'whole, both',  [ss][SS][ss],   2, 4, [ss][ss][ss]
        'head, left',   [ss][SSSS][ss], 2, 4, [ssss][SS][ss]
        'tail, right',  [ss][SSSS][ss], 4, 6, [ss][SS][ssss]
        'head, none',   [tt][SSSS][ss], 2, 4, [tt][ss][SS][ss]
        'middle',       [ss][SSSS][ss], 3, 5, [ss][S][ss][S][ss]
        """)
    @DisplayName("Existing range: a backing that counts its mappings loses none, but their bounds may move")
    void existingRangeOfCountedMappings(String what, String before, int from, int to, String after) {
        existingRange(what, before, from, to, after);
    }

    @ParameterizedTest(name = "{0}: pages {3} to {4} of {1}, at most {2}")
    @CsvSource(textBlock = """
        'middle, room for two',         [AAAA],     3, 1, 2, [A][a][AA], true
        'middle, room for one',         [AAAA],     2, 1, 2, [A][AAA],   false
        'middle, room for none',        [AAAA],     1, 1, 2, [AAAA],     false
        'head, room',                   [AAAA],     2, 0, 2, [aa][AA],   true
        'head, no room',                [AAAA],     1, 0, 2, [AAAA],     false
        'tail, room',                   [AAAA],     2, 2, 4, [AA][aa],   true
        'tail, no room',                [AAAA],     1, 2, 4, [AAAA],     false
        'tail, over the limit already', [AAAA][ee], 1, 2, 4, [AAAA][ee], false
        'whole needs no room',          [AAAA],     1, 0, 4, [aaaa],     true
        'a bound moves without room',   [aa][AA],   2, 2, 3, [aaa][A],   true
        'a bound moves up',             [AA][aa],   2, 1, 2, [A][aaa],   true
        """)
    @DisplayName("Cuts stop at the limit of mappings; the first one may remain")
    void limitOfMappings(String what, String before, int maxMaps, int from, int to, String after, boolean done) {
        Layout layout = DrawnLayout.layout(before, maxMaps);
        assertEquals(done ? null : Errno.ENOMEM, makeWritable(layout, from, to), what);
        assertEquals(after, DrawnLayout.of(layout), what);
    }

    @ParameterizedTest(name = "pages {0} to {1}")
    @CsvSource({"0, 2, EINVAL, [NNNN]", "2, 4, EINVAL, [NNNN]", "1, 3, EINVAL, [NNNN]", "0, 4, , [nnnn]"})
    @DisplayName("A mapping of the kernel itself changes as a whole or not at all")
    void namedMappingsAreNeverCut(int from, int to, @Nullable Errno refusal, String after) {
        Layout layout = DrawnLayout.layout("[NNNN]");
        assertEquals(refusal, makeWritable(layout, from, to));
        assertEquals(after, DrawnLayout.of(layout));
    }

    @Test
    @DisplayName("join() may be told to leave the next one alone, and changes nothing where it cannot join")
    void joinWithoutTheNext() {
        assertEquals("[aaaa][aa]", joinedWithPrevious("[aa]..[aa]", true));
        assertEquals("[AA]..[aa]", joinedWithPrevious("[AA]..[aa]", false));
        assertEquals("......[aa]", joinedWithPrevious("......[aa]", false));
    }

    private static String joinedWithPrevious(String before, boolean expected) {
        Layout layout = DrawnLayout.layout(before);
        try (Edit edit = Layouts.edit(layout)) {
            VmArea joined = VmaMerge.join(edit, DrawnLayout.kind('a').over(2, 4), false);
            assertEquals(expected, joined != null);
            Publication.publish(edit, 0);
        }
        layout.validate();
        return DrawnLayout.of(layout);
    }
}
