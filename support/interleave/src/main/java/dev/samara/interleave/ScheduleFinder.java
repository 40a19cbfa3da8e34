// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave;

import dev.samara.interleave.instrument.SteppedClassLoader;
import dev.samara.interleave.mutant.Finder;
import dev.samara.interleave.mutant.Mutant;
import dev.samara.interleave.schedule.Exploration;
import dev.samara.interleave.schedule.Finding;
import dev.samara.interleave.schedule.Limits;
import dev.samara.interleave.schedule.Scenario;
import dev.samara.interleave.schedule.Strategy;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Explores the schedules of a scenario: {@code schedules SCENARIO[(NAME)] PREEMPTIONS [buffered|random]}. A scenario is
 * named by its simple name, and that of the class around it.
 *
 * <ul>
 *   <li>Without a last word, all schedules with at most that many preemptions are explored.
 *   <li>{@code buffered}: with them, store buffers delay stores.
 *   <li>{@code random}: random priorities, for a failure that needs an early preemption in a long call.
 * </ul>
 */
public final class ScheduleFinder implements Finder {
    /** The maximum numbers of schedules, rather than a time, so that a slow machine searches as far as a fast one. */
    private static final int MOST = 20_000;

    private static final int LEAST_UNCHANGED = 50;

    private static final Pattern SEARCH = Pattern.compile("([\\w.]+)(?:\\((.*)\\))? (\\d+)(?: (buffered|random))?");

    private static final SteppedClassLoader UNCHANGED = new SteppedClassLoader();
    private static final SteppedClassLoader UNCHANGED_BUFFERED = new SteppedClassLoader(List.of(), true);

    private record Search(
            Class<?> scenario,
            @Nullable String name,
            int preemptions,
            @Nullable String mode) {
        static Search of(String text) throws ClassNotFoundException {
            Matcher search = SEARCH.matcher(text);
            if (!search.matches()) {
                throw new IllegalArgumentException("not a search of schedules: " + text);
            }
            int preemptions = Integer.parseInt(search.group(3));
            return new Search(TestClasses.named(search.group(1)), search.group(2), preemptions, search.group(4));
        }

        boolean isBuffered() {
            return "buffered".equals(mode);
        }

        Exploration.Result explore(SteppedClassLoader loader, int most) {
            Strategy strategy =
                    "random".equals(mode) ? Strategy.random(1, preemptions + 1, most) : Strategy.bounded(preemptions);
            Class<? extends Scenario> type = scenario.asSubclass(Scenario.class);
            Object[] arguments = name == null ? new Object[0] : new Object[] {name};
            return new Exploration(SteppedScenarios.supplier(type, loader, arguments), Limits.DEFAULT)
                    .explore(strategy, most);
        }
    }

    @Override
    public String kind() {
        return "schedules";
    }

    @Override
    public @Nullable String find(Mutant mutant, String arguments, Path folder) throws ClassNotFoundException {
        Search search = Search.of(arguments);
        Exploration.Result broken = search.explore(new SteppedClassLoader(List.of(mutant), search.isBuffered()), MOST);
        if (broken.failure() == null) {
            return null;
        }
        Finding finding = broken.failure().finding();
        if (!isByTheMutant(finding)) {
            throw new IllegalStateException("not a failure of the mutated code: " + finding, finding.thrown());
        }
        unchanged(search, mutant.settings(), Math.max(broken.runs(), LEAST_UNCHANGED));
        return "schedule " + broken.runs() + ", " + finding.kind();
    }

    private static void unchanged(Search search, List<Mutant> settings, int most) {
        SteppedClassLoader loader = search.isBuffered() ? UNCHANGED_BUFFERED : UNCHANGED;
        if (!settings.isEmpty()) {
            loader = new SteppedClassLoader(settings, search.isBuffered());
        }
        Exploration.Result unchanged = search.explore(loader, most);
        if (unchanged.failure() != null) {
            Finding finding = unchanged.failure().finding();
            throw new IllegalStateException("without the mutant: " + finding, finding.thrown());
        }
    }

    /**
     * Explores the scenario of a search without the mutant; throws an exception if it finds anything.
     *
     * @param settings the settings of the mutant
     * @param arguments the search, without its kind
     */
    public static void exploreUnchanged(List<Mutant> settings, String arguments, int most)
            throws ClassNotFoundException {
        unchanged(Search.of(arguments), settings, most);
    }

    private static boolean isByTheMutant(Finding finding) {
        Throwable thrown = finding.thrown();
        return switch (finding.kind()) {
            case STUCK, ENDLESS -> true;
            case NOT_DETERMINISTIC -> false;
            case THROWN -> thrown instanceof AssertionError || thrown instanceof RuntimeException;
        };
    }
}
