// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Enumerates all runs, except for those that differ only in the order of steps that do not conflict, with sleep sets
 * (Godefroid 1996). After all runs in which one thread continues from a point, that thread sleeps in the runs in which
 * another thread continues, until a step conflicts with the sleeping thread's pending step. If all threads that can run
 * are asleep, the run repeats an earlier one and is abandoned.
 *
 * <p>It supports no bound of preemptions: of two equivalent runs, it may omit the one within the bound. It preserves
 * the states after steps that conflict, but not all states between steps, so a scenario that is explored in this way
 * can only check the final state.
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
