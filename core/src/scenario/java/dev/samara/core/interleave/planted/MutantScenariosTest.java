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

    private record Search(List<Mutant> settings, String arguments) {
        void exploreUnchanged(int most) throws ClassNotFoundException {
            ScheduleFinder.exploreUnchanged(settings, arguments, most);
        }

        @Override
        public String toString() {
            return arguments + (settings.isEmpty() ? "" : " with " + settings);
        }
    }

    private static List<Search> searches() {
        return Mutant.of("core").stream()
                .flatMap(mutant -> mutant.searches().stream()
                        .filter(search -> search.startsWith(SCHEDULES))
                        .map(search -> new Search(mutant.settings(), search.substring(SCHEDULES.length()))))
                .distinct()
                .toList();
    }

    @ParameterizedTest
    @MethodSource("searches")
    @DisplayName("in its first schedules")
    void first(Search search) throws ClassNotFoundException {
        search.exploreUnchanged(10);
    }

    @ParameterizedTest
    @MethodSource("searches")
    @Tag("planted")
    @Explored(12)
    @DisplayName("in many schedules")
    void many(Search search) throws ClassNotFoundException {
        search.exploreUnchanged(2_000);
    }
}
