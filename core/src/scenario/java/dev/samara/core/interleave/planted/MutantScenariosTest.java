// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.interleave.ScheduleFinder;
import dev.samara.interleave.mutant.Mutant;
import dev.samara.testing.Explored;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@DisplayName("The scenarios by which mutants are searched for find nothing in the unchanged code")
@Tag("interleave")
@Timeout(1200)
final class MutantScenariosTest {
    private static final String SCHEDULES = "schedules ";

    private static List<String> searches() {
        return Mutant.of("core").stream()
                .flatMap(mutant -> mutant.searches().stream())
                .filter(search -> search.startsWith(SCHEDULES))
                .map(search -> search.substring(SCHEDULES.length()))
                .distinct()
                .sorted()
                .toList();
    }

    @ParameterizedTest
    @MethodSource("searches")
    @DisplayName("in its first schedules")
    void first(String search) throws ClassNotFoundException {
        ScheduleFinder.exploreUnchanged(search, 10);
    }

    @ParameterizedTest
    @MethodSource("searches")
    @Tag("planted")
    @Explored(12)
    @DisplayName("in many schedules")
    void many(String search) throws ClassNotFoundException {
        ScheduleFinder.exploreUnchanged(search, 2_000);
    }
}
