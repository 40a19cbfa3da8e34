// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing.live;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A script that differs is shortened")
final class ShrinkerTest {
    private static final long LONG = TimeUnit.HOURS.toNanos(1);

    private static List<Integer> shrunk(int steps, Predicate<List<Integer>> differs) throws IOException {
        NumberLanguage language = new NumberLanguage(script -> differs.test(script) ? "sum" : null);
        NumberDifference found =
                new NumberDifference(IntStream.range(0, steps).boxed().toList(), "sum");
        return Shrinker.shrink(language, found, LONG).steps();
    }

    @Test
    @DisplayName("to the steps that it needs, wherever they are")
    void apart() throws IOException {
        assertEquals(List.of(3, 77), shrunk(100, script -> script.contains(3) && script.contains(77)));
    }

    @Test
    @DisplayName("to the simplest steps that still differ")
    void simpler() throws IOException {
        assertEquals(List.of(10), shrunk(100, script -> script.stream().anyMatch(step -> step >= 10)));
    }

    @Test
    @DisplayName("not to an empty script, even if all scripts differ")
    void oneStep() throws IOException {
        assertEquals(List.of(0), shrunk(100, script -> true));
    }

    @Test
    @DisplayName("not to a difference of another kind")
    void kinds() throws IOException {
        NumberLanguage language = new NumberLanguage(script -> script.contains(5) ? "five" : "other");
        NumberDifference found = new NumberDifference(List.of(1, 5, 2), "five");
        assertEquals(List.of(5), Shrinker.shrink(language, found, LONG).steps());
    }

    @Test
    @DisplayName("not at all without time for it")
    void noTime() throws IOException {
        NumberDifference found = new NumberDifference(List.of(1, 5, 2), "any");
        assertSame(found, Shrinker.shrink(new NumberLanguage(script -> "any"), found, -1));
    }

    /** A language that reports a difference for every script until {@link #confirm} is called. */
    private static final class HastyLanguage extends NumberLanguage {
        private boolean isCareful;

        HastyLanguage() throws IOException {
            super(script -> script.contains(5) ? "five" : null);
        }

        @Override
        public @Nullable NumberDifference again(NumberDifference found, List<Integer> steps) {
            return isCareful ? super.again(found, steps) : new NumberDifference(steps, "five");
        }

        @Override
        public @Nullable NumberDifference confirm(NumberDifference found) {
            isCareful = true;
            return again(found, found.steps());
        }
    }

    @Test
    @DisplayName("again if what is left does not differ when it is confirmed")
    void notConfirmed() throws IOException {
        NumberDifference found = new NumberDifference(List.of(1, 5, 2), "five");
        assertEquals(
                List.of(5), Shrinker.shrink(new HastyLanguage(), found, LONG).steps());
    }
}
