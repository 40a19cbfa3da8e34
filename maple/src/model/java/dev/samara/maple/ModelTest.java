// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import dev.samara.testing.Explored;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Random sequences of all operations, on the tree and on a naive model. A failing sequence is shortened as far as
 * possible, and printed as a test.
 */
@DisplayName("A.1 A.4 B.1 B.5 C.1-C.5 D.1-D.3 E.2 E.3: the tree does as the model")
@Explored(8)
@Tag("comparison")
class ModelTest {

    private static final boolean TORTURE = Boolean.getBoolean("samara.torture");

    /** The number of steps for each of the seeds below, and for the fresh seed. */
    private static final int STEPS = TORTURE ? 500_000 : 15_000;

    /** The number of steps after which a new tree is created, because a seed also determines keys and sizes. */
    private static final int STEPS_PER_TREE = 5_000;

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19})
    void fixedSeed(long seed) {
        run(seed, STEPS, 0);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    @DisplayName("in a tree so high that leaves have lanes, as long as it is")
    void inAHighTree(long seed) {
        run(100 + seed, STEPS, 3_000);
    }

    @Test
    @Explored(1)
    void freshSeed() {
        long seed = Long.getLong("samara.seed", System.nanoTime());
        System.out.println("ModelTest: -Dsamara.seed=" + seed);
        run(seed, STEPS, 0);
    }

    private static void run(long seed, int steps, int entries) {
        for (int done = 0; done < steps; done += STEPS_PER_TREE) {
            runOne(seed * 1_000_003 + done, STEPS_PER_TREE, entries);
        }
    }

    private static void runOne(long seed, int steps, int entries) {
        OpSource source = new OpSource(seed);
        ModelRun run = new ModelRun(null, entries);
        List<Op> ops = new ArrayList<>();
        try {
            for (int i = 0; i < steps; i++) {
                Op op = source.next(run.edited(), run.inTransaction());
                ops.add(op);
                run.step(op);
            }
            run.finish();
        } catch (RuntimeException | AssertionError e) {
            List<Op> few = shrink(ops, list -> failure(list, null, entries) != null);
            StringBuilder java = new StringBuilder();
            Throwable failure = failure(few, java, entries);
            fail(
                    "seed " + seed + " failed after " + ops.size() + " steps; the same in " + few.size() + ": "
                            + failure + "\n" + java,
                    e);
        }
    }

    private static @Nullable Throwable failure(List<Op> ops, @Nullable StringBuilder java, int entries) {
        ModelRun run = new ModelRun(java, entries);
        try {
            ops.forEach(run::step);
            run.finish();
            return null;
        } catch (RuntimeException | AssertionError e) {
            return e;
        }
    }

    /** Removes parts, halves first and single steps last, as long as the remaining steps still fail. */
    static List<Op> shrink(List<Op> ops, Predicate<List<Op>> fails) {
        List<Op> few = ops;
        for (int part = Math.max(1, few.size() / 2); ; ) {
            boolean shorter = false;
            for (int from = 0; from < few.size(); ) {
                List<Op> rest = new ArrayList<>(few.subList(0, from));
                rest.addAll(few.subList(Math.min(few.size(), from + part), few.size()));
                if (fails.test(rest)) {
                    few = rest;
                    shorter = true;
                } else {
                    from += part;
                }
            }
            if (part == 1 && !shorter) {
                return few;
            }
            part = Math.max(1, part / 2);
        }
    }

    @Test
    @Explored(1)
    void shrinkingKeepsOnlyWhatIsNeeded() {
        List<Op> ops = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            ops.add(new Op(Op.Kind.STORE, i, i, i, 0, Op.Gap.ANY));
        }
        List<Op> few = shrink(
                ops,
                list -> list.stream()
                                .mapToInt(Op::n)
                                .filter(n -> n == 17 || n == 71)
                                .count()
                        == 2);
        assertEquals(List.of(ops.get(17), ops.get(71)), few);
        StringBuilder java = new StringBuilder();
        assertNull(failure(few, java, 0));
        assertTrue(java.toString().contains("tree.store(0x11L, 0x11L, 17);"));
    }
}
