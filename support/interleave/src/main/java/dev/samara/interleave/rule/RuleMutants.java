// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.rule;

import static org.junit.jupiter.api.Assertions.assertNotNull;

import dev.samara.testing.live.LiveRun;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Checks that scripts find each broken rule of a module. Prints the time, the number of scripts and the shortest script
 * of each rule. A subclass declares a static method {@code rules}, which returns the {@link #wanted} rules.
 */
@Tag("interleave")
@Tag("planted")
@Timeout(1200)
public abstract class RuleMutants {
    private static final int MOST_STEPS = 10;
    private static final long SEED = Long.getLong(LiveRun.SEED, 1);
    private static final double NANOS = 1e9;

    /** Returns the rules whose names match the property {@code live.mutants}. */
    protected static Stream<RuleMutant> wanted(List<RuleMutant> rules) {
        String names = System.getProperty("live.mutants", ".*");
        return rules.stream().filter(rule -> rule.name().matches(names));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("rules")
    void found(RuleMutant rule, @TempDir Path folder) throws IOException {
        long start = System.nanoTime();
        RuleMutant.Found found = rule.find(folder, SEED, MOST_STEPS);
        double seconds = (System.nanoTime() - start) / NANOS;
        assertNotNull(found, "no script of at most " + MOST_STEPS + " steps shows it");
        System.out.printf(
                Locale.ROOT,
                "%s: %.1f s, %d scripts, %d steps%n%s%n",
                rule,
                seconds,
                found.scripts(),
                found.shortest().steps().size(),
                found.shortest());
    }
}
