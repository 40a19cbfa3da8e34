// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The choices of the current run, in depth-first order: the next run makes them again, except for the last one that has
 * another option.
 */
final class ChoicePath {
    /** A choice among threads. */
    static final class Choice {
        private final String from;
        private final List<String> options;
        private int next;

        private Choice(String from, List<String> options) {
            this.from = from;
            this.options = options;
        }

        /** Returns the index of the option that the current run takes. */
        int next() {
            return next;
        }

        private boolean isAt(String place, List<String> names) {
            return from.equals(place) && options.equals(names);
        }

        @Override
        public String toString() {
            return from + ' ' + options;
        }
    }

    private final List<Choice> choices = new ArrayList<>();
    private int depth;

    /** Begins a run. */
    void begin() {
        depth = 0;
    }

    /**
     * Returns the next choice of the run. If an earlier run had another choice here, although it made the same choices
     * before, the run fails, and this returns null.
     *
     * @param from the place of the choice
     * @param options the threads, in an order that depends on the earlier choices only
     */
    @Nullable
    Choice next(Run run, String from, List<SteppedThread> options) {
        List<String> names = options.stream().map(Thread::getName).toList();
        if (depth == choices.size()) {
            choices.add(new Choice(from, names));
        }
        Choice choice = choices.get(depth++);
        if (!choice.isAt(from, names)) {
            String met = "at " + from + ' ' + names + " in the place of " + choice;
            run.fail(new Finding(Finding.Kind.NOT_DETERMINISTIC, met, null));
            return null;
        }
        return choice;
    }

    /** Goes to the next run; returns false if there is none. */
    boolean advance() {
        while (!choices.isEmpty()) {
            Choice last = choices.get(choices.size() - 1);
            if (++last.next < last.options.size()) {
                return true;
            }
            choices.remove(choices.size() - 1);
        }
        return false;
    }

    /** Forgets all choices: the next run is a first one. */
    void clear() {
        choices.clear();
    }
}
