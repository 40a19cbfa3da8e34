// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.internal.space.Layout;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Identities in the tables of merges, drawn as described in {@link DrawnLayout}. */
@DisplayName("Identities decide which mappings are joined")
class MergeTableIdentityTest extends MergeTableFixture {
    @ParameterizedTest(name = "{0}: {1} between {2} and {3}")
    @CsvSource(textBlock = """
        a piece without takes the left's,      a, x, E, [xxxx][EE]
        a piece without takes the right's,     a, E, x, [EE][xxxx]
        all equal,                             x, x, x, [xxxxxx]
        both neighbours the same,              a, x, x, [xxxxxx]
        only the left has one,                 a, x, a, [xxxxxx]
        only the right has one,                a, a, x, [xxxxxx]
        only the piece has one,                x, a, a, [xxxxxx]
        the piece and the left,                x, x, a, [xxxxxx]
        the piece and the right,               x, a, x, [xxxxxx]
        the left wins,                         a, x, y, [xxxx][yy]
        the other left wins,                   a, y, x, [yyyy][xx]
        the left has another,                  x, y, x, [yy][xxxx]
        the right has another,                 x, x, y, [xxxx][yy]
        the left none and the right another,   x, a, y, [xxxx][yy]
        both have another,                     x, y, y, [yy][xx][yy]
        inherited is not lent to the right,    a, i, a, [ii][aaaa]
        inherited is not lent to the left,     a, a, i, [aaaa][ii]
        inherited by both and lent to none,    a, i, i, [ii][aa][ii]
        inherited by the piece,                i, a, a, [aa][ii][aa]
        inherited and the same,                i, i, i, [iiiiii]
        inherited and the same on the left,    i, i, a, [iiii][aa]
        inherited and the same on the right,   i, a, i, [aa][iiii]
        inherited and another inherited,       i, j, i, [jj][iiii]
        inherited left and own right,          a, i, x, [ii][xxxx]
        own left and inherited right,          a, x, i, [xxxx][ii]
        """)
    void identities(String what, char piece, char left, char right, String after) {
        for (Change change : Change.values()) {
            Layout layout = change.apply(
                    DrawnLayout.kind(left).over(0, 2),
                    DrawnLayout.kind(piece).over(2, 4),
                    DrawnLayout.kind(right).over(4, 6));
            assertEquals(after, DrawnLayout.of(layout), what + ", " + change);
        }
    }

    static Stream<String> triples() {
        List<String> triples = new ArrayList<>();
        for (char left : "axyij".toCharArray()) {
            for (char piece : "axyij".toCharArray()) {
                for (char right : "axyij".toCharArray()) {
                    triples.add("" + left + piece + right);
                }
            }
        }
        return triples.stream();
    }

    @ParameterizedTest(name = "left, piece, right: {0}")
    @MethodSource("triples")
    @DisplayName("Every combination of identities: none, two own, two inherited")
    void everyCombinationOfIdentities(String triple) {
        char left = triple.charAt(0);
        char piece = triple.charAt(1);
        char right = triple.charAt(2);
        boolean withLeft = mayBeOne(left, piece);
        boolean withRight = mayBeOne(piece, right) && (!withLeft || left == right || left == 'a' || right == 'a');
        StringBuilder expected = new StringBuilder();
        if (withLeft && withRight) {
            expected.append(joined(left, piece, right));
        } else if (withLeft) {
            expected.append(joined(left, piece)).append(joined(right));
        } else if (withRight) {
            expected.append(joined(left)).append(joined(piece, right));
        } else {
            expected.append(joined(left)).append(joined(piece)).append(joined(right));
        }
        identities("computed", piece, left, right, expected.toString());
    }

    /**
     * Returns whether VMAs may merge: their identities are equal, or one VMA has none and the other's is not inherited.
     */
    private static boolean mayBeOne(char one, char other) {
        return one == other || (one == 'a' && "xy".indexOf(other) >= 0) || (other == 'a' && "xy".indexOf(one) >= 0);
    }

    /** Draws one VMA in place of several VMAs of two pages each, with the first identity among them. */
    private static String joined(char... kinds) {
        char identity = 'a';
        for (int i = kinds.length - 1; i >= 0; i--) {
            identity = kinds[i] == 'a' ? identity : kinds[i];
        }
        return '[' + String.valueOf(identity).repeat(2 * kinds.length) + ']';
    }
}
