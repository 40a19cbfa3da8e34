// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.stress;

import dev.samara.maple.MapleTree;
import dev.samara.maple.RangeView;
import dev.samara.maple.TwoLeaves;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** A {@link TwoLeaves} whose cells contain their own number until a test stores another one. */
final class Cells {
    /** Represents null in results. */
    static final int NOTHING = -1;

    final TwoLeaves<Integer> cells = new TwoLeaves<>(cell -> cell);
    final MapleTree<Integer> tree = cells.tree;

    int get(int cell) {
        return value(tree, cell);
    }

    static int value(RangeView<Integer> view, int cell) {
        return orNothing(view.get(TwoLeaves.first(cell)));
    }

    static int orNothing(@Nullable Integer value) {
        return Objects.requireNonNullElse(value, NOTHING);
    }
}
