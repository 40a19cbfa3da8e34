// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One run with the choices of a schedule. It takes the default if the schedule contains no choice, or if the chosen
 * thread cannot run.
 */
final class Replay implements Strategy {
    private final Map<String, String> choices = new HashMap<>();

    Replay(Schedule schedule) {
        schedule.choices().forEach(choice -> choices.put(choice.from(), choice.to()));
    }

    @Override
    public Chooser begin() {
        return new Chooser() {
            @Override
            public @Nullable SteppedThread choose(
                    Run run, SteppedThread from, List<SteppedThread> options, boolean isPreemption) {
                String name = choices.get(from.label());
                for (SteppedThread option : options) {
                    if (option.getName().equals(name)) {
                        return option;
                    }
                }
                return options.get(0);
            }
        };
    }

    @Override
    public boolean advance() {
        return false;
    }

    @Override
    public String toString() {
        return "replay";
    }
}
