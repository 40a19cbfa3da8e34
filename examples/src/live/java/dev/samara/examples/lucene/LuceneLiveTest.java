// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.lucene;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.junit.runner.JUnitCore;
import org.junit.runner.Result;

/** Runs {@link LuceneDirectorySuite}; its seed is that of the property {@code tests.seed}, or else fresh. */
@Tag("suite")
@Timeout(14_400)
@DisplayName("Lucene's tests of a directory")
final class LuceneLiveTest {
    @ParameterizedTest
    @ValueSource(classes = {LuceneDirectorySuite.ByCalls.class, LuceneDirectorySuite.ByMappings.class})
    @DisplayName("pass with files of a machine, and leave no thread")
    void pass(Class<?> suite) {
        Result result = JUnitCore.runClasses(suite);
        System.out.println(suite.getSimpleName() + ": " + result.getRunCount() + " tests of Lucene, "
                + result.getFailureCount() + " failed, " + result.getIgnoreCount() + " ignored, "
                + result.getAssumptionFailureCount() + " not applicable");
        assertEquals(List.of(), result.getFailures());
        assertTrue(result.getRunCount() > 0, "nothing ran");
    }
}
