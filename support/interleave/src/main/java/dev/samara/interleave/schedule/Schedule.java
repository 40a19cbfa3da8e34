// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/**
 * The choices of a run that differ from the default. Each names the thread that ran, the number of its step, and the
 * thread that runs instead: {@code a:17>b} means that b runs before a performs its 17th step. Steps are counted per
 * thread, so a choice keeps its meaning if an earlier one is removed.
 *
 * @param choices in the order of the run
 */
public record Schedule(List<Choice> choices) {
    /**
     * A choice that differs from the default.
     *
     * @param from the name of the thread that ran, with the number of its step
     * @param to the name of the thread that runs
     */
    public record Choice(String from, String to) {
        @Override
        public String toString() {
            return from + '>' + to;
        }
    }

    /** The schedule in which no thread is preempted. */
    public static final Schedule DEFAULT = new Schedule(List.of());

    public Schedule {
        choices = List.copyOf(choices);
    }

    /** Parses a schedule. */
    public static Schedule parse(String text) {
        return new Schedule(Arrays.stream(text.strip().split("\\s+"))
                .filter(part -> !part.isEmpty())
                .map(part -> new Choice(part.substring(0, part.indexOf('>')), part.substring(part.indexOf('>') + 1)))
                .toList());
    }

    Schedule without(int index) {
        List<Choice> fewer = new ArrayList<>(choices);
        fewer.remove(index);
        return new Schedule(fewer);
    }

    @Override
    public String toString() {
        return choices.stream().map(Choice::toString).collect(Collectors.joining(" "));
    }
}
