// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.interleave.schedule.Deadline;
import dev.samara.interleave.schedule.Exploration;
import dev.samara.interleave.schedule.ProfilePart;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.regex.Pattern;

/** Searches for mutants, and prints a table. */
public final class MutantSearch implements ProfilePart {
    private static final int MOST = 100_000;

    private final List<PlantedMutant> chosen;
    private final long nanos;

    private int found;
    private int missed;

    /**
     * Creates a search.
     *
     * @param names a regular expression that the names of the mutants match in part
     * @param nanos the maximum time of each exploration
     * @param order chooses the order
     */
    public MutantSearch(String names, long nanos, Random order) {
        Pattern pattern = Pattern.compile(names);
        chosen = new ArrayList<>(PlantedMutants.all());
        chosen.removeIf(planted -> !pattern.matcher(planted.name()).find());
        Collections.shuffle(chosen, order);
        this.nanos = nanos;
    }

    @Override
    public void run(Deadline deadline, PrintStream out) {
        for (PlantedMutant planted : chosen) {
            if (!deadline.isOver()) {
                look(planted, deadline, out);
            }
        }
    }

    /** Explores a scenario with a mutant, and without it: only the former must fail. */
    private void look(PlantedMutant planted, Deadline deadline, PrintStream out) {
        Exploration.Result broken = planted.broken(MOST, deadline.within(nanos));
        boolean isCut = deadline.isOver() && broken.failure() == null && !broken.isComplete();
        Exploration.Result unchanged = planted.unchanged(MOST, deadline.within(nanos));
        Exploration.Failure failure = broken.failure();
        boolean isSound = unchanged.failure() == null;
        boolean isFound = failure != null && PlantedMutant.isFinding(failure);
        out.printf(
                Locale.ROOT,
                "%-68s %d, %s: %6d of %d%s, %s%n",
                planted,
                planted.preemptions(),
                planted.mode(),
                broken.runs(),
                unchanged.runs(),
                unchanged.isComplete() ? "" : " and more",
                failure == null
                        ? "not found" + (isCut ? " in this time" : "")
                        : failure.finding().kind());
        if (!isSound || !isCut) {
            note(isFound && isSound);
        }
        if (!isSound || !(isFound || isCut)) {
            out.println("    broken: " + broken + "\n    unchanged: " + unchanged);
        }
    }

    private synchronized void note(boolean isFound) {
        if (isFound) {
            found++;
        } else {
            missed++;
        }
    }

    @Override
    public synchronized String progress() {
        return String.format(
                Locale.ROOT,
                "mutants: %d found, %d not, %d not searched for",
                found,
                missed,
                chosen.size() - found - missed);
    }

    @Override
    public synchronized int passed() {
        return found;
    }

    @Override
    public synchronized int failed() {
        return missed;
    }

    @Override
    public synchronized boolean isComplete() {
        return found + missed == chosen.size();
    }
}
