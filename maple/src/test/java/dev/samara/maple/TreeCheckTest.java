// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Tests the validator, on which every other test relies: it must find each error. */
class TreeCheckTest {

    private static final long MAX = Node.MAX;

    private static void refused(String why, Node root) {
        AssertionError e = assertThrows(AssertionError.class, () -> TreeCheck.validate(root));
        assertTrue(String.valueOf(e.getMessage()).startsWith(why), e.getMessage());
    }

    private static final Node EMPTY = Node.EMPTY;

    private static final Node.Era ERA = new Node.Era(false);

    /** Returns halves, followed by the even bits. */
    private static long[] words(long... keys) {
        long[] words = Arrays.copyOf(halves(keys), 17);
        words[16] = even(keys);
        return words;
    }

    private static int even(long... keys) {
        int even = 0;
        for (int i = 0; i < keys.length; i++) {
            even |= keys[i] % 2 == 0 ? 1 << i : 0;
        }
        return even;
    }

    private static long[] halves(long... keys) {
        long[] halves = new long[16];
        Arrays.fill(halves, Long.MAX_VALUE);
        for (int i = 0; i < Math.min(16, keys.length); i++) {
            halves[i] = Long.divideUnsigned(keys[i] - Node.MIN, 2);
        }
        return halves;
    }

    /** Returns lanes with these distances to the last pivot, the greatest first. */
    private static long[] lanes(long last, long shift, long... distances) {
        long[] words = new long[6];
        for (int i = 0; i < 16; i++) {
            words[i / 4] |= (i < distances.length ? distances[i] : 0) << (16 * (i % 4));
        }
        words[4] = last;
        words[5] = shift;
        return words;
    }

    private static @Nullable Object[] leaf(Object pivots, @Nullable Object... contents) {
        @Nullable Object[] leaf = new @Nullable Object[contents.length + 1];
        leaf[0] = pivots;
        System.arraycopy(contents, 0, leaf, 1, contents.length);
        return leaf;
    }

    /** Returns a leaf of six values, each of one index except for the last, which extends to {@code last}. */
    private static @Nullable Object[] six(long first, long last) {
        return leaf(words(first, first + 1, first + 2, first + 3, first + 4, last), 1, 2, 3, 4, 5, 6);
    }

    private static Node root(@Nullable Object[] leaf) {
        return node(1, 0, new long[] {MAX}, new long[1], (Object) leaf);
    }

    private static Node two(@Nullable Object lower, @Nullable Object upper) {
        return node(1, 0, new long[] {9, MAX}, new long[2], lower, upper);
    }

    private static Node node(int level, int reservedIn, long[] pivots, long[] gaps, @Nullable Object... children) {
        long[][] childPivots = new long[children.length][];
        int evenIn = 0;
        long forms = -1;
        for (int i = 0; i < children.length; i++) {
            if (children[i] instanceof Node child) {
                childPivots[i] = child.halves;
                evenIn |= child.anyEven ? 1 << i : 0;
            } else if (children[i] instanceof Object[] leaf && leaf[0] instanceof long[] words) {
                childPivots[i] = words;
                evenIn |= words.length == 17 && words[16] != 0 ? 1 << i : 0;
                forms &= ~((15 - (words.length == 6 ? words[5] / 4 : 15)) << (4 * i));
            }
        }
        Node[] nodes = Stream.of(children).filter(Node.class::isInstance).toArray(Node[]::new);
        @Nullable
        Object[][] leaves =
                Stream.of(children).filter(Object[].class::isInstance).toArray(Object[][]::new);
        return new Node(
                level, reservedIn, evenIn, even(pivots), forms, halves(pivots), nodes, leaves, childPivots, gaps, ERA);
    }

    @Test
    void goodTreesPass() {
        TreeCheck.validate(EMPTY);
        TreeCheck.validate(two(six(Node.MIN, 9), six(10, MAX)));
        TreeCheck.validate(root(leaf(lanes(MAX, 52, 4000, 70), "a", "b", "c")));
    }

    @Test
    void sizes() {
        Node good = two(six(Node.MIN, 9), six(10, MAX));
        refused("not an inner level", node(0, 0, new long[] {MAX}, new long[1], (Object) six(Node.MIN, MAX)));
        refused("more than 16 slots", node(1, 0, new long[17], new long[17], (Object[]) new Object[17][17]));
        refused("too few slots", node(1, 0, new long[0], new long[0]));
        refused("too few slots", node(2, 0, new long[] {MAX}, new long[1], good));
        Node small = node(1, 0, new long[] {9}, new long[1], (Object) six(Node.MIN, 9));
        refused("too few slots", node(2, 0, new long[] {9, MAX}, new long[2], small, good));
        refused(
                "not 16 halves",
                new Node(1, 0, 0, 0, -1, new long[15], good.nodes, good.leaves, good.childPivots, new long[2], ERA));
        refused("wrong number of gaps", node(1, 0, new long[] {9, MAX}, new long[1], (Object[]) good.leaves));
        refused("more than 16 slots in a leaf", root(leaf(words(MAX), new Object[17])));
        refused("too few slots in a leaf", root(leaf(words(MAX))));
        refused("too few slots in a leaf", two(leaf(words(9), 1), six(10, MAX)));
    }

    @Test
    void bounds() {
        refused("last pivot is", node(1, 0, new long[] {5}, new long[1], (Object) six(Node.MIN, 5)));
        refused("last pivot of a leaf", two(six(Node.MIN, 8), six(10, MAX)));
        refused("last pivot of a leaf", root(leaf(words(5), 1)));
        Node good = two(six(Node.MIN, 9), six(10, MAX));
        long[] notPadded = good.halves.clone();
        notPadded[9] = 7;
        refused("halves not padded", with(good, notPadded));
        long[] falling = good.halves.clone();
        falling[0] = -1;
        refused("a negative half", with(good, falling));
        refused(
                "pivots do not rise",
                node(1, 0, new long[] {9, 9, MAX}, new long[3], six(Node.MIN, 9), six(Node.MIN, 9), six(Node.MIN, 9)));
        refused("pivots of a leaf do not rise", root(leaf(words(5, 5, MAX), 1, 2, 3)));
        refused("pivots of a leaf do not rise", root(leaf(words(5, 4, MAX), 1, 2, 3)));
    }

    private static Node with(Node n, long[] halves) {
        return new Node(n.level, 0, n.evenIn, n.even, n.forms, halves, n.nodes, n.leaves, n.childPivots, n.gaps, ERA);
    }

    @Test
    @DisplayName("what a node notes of its children")
    void notes() {
        Node good = two(six(Node.MIN, 9), six(10, MAX));
        refused(
                "wrong number of gaps",
                new Node(1, 0, 3, 0, good.forms, good.halves, good.nodes, good.leaves, new long[1][], good.gaps, ERA));
        long[][] other = {good.childPivots[0].clone(), good.childPivots[1]};
        refused(
                "not the pivots of the leaf",
                new Node(1, 0, 3, 0, good.forms, good.halves, good.nodes, good.leaves, other, good.gaps, ERA));
        refused(
                "wrong note of even",
                new Node(
                        1,
                        0,
                        1,
                        0,
                        good.forms,
                        good.halves,
                        good.nodes,
                        good.leaves,
                        good.childPivots,
                        good.gaps,
                        ERA));
        refused(
                "wrong note of forms",
                new Node(1, 0, 3, 0, 15, good.halves, good.nodes, good.leaves, good.childPivots, good.gaps, ERA));
        refused(
                "an even bit",
                new Node(
                        1,
                        0,
                        3,
                        4,
                        good.forms,
                        good.halves,
                        good.nodes,
                        good.leaves,
                        good.childPivots,
                        good.gaps,
                        ERA));
        refused("wrong note of reservations", root(leaf(words(MAX), new LeafNode.Reservation("me"))));
        refused("wrong note of reservations", node(1, 1, new long[] {MAX}, new long[1], (Object) leaf(words(MAX), 1)));
        refused(
                "gap is not that of the child",
                node(1, 0, new long[] {9, MAX}, new long[] {1, 0}, six(Node.MIN, 9), six(10, MAX)));
    }

    @Test
    void contents() {
        refused("node in a leaf", root(leaf(words(MAX), EMPTY)));
        refused("two free slots", root(leaf(words(5, MAX), null, null)));
        @Nullable Object[] ends = leaf(words(1, 2, 3, 4, 5, 9), 1, 2, 3, 4, 5, null);
        @Nullable Object[] begins = leaf(words(10, 11, 12, 13, 14, MAX), null, 2, 3, 4, 5, 6);
        refused("two free slots", node(1, 0, new long[] {9, MAX}, new long[] {4, 1}, ends, begins));
        Node inner = two(six(Node.MIN, 9), six(10, MAX));
        refused("wrong number of nodes", node(2, 0, new long[] {9, MAX}, new long[2], six(Node.MIN, 9), inner));
        refused("wrong number of nodes", two(inner, six(10, MAX)));
        refused("child of a wrong level", node(3, 0, new long[] {9, MAX}, new long[2], inner, inner));
        refused("not the pivots of the leaf", root(leaf("no pivots", 1)));
    }

    @Test
    @DisplayName("how the pivots of a leaf are stored")
    void pivots() {
        long[] words = words(5, MAX);
        words[9] = 7;
        refused("halves of a leaf not padded", root(leaf(words, 1, 2)));
        words = words(5, MAX);
        words[0] = -1;
        refused("a negative half in a leaf", root(leaf(words, 1, 2)));
        words = words(MAX);
        words[16] = 1 << 16;
        refused("an even bit beyond", root(leaf(words, 1)));
        refused("neither lanes nor halves", root(leaf(new long[7], 1)));
        refused("lanes do not end", root(leaf(lanes(MAX - 1, 52), 1)));
        refused("no power of 16", root(leaf(lanes(MAX, 51), 1)));
        refused("a leaf too wide", root(leaf(lanes(MAX, 48), 1)));
        refused("lanes with too large a granule", root(leaf(lanes(MAX, 56), 1)));
        words = lanes(MAX, 52, 70);
        words[0] |= 0x8000;
        refused("a lane of more than 15 bits", root(leaf(words, 1, 2)));
        refused("lanes not padded", root(leaf(lanes(MAX, 52, 70, 69), 1)));
        refused("pivots of a leaf do not rise", root(leaf(lanes(MAX, 52, 69, 70), 1, 2, 3)));
    }
}
