// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** A case that {@link TestOutputTest} runs. Its name is not a test's, so that a build does not run it. */
@ExtendWith(LongComparison.class)
final class ComparingCase {
    private static List<String> numbers() {
        return new ArrayList<>(
                IntStream.range(0, 1000).mapToObj(String::valueOf).toList());
    }

    @Test
    void texts() {
        List<String> changed = numbers();
        IntStream.range(100, 125).forEach(i -> changed.set(i, "changed"));
        assertEquals(String.join("\n", numbers()), String.join("\n", changed), "the texts");
    }

    @Test
    void lists() {
        List<String> shorter = numbers();
        shorter.remove(998);
        assertEquals(numbers(), shorter);
    }
}
