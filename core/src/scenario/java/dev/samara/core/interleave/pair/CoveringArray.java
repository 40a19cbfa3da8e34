// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.pair;

import dev.samara.core.interleave.pair.Combination.Cpus;
import dev.samara.core.interleave.pair.Combination.Relation;
import dev.samara.core.interleave.pair.Combination.Spaces;
import dev.samara.core.interleave.scenario.Ground;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * Combinations that represent all others: any two kinds of operations with a common ground occur together in a
 * combination, and each kind occurs with any two values of relation, ground, spaces and CPUs. Each pair of kinds gets
 * the setting that covers the most value pairs that no earlier row covers; of equally good settings, the first one. So
 * the list is deterministic.
 */
final class CoveringArray {
    /** The setting in which two operations run. */
    private record Setting(Relation relation, Ground ground, Spaces spaces, Cpus cpus) {
        List<Enum<?>> values() {
            return List.of(relation, ground, spaces, cpus);
        }
    }

    /** A kind together with two values of a setting. */
    private record Meeting(String kind, Enum<?> one, Enum<?> other) {}

    private final List<String> kinds;
    private final List<Setting> settings = new ArrayList<>();
    private final Set<Meeting> covered = new HashSet<>();
    private final Set<Combination> rows = new LinkedHashSet<>();
    private long combinations;

    CoveringArray(List<String> kinds) {
        this.kinds = List.copyOf(kinds);
        for (Relation relation : Relation.values()) {
            for (Ground ground : Ground.values()) {
                for (Spaces spaces : Spaces.values()) {
                    for (Cpus cpus : Cpus.values()) {
                        settings.add(new Setting(relation, ground, spaces, cpus));
                    }
                }
            }
        }
        for (int i = 0; i < kinds.size(); i++) {
            for (int j = i; j < kinds.size(); j++) {
                addBest(kinds.get(i), kinds.get(j), 0);
            }
        }
        // Covers the value pairs that no pair of kinds covered.
        for (String kind : kinds) {
            boolean isMore = true;
            while (isMore) {
                isMore = addBest(kind, kind, 1);
            }
        }
    }

    private boolean addBest(String one, String other, int least) {
        Combination best = null;
        List<Meeting> bestMeetings = List.of();
        int most = least - 1;
        for (Setting setting : settings) {
            Combination row = combination(one, other, setting);
            if (row.isPossible()) {
                combinations += least == 0 ? 1 : 0;
                List<Meeting> meetings = meetings(row, setting);
                int fresh = (int) meetings.stream()
                        .filter(meeting -> !covered.contains(meeting))
                        .count();
                if (fresh > most) {
                    most = fresh;
                    best = row;
                    bestMeetings = meetings;
                }
            }
        }
        if (best != null) {
            covered.addAll(bestMeetings);
            rows.add(best);
        }
        return best != null;
    }

    private static Combination combination(String one, String other, Setting setting) {
        return new Combination(List.of(one, other), setting.relation, setting.ground, setting.spaces, setting.cpus);
    }

    private static List<Meeting> meetings(Combination row, Setting setting) {
        List<Meeting> meetings = new ArrayList<>();
        List<Enum<?>> values = setting.values();
        for (String kind : new LinkedHashSet<>(row.kinds())) {
            for (int i = 0; i < values.size(); i++) {
                for (int j = i + 1; j < values.size(); j++) {
                    meetings.add(new Meeting(kind, values.get(i), values.get(j)));
                }
            }
        }
        return meetings;
    }

    /** Returns the names of the combinations. */
    List<String> names() {
        return rows.stream().map(Combination::toString).toList();
    }

    /** Returns the number of all combinations of two kinds. */
    long combinations() {
        return combinations;
    }

    /** Returns the numbers, as text. */
    @Override
    public String toString() {
        return rows.size() + " of " + combinations + " combinations of " + kinds.size() + " kinds";
    }
}
