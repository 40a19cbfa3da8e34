// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.cost;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.testing.Explored;
import java.lang.reflect.Constructor;
import java.util.Locale;
import java.util.function.BiFunction;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@Tag("interleave")
@DisplayName("The steps of a call over many mappings are proportional to their number")
@Explored(8)
final class LinearCostTest {
    private static final int MAPPINGS = 1000;

    /** The maximum ratio of steps with four times the mappings. It exceeds 4 because the depth of a tree grows, too. */
    private static final double MOST = 5;

    /**
     * The maximum ratio of steps in one hold of the lock, with four times the mappings. It exceeds 1 because the height
     * of a tree grows.
     */
    private static final double MOST_OF_A_BATCH = 1.5;

    @ParameterizedTest
    @EnumSource(CallOverMany.class)
    @DisplayName("four times the mappings take less than five times the steps, and a batch of a call no more")
    void linear(CallOverMany call) throws Exception {
        ClassLoader loader = new CountingClassLoader();
        // Runs what happens only in the first call on a machine.
        count(loader, call, MAPPINGS / 4);
        long[] few = count(loader, call, MAPPINGS);
        long[] many = count(loader, call, 4 * MAPPINGS);
        String text = String.format(
                Locale.ROOT,
                "%s: %d steps over %d mappings, %d over four times as many; longest hold %d, then %d",
                call,
                few[0],
                MAPPINGS,
                many[0],
                few[1],
                many[1]);
        System.out.println(text);
        assertTrue(many[0] < MOST * few[0], text);
        assertTrue(many[1] < (call.isBatched ? MOST_OF_A_BATCH : MOST) * few[1], text);
    }

    @SuppressWarnings("unchecked") // the class is the loader's ManyMappings
    private static long[] count(ClassLoader loader, CallOverMany call, int mappings) throws Exception {
        Constructor<?> made = loader.loadClass(ManyMappings.class.getName()).getDeclaredConstructor();
        made.setAccessible(true);
        return ((BiFunction<String, Integer, long[]>) made.newInstance()).apply(call.name(), mappings);
    }
}
