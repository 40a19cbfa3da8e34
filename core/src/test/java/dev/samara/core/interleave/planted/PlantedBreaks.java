// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.core.interleave.instrument.SourceBreak;
import dev.samara.core.interleave.schedule.Exploration;
import java.io.PrintStream;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Looks for all planted breaks, and prints a table. */
public final class PlantedBreaks {
    private static final int MOST = 100_000;

    private PlantedBreaks() {}

    private static List<PlantedBreak> all() {
        return Stream.of(
                        InventedBreaks.ALL,
                        MendedBugs.ALL,
                        MissedBreaks.ALL,
                        StoreBreaks.ALL,
                        LazyBreaks.ALL,
                        BorrowBreaks.ALL,
                        ElisionBreaks.ALL)
                .flatMap(List::stream)
                .toList();
    }

    /** Returns the break of a name. */
    static PlantedBreak of(String name) {
        return all().stream()
                .filter(planted -> planted.name().equals(name))
                .findAny()
                .orElseThrow();
    }

    /** Returns the change of a source file that makes the break of a name. */
    public static SourceBreak sourceBreak(String name) {
        return (SourceBreak) of(name).planting();
    }

    /** Looks for a break, and at the scenario without it; returns whether the first fails alone. */
    private static boolean look(PlantedBreak planted, long seconds, PrintStream out) {
        Exploration.Result broken = planted.broken(MOST, seconds);
        Exploration.Result unchanged = planted.unchanged(MOST, seconds);
        Exploration.Failure failure = broken.failure();
        boolean isFound = failure != null && PlantedBreak.isFinding(failure);
        boolean isSound = unchanged.failure() == null;
        out.printf(
                Locale.ROOT,
                "%-68s %d, %s: %6d of %d%s, %s%n",
                planted,
                planted.preemptions(),
                planted.mode(),
                broken.runs(),
                unchanged.runs(),
                unchanged.isComplete() ? "" : " and more",
                failure == null ? "not found" : failure.finding().kind());
        if (!isFound || !isSound) {
            out.println("    broken: " + broken + "\n    unchanged: " + unchanged);
        }
        return isFound && isSound;
    }

    /**
     * The arguments: the time of an exploration in seconds, and a regular expression that the names of the breaks
     * contain.
     */
    public static void main(String[] arguments) {
        Pattern names = Pattern.compile(arguments[1]);
        List<PlantedBreak> chosen = all().stream()
                .filter(planted -> names.matcher(planted.name()).find())
                .toList();
        long found = chosen.stream()
                .filter(planted -> look(planted, Long.parseLong(arguments[0]), System.out))
                .count();
        System.out.println(found + " breaks found, " + (chosen.size() - found) + " not");
        System.exit(found == chosen.size() ? 0 : 1);
    }
}
