// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.lucene;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.runner.JUnitCore;
import org.junit.runner.Result;

/**
 * Runs {@link LuceneDirectorySuite} with each limit of the page cache that the property {@code lucene.pages} lists; its
 * seed is that of the property {@code tests.seed}, or else fresh.
 */
@Tag("suite")
@Timeout(14_400)
@DisplayName("Lucene's tests of a directory")
final class LuceneLiveTest {
    private static Stream<Arguments> runs() {
        return Stream.of(System.getProperty("lucene.pages", "1,16,4096").split(","))
                .flatMap(pages -> Stream.of(LuceneDirectorySuite.ByCalls.class, LuceneDirectorySuite.ByMappings.class)
                        .map(suite -> Arguments.of(suite, Integer.valueOf(pages))));
    }

    @ParameterizedTest
    @MethodSource("runs")
    @DisplayName("pass with files of a machine, and leave no thread")
    void pass(Class<?> suite, int pages) {
        LuceneDirectorySuite.pages = pages;
        Result result = JUnitCore.runClasses(suite);
        System.out.println(suite.getSimpleName() + " with " + pages + " pages: " + result.getRunCount()
                + " tests of Lucene in " + result.getRunTime() / 1_000 + " s, " + result.getFailureCount()
                + " failed, " + result.getIgnoreCount() + " ignored, " + result.getAssumptionFailureCount()
                + " not applicable");
        assertEquals(List.of(), result.getFailures());
        assertTrue(result.getRunCount() > 0, "nothing ran");
    }
}
