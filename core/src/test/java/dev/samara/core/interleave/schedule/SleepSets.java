// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.schedule;

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
    private static final class Node {
        final List<String> options;
        int next;

        Node(List<String> options) {
            this.options = options;
        }
    }

    private final List<Node> path = new ArrayList<>();

    @Override
    public Chooser begin() {
        return new Walk();
    }

    private final class Walk implements Chooser {
        private final Map<String, Access> sleeping = new HashMap<>();
        private int depth;

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
            List<String> names = awake.stream().map(Thread::getName).toList();
            if (depth == path.size()) {
                path.add(new Node(names));
            }
            Node node = path.get(depth++);
            if (!node.options.equals(names)) {
                run.fail(new Finding(Finding.Kind.NOT_DETERMINISTIC, names + " in the place of " + node.options, null));
                return null;
            }
            for (int i = 0; i < node.next; i++) {
                sleeping.put(names.get(i), awake.get(i).pending);
            }
            return awake.get(node.next);
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
        while (!path.isEmpty()) {
            Node last = path.get(path.size() - 1);
            if (++last.next < last.options.size()) {
                return true;
            }
            path.remove(path.size() - 1);
        }
        return false;
    }

    @Override
    public String toString() {
        return "reduced";
    }
}
