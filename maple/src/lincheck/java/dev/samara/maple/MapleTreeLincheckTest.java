// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import dev.samara.testing.Explored;
import java.util.Arrays;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.jetbrains.lincheck.datastructures.StressOptions;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Calls by two or three threads on the lowest indexes of a tree: some serial order of the calls must explain all
 * results.
 */
@DisplayName("The tree is linearizable")
@Tag("lincheck")
@Param(name = "index", gen = IntGen.class, conf = "0:3")
@Param(name = "value", gen = IntGen.class, conf = "1:5")
@Explored(24)
public class MapleTreeLincheckTest {
    private static final boolean TORTURE = Boolean.getBoolean("samara.torture");
    private static final int INDEXES = 4;

    private final MapleTree<Integer> tree = new MapleTree<>();

    @Operation
    public void store(
            @Param(name = "index") int one, @Param(name = "index") int other, @Param(name = "value") int value) {
        tree.store(Math.min(one, other), Math.max(one, other), value);
    }

    @Operation
    public void erase(@Param(name = "index") int one, @Param(name = "index") int other) {
        tree.erase(Math.min(one, other), Math.max(one, other));
    }

    @Operation
    public boolean insert(@Param(name = "index") int index, @Param(name = "value") int value) {
        return tree.insert(index, index, value);
    }

    /** A transaction of three steps. */
    @Operation
    public void storeAtBothEnds(@Param(name = "value") int value) {
        tree.update(transaction -> {
            transaction.erase(0, INDEXES - 1);
            transaction.store(0, 0, value);
            transaction.store(INDEXES - 1, INDEXES - 1, value);
        });
    }

    @Operation
    public @Nullable Integer get(@Param(name = "index") int index) {
        return tree.get(index);
    }

    @Operation
    public String snapshot() {
        Snapshot<Integer> snapshot = tree.snapshot();
        int[] values = new int[INDEXES];
        for (int index = 0; index < INDEXES; index++) {
            Integer value = snapshot.get(index);
            values[index] = value == null ? 0 : value;
        }
        return Arrays.toString(values);
    }

    @Test
    @DisplayName("in interleavings made by a model checker")
    void modelChecked() {
        new ModelCheckingOptions()
                .iterations(TORTURE ? 160 : 3)
                .invocationsPerIteration(60)
                .threads(2)
                .actorsPerThread(3)
                .sequentialSpecification(Cells.class)
                .check(MapleTreeLincheckTest.class);
    }

    @Test
    @DisplayName("in interleavings of running threads")
    void stressed() {
        new StressOptions()
                .iterations(TORTURE ? 200 : 10)
                .invocationsPerIteration(1500)
                .threads(3)
                .actorsPerThread(3)
                .sequentialSpecification(Cells.class)
                .check(MapleTreeLincheckTest.class);
    }

    /** The sequential specification: the tree's calls on an array, where 0 means no entry. */
    public static final class Cells {
        private final int[] values = new int[INDEXES];

        public void store(int one, int other, int value) {
            Arrays.fill(values, Math.min(one, other), Math.max(one, other) + 1, value);
        }

        public void erase(int one, int other) {
            store(one, other, 0);
        }

        public boolean insert(int index, int value) {
            boolean free = values[index] == 0;
            if (free) {
                values[index] = value;
            }
            return free;
        }

        public void storeAtBothEnds(int value) {
            erase(0, INDEXES - 1);
            values[0] = value;
            values[INDEXES - 1] = value;
        }

        public @Nullable Integer get(int index) {
            return values[index] == 0 ? null : values[index];
        }

        public String snapshot() {
            return Arrays.toString(values);
        }
    }
}
