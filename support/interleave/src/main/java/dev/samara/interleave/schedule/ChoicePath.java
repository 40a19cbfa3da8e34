// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The choices of the current run, in depth-first order. The next run repeats them up to the last choice that has
 * another option, and takes that option.
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

    /** Starts a run. */
    void begin() {
        depth = 0;
    }

    /**
     * Returns the next choice of the run. If an earlier run with the same preceding choices had a different choice
     * here, the run is not deterministic: it fails, and this method returns null.
     *
     * @param from the label of the choice's place
     * @param options the threads, in an order that depends only on the earlier choices
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

    /** Advances to the next run; returns false if all runs were made. */
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

    /** Discards all choices, so the next run is the first one again. */
    void clear() {
        choices.clear();
    }
}
