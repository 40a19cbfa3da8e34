// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.testing.Explored;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Random sequences of all calls, on an address space and on a model of single pages. A failing sequence is shortened as
 * far as possible and printed as a test.
 */
@DisplayName("Every call leaves the layout that a model of single pages predicts")
@Explored(8)
@Tag("comparison")
class LayoutModelTest {
    private static final boolean TORTURE = Boolean.getBoolean("samara.torture");

    /** The number of steps for each of the seeds below, and for the fresh seed. */
    private static final int STEPS = TORTURE ? 100_000 : 9_000;

    /** The number of steps per space; then a new space is started, because a seed also determines sizes and limits. */
    private static final int STEPS_PER_SPACE = 300;

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9})
    void fixedSeed(long seed) {
        run(seed, STEPS);
    }

    @Test
    @Explored(1)
    void freshSeed() {
        long seed = Long.getLong("samara.seed", System.nanoTime());
        System.out.println("LayoutModelTest: -Dsamara.seed=" + seed);
        run(seed, STEPS);
    }

    private static void run(long seed, int steps) {
        for (int done = 0; done < steps; done += STEPS_PER_SPACE) {
            runOne(seed * 1_000_003 + done, STEPS_PER_SPACE);
        }
    }

    private static void runOne(long seed, int steps) {
        runOne(seed, steps, null);
    }

    /**
     * Compares the space and the model in one sequence.
     *
     * @param geometry a geometry of a few hundred pages; null if the seed should choose one
     */
    static void runOne(long seed, int steps, @Nullable Geometry geometry) {
        Random random = new Random(new SplittableRandom(seed).nextLong());
        ModelSetting setting = geometry == null ? ModelSetting.draw(random) : ModelSetting.draw(random, geometry);
        CallSource source = new CallSource(random);
        List<ModelCall> calls = new ArrayList<>();
        try {
            ModelRun run = new ModelRun(setting, null);
            for (int i = 0; i < steps; i++) {
                ModelCall call = source.next(run.model());
                calls.add(call);
                run.step(call);
            }
            run.finish();
        } catch (RuntimeException | AssertionError e) {
            List<ModelCall> few = shrink(calls, list -> failure(setting, list, null) != null);
            List<Vma> loaded = shrink(setting.loaded(), list -> failure(setting.withLoaded(list), few, null) != null);
            ModelSetting small = setting.withLoaded(loaded);
            StringBuilder java = new StringBuilder();
            Throwable failure = failure(small, few, java);
            fail(
                    "seed " + seed + " failed after " + calls.size() + " steps; the same in " + few.size() + ": "
                            + failure + "\n" + java,
                    e);
        }
    }

    private static @Nullable Throwable failure(
            ModelSetting setting, List<ModelCall> calls, @Nullable StringBuilder java) {
        try {
            ModelRun run = new ModelRun(setting, java);
            calls.forEach(run::step);
            run.finish();
            return null;
        } catch (RuntimeException | AssertionError e) {
            return e;
        }
    }

    /** Removes parts, from halves down to single items, as long as the rest still fails. */
    static <T> List<T> shrink(List<T> items, Predicate<List<T>> fails) {
        List<T> few = items;
        for (int part = Math.max(1, few.size() / 2); ; ) {
            boolean shorter = false;
            for (int from = 0; from < few.size(); ) {
                List<T> rest = new ArrayList<>(few.subList(0, from));
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
        List<ModelCall> calls = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            calls.add(new ModelCall(ModelCall.Kind.MUNMAP, i * 0x1000L, 0x1000, 0, 0, 0, 0, -1));
        }
        List<ModelCall> few = shrink(
                calls,
                list -> list.stream()
                                .filter(call -> call.address() == 0x11000 || call.address() == 0x47000)
                                .count()
                        == 2);
        assertEquals(List.of(calls.get(0x11), calls.get(0x47)), few);
        StringBuilder java = new StringBuilder();
        Geometry geometry = new Geometry(12, 4, 15, 0x4000, 0x180000, 0x180000);
        ModelSetting plain =
                new ModelSetting(geometry, 65530, 16, -1, Set.of(), Map.of(), false, 0xd0000, 0xd0000, List.of());
        assertNull(failure(plain, few, java));
        assertTrue(java.toString().contains("assertEquals(0x0L, space.munmap(0x11000L, 0x1000L));"));
    }
}
