// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** The validator, which every other test relies on: it must find each error. */
class TreeCheckTest {

    private static final long MAX = Keys.MAX;

    private static void refused(String why, Node root) {
        AssertionError e = assertThrows(AssertionError.class, () -> TreeCheck.validate(root));
        assertTrue(String.valueOf(e.getMessage()).startsWith(why), e.getMessage());
    }

    private static long[] pivots(long... keys) {
        long[] p = Arrays.copyOf(keys, 16);
        Arrays.fill(p, Math.min(16, keys.length), 16, MAX);
        return p;
    }

    private static final Node EMPTY = Node.EMPTY;

    private static final Era ERA = new Era(false);

    private static final long[][] NOTHING = {};

    private static Node leaf(long[] pivots, @Nullable Object... slots) {
        return leaf(false, pivots, new long[0], slots);
    }

    private static Node leaf(boolean reserved, long[] pivots, long[] gaps, @Nullable Object... slots) {
        int even = even(pivots, slots.length);
        return new Node(0, reserved, even != 0, even, halves(pivots), slots, NOTHING, gaps, ERA);
    }

    private static int even(long[] pivots, int size) {
        int even = 0;
        for (int i = 0; i < Math.min(size, pivots.length); i++) {
            even |= pivots[i] % 2 == 0 ? 1 << i : 0;
        }
        return even;
    }

    private static long[] halves(long[] pivots) {
        return Arrays.stream(pivots)
                .map(key -> Long.divideUnsigned(key - Keys.MIN, 2))
                .toArray();
    }

    /** A leaf of six values of one index each, the last as long as it must be. */
    private static Node six(long first, long last) {
        return leaf(pivots(first, first + 1, first + 2, first + 3, first + 4, last), 1, 2, 3, 4, 5, 6);
    }

    private static Node inner(int level, boolean reserved, long[] pivots, long[] gaps, @Nullable Object... slots) {
        int even = even(pivots, slots.length);
        long[][] childHalves = new long[slots.length][];
        boolean anyEven = even != 0;
        for (int i = 0; i < slots.length; i++) {
            if (slots[i] instanceof Node child) {
                childHalves[i] = child.halves;
                anyEven |= child.anyEven;
            }
        }
        return new Node(level, reserved, anyEven, even, halves(pivots), slots, childHalves, gaps, ERA);
    }

    @Test
    void goodTreesPass() {
        TreeCheck.validate(EMPTY);
        TreeCheck.validate(inner(1, false, pivots(9, MAX), new long[2], six(Keys.MIN, 9), six(10, MAX)));
    }

    @Test
    void sizes() {
        refused("more than 16 slots", leaf(new long[17], new Object[17]));
        refused("too few slots", leaf(pivots(new long[0])));
        refused("too few slots", inner(1, false, pivots(MAX), new long[1], six(Keys.MIN, MAX)));
        refused("too few slots", inner(1, false, pivots(9, MAX), new long[2], leaf(pivots(9), 1), six(10, MAX)));
        refused("not 16 halves", leaf(new long[15], 1));
        refused("wrong number of gaps", leaf(false, pivots(MAX), new long[1], 1));
        refused("wrong number of gaps", inner(1, false, pivots(9, MAX), new long[1], six(Keys.MIN, 9), six(10, MAX)));
    }

    @Test
    void bounds() {
        refused("last pivot", leaf(pivots(5), 1));
        refused("last pivot", inner(1, false, pivots(9, MAX), new long[2], six(Keys.MIN, 8), six(10, MAX)));
        long[] notPadded = pivots(5, MAX);
        notPadded[9] = 7;
        refused("halves not padded", leaf(notPadded, 1, 2));
        refused("pivots do not rise", leaf(pivots(5, 5, MAX), 1, 2, 3));
        refused("pivots do not rise", leaf(pivots(5, 4, MAX), 1, 2, 3));
    }

    @Test
    void halves() {
        Node six = six(Keys.MIN, 9);
        Node good = inner(1, false, pivots(9, MAX), new long[2], six, six(10, MAX));
        refused(
                "wrong number of children's halves",
                new Node(1, false, true, good.even, good.halves, good.slots, new long[1][], good.gaps, ERA));
        long[][] other = {six.halves.clone(), good.childHalves[1]};
        refused(
                "not the halves of the child",
                new Node(1, false, true, good.even, good.halves, good.slots, other, good.gaps, ERA));
        refused(
                "wrong note of even pivots",
                new Node(1, false, false, good.even, good.halves, good.slots, good.childHalves, good.gaps, ERA));
        refused("wrong note of even", new Node(0, false, true, 0, EMPTY.halves, EMPTY.slots, NOTHING, EMPTY.gaps, ERA));
        refused("last pivot", new Node(0, false, true, 1, EMPTY.halves, EMPTY.slots, NOTHING, EMPTY.gaps, ERA));
        refused("an even bit", new Node(0, false, true, 2, EMPTY.halves, EMPTY.slots, NOTHING, EMPTY.gaps, ERA));
    }

    @Test
    void contents() {
        refused("node in a leaf", leaf(pivots(MAX), EMPTY));
        refused("two free slots", leaf(pivots(5, MAX), null, null));
        Node ends = leaf(pivots(1, 2, 3, 4, 5, 9), 1, 2, 3, 4, 5, null);
        Node begins = leaf(pivots(10, 11, 12, 13, 14, MAX), null, 2, 3, 4, 5, 6);
        refused("two free slots", inner(1, false, pivots(9, MAX), new long[] {4, 1}, ends, begins));
        refused("no node in an inner slot", inner(1, false, pivots(9, MAX), new long[2], 1, six(10, MAX)));
        refused("no node in an inner slot", inner(1, false, pivots(9, MAX), new long[2], null, six(10, MAX)));
        refused("child of a wrong level", inner(2, false, pivots(9, MAX), new long[2], six(Keys.MIN, 9), six(10, MAX)));
    }

    @Test
    void gapsAndReservations() {
        refused(
                "gap is not that of the child",
                inner(1, false, pivots(9, MAX), new long[] {1, 0}, six(Keys.MIN, 9), six(10, MAX)));
        refused("wrong note of reservations", leaf(pivots(MAX), new Reservation("me")));
        refused(
                "wrong note of reservations",
                inner(1, true, pivots(9, MAX), new long[2], six(Keys.MIN, 9), six(10, MAX)));
        refused("wrong note of reservations", leaf(true, pivots(MAX), new long[0], 1));
    }
}
