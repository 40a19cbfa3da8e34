// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/** The record of a run: its choices, and on request its steps. */
final class Trace {
    private record Step(String thread, int number, Access access) {}

    private final boolean records;
    private final List<Step> steps = new ArrayList<>();
    private final List<Schedule.Choice> choices = new ArrayList<>();

    Trace(boolean records) {
        this.records = records;
    }

    void executed(SteppedThread thread, Access access, boolean isBranching) {
        if (records && isBranching) {
            steps.add(new Step(thread.getName(), thread.steps, access));
        }
    }

    void chose(SteppedThread from, SteppedThread to) {
        choices.add(new Schedule.Choice(from.label(), to.getName()));
    }

    Schedule schedule() {
        return new Schedule(choices);
    }

    /**
     * Returns the turns of the threads as text, with the first and the last steps of each turn. If threads repeat
     * turns, e.g. because several threads spin, the text contains only the first one.
     */
    String turns(int before) {
        StringBuilder text = new StringBuilder();
        Set<String> seen = new HashSet<>();
        for (int i = 0; i < steps.size(); ) {
            int end = i + 1;
            while (end < steps.size() && steps.get(end).thread.equals(steps.get(i).thread)) {
                end++;
            }
            List<Step> turn = steps.subList(i, end);
            if (seen.add(turn.toString().replaceAll("number=\\d+", ""))) {
                addTurn(text, turn, before);
            }
            i = end;
        }
        return text.toString();
    }

    private static void addTurn(StringBuilder text, List<Step> turn, int before) {
        Step first = turn.get(0);
        Step last = turn.get(turn.size() - 1);
        text.append(String.format(Locale.ROOT, "  %s, steps %d to %d%n", first.thread, first.number, last.number));
        for (int at = 0; at < turn.size(); at++) {
            if (at == 0 || at >= turn.size() - before) {
                text.append("    ").append(turn.get(at).number).append("  ").append(turn.get(at).access);
                text.append('\n');
            } else if (at == 1) {
                text.append("    ...\n");
            }
        }
    }

    /**
     * Returns the words that one thread writes and another one reads or writes, each with its name and the sites of its
     * writes.
     */
    List<String> sharedWords() {
        List<List<Step>> words = new ArrayList<>();
        Map<Location, List<Step>> byLocation = new HashMap<>();
        for (Step step : steps) {
            if (step.access.kind() == Access.Kind.WRITE || step.access.kind() == Access.Kind.READ) {
                byLocation
                        .computeIfAbsent(new Location(step.access), any -> {
                            List<Step> word = new ArrayList<>();
                            words.add(word);
                            return word;
                        })
                        .add(step);
            }
        }
        return words.stream().filter(Trace::isShared).map(Trace::describe).toList();
    }

    /** An access that is equal to every access to the same location. */
    private record Location(Access access) {
        @Override
        public boolean equals(Object other) {
            return other instanceof Location location && access.isOfSameLocation(location.access);
        }

        @Override
        public int hashCode() {
            return System.identityHashCode(access.base()) + 31 * access.index() + Objects.hashCode(access.field());
        }
    }

    private static boolean isShared(List<Step> word) {
        long threads = word.stream().map(Step::thread).distinct().count();
        return threads > 1 && word.stream().anyMatch(step -> step.access.kind() == Access.Kind.WRITE);
    }

    private static String describe(List<Step> word) {
        Object base = word.get(0).access.base();
        String owner = base == null ? "" : base.getClass().getSimpleName() + ' ';
        return owner
                + word.get(0).access.name()
                + word.stream()
                        .filter(step -> step.access.kind() == Access.Kind.WRITE)
                        .map(step -> step.access.site())
                        .distinct()
                        .sorted()
                        .toList();
    }

    List<String> steps() {
        return steps.stream()
                .map(step -> step.thread + ':' + step.number + ' ' + step.access)
                .toList();
    }
}
