// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * All runs but for the order of steps without a conflict, by sleep sets (Godefroid 1996). After all runs that go on
 * from a point with one thread, that thread sleeps in the runs that go on with another one, until a step conflicts with
 * its own pending step. A run in which all threads that can run sleep repeats an earlier one, and is left.
 *
 * <p>It knows no bound of preemptions: a run within the bound may be the one of its class that is left out in favour of
 * one beyond the bound. It preserves the states at the ends of steps that conflict, not all states between steps, so a
 * scenario that is explored in this way judges the end.
 */
final class SleepSets implements Strategy {
    private final ChoicePath path = new ChoicePath();

    @Override
    public Chooser begin() {
        path.begin();
        return new Walk();
    }

    private final class Walk implements Chooser {
        private final Map<String, Access> sleeping = new HashMap<>();

        @Override
        public @Nullable SteppedThread choose(
                Run run, SteppedThread from, List<SteppedThread> options, boolean isPreemption) {
            List<SteppedThread> awake = new ArrayList<>();
            for (SteppedThread option : options) {
                if (!sleeping.containsKey(option.getName())) {
                    awake.add(option);
                }
            }
            if (awake.isEmpty()) {
                return null;
            }
            if (awake.size() == 1) {
                return awake.get(0);
            }
            ChoicePath.Choice choice = path.next(run, from.label(), awake);
            if (choice == null) {
                return null;
            }
            for (int i = 0; i < choice.next(); i++) {
                sleeping.put(awake.get(i).getName(), awake.get(i).pending);
            }
            return awake.get(choice.next());
        }

        @Override
        public boolean isRepetition(SteppedThread onlyOption) {
            return sleeping.containsKey(onlyOption.getName());
        }

        @Override
        public void executed(Run run, SteppedThread thread, Access access) {
            sleeping.remove(thread.getName());
            sleeping.values().removeIf(access::conflicts);
        }
    }

    @Override
    public boolean advance() {
        return path.advance();
    }

    @Override
    public String toString() {
        return "reduced";
    }
}
