// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.pair;

import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.interleave.schedule.Exploration;
import dev.samara.interleave.schedule.Strategy;
import dev.samara.testing.Explored;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Pairs of operations that failed before a mend")
@Tag("interleave")
@Explored(6)
final class FoundSchedulesTest {
    /** Explores a scenario again, because the numbers of a schedule's steps change with the code. */
    private static void explore(Exploration exploration) {
        Exploration.Result result = exploration.explore(Strategy.bounded(1), 5_000);
        assertNull(result.failure(), result::toString);
        assertTrue(result.isComplete(), result::toString);
    }

    @ParameterizedTest
    @DisplayName("mlock faults in what other calls have left of its range, as Linux does")
    @ValueSource(strings = {"mremap/SAME/mlock", "mlock/SAME/mprotect"})
    void lockedMeanwhile(String pair) {
        explore(Pairs.exploration(pair));
    }

    @ParameterizedTest
    @DisplayName("a fault lets a thread go on that is removing the page from its file")
    @ValueSource(
            strings = {
                "truncate/SAME/read-fault/SHARED_FILE/ONE/COLD",
                "truncate/SAME/write-fault/PRIVATE_FILE/ONE/COLD"
            })
    void removedMeanwhile(String pair) {
        explore(Pairs.exploration(pair));
    }

    @Test
    @DisplayName("a read of a file beside a truncation sees the page or the end, and no zeros in its place")
    void truncatedMeanwhile() {
        explore(Pairs.exploration("pread/SAME/truncate/PRIVATE_FILE/ONE/COLD"));
    }

    @Test
    @DisplayName("a read fault gives a mapping that overtakes it no identity")
    void replacedMeanwhile() {
        explore(Pairs.exploration("mmap/OVERLAPPING/populate-read/STACK/FORKED/WARM"));
    }

    @Test
    @DisplayName("contexts of ended threads are ended in an order that repeats")
    void deadTogether() {
        explore(Pairs.exploration("die/SAME/die"));
    }
}
