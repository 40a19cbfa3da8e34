// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing.live;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.testing.Share;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Properties;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A run of random scripts")
final class LiveRunTest {
    private final Properties before = new Properties();

    @BeforeEach
    void clear() {
        before.putAll(System.getProperties());
        List.of(LiveRun.SECONDS, LiveRun.SEED, LiveRun.KEEP_GOING, Share.PARTS, Share.SEED)
                .forEach(System::clearProperty);
    }

    @AfterEach
    void reset() {
        System.setProperties(before);
    }

    private static NumberLanguage equal() throws IOException {
        return new NumberLanguage(script -> null);
    }

    private static LiveRun<Integer, NumberDifference> run(NumberLanguage language) {
        return new LiveRun<>(language, Path.of("regressions"));
    }

    @Test
    @DisplayName("takes a share of the seeds")
    void share() throws IOException {
        NumberLanguage language = equal();
        run(language).run(1000, 40, 10);
        assertEquals(4, language.seeds().size());
        assertTrue(language.seeds().stream().allMatch(seed -> seed >= 1000 && seed < 1040));
    }

    @Test
    @DisplayName("takes all of them if it is to be whole")
    void whole() throws IOException {
        System.setProperty(Share.PARTS, "all");
        NumberLanguage language = equal();
        run(language).run(1000, 40, 10);
        assertEquals(LongStream.range(1000, 1040).boxed().toList(), language.seeds());
    }

    @Test
    @DisplayName("takes the one seed that is chosen without a time")
    void oneSeed() throws IOException {
        System.setProperty(LiveRun.SEED, "77");
        NumberLanguage language = equal();
        run(language).run(1000, 40, 10);
        assertEquals(List.of(77L), language.seeds());
    }

    @Test
    @DisplayName("fails with the seed, the shortest script and its place as a regression")
    void difference() throws IOException {
        System.setProperty(LiveRun.SEED, "77");
        NumberLanguage language = new NumberLanguage(script -> script.get(0) >= 10 ? "large" : null);
        AssertionError failed =
                assertThrows(AssertionError.class, () -> run(language).run(0, 40, 10));
        String message = String.valueOf(failed.getMessage());
        assertTrue(message.startsWith("numbers, live, -Dlive.seed=77, found after "), message);
        assertTrue(message.contains("large"), message);
        assertTrue(message.contains("[10]"), message);
        assertTrue(message.contains("regressions"), message);
    }

    @Test
    @DisplayName("ends at its first difference")
    void first() throws IOException {
        System.setProperty(Share.PARTS, "all");
        NumberLanguage language = new NumberLanguage(script -> script.get(0) >= 10 ? "large" : null);
        assertThrows(AssertionError.class, () -> run(language).run(0, 40, 10));
        assertEquals(11, language.seeds().size());
    }

    @Test
    @DisplayName("tells one of each kind if it is to go on")
    void keepsGoing() throws IOException {
        System.setProperty(Share.PARTS, "all");
        System.setProperty(LiveRun.KEEP_GOING, "true");
        NumberLanguage language =
                new NumberLanguage(script -> script.get(0) >= 30 ? "large" : script.get(0) % 10 == 0 ? "round" : null);
        AssertionError failed =
                assertThrows(AssertionError.class, () -> run(language).run(1, 39, 10));
        String message = String.valueOf(failed.getMessage());
        assertEquals(39, language.seeds().size());
        assertTrue(message.contains("-Dlive.seed=10, ") && message.contains("-Dlive.seed=30, "), message);
        assertEquals(
                2, message.lines().filter(line -> line.contains("-Dlive.seed=")).count());
    }
}
