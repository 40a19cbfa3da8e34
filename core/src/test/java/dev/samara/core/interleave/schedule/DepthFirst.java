// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.schedule;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * All runs with at most a number of preemptions, in depth-first order. A choice where the running thread is blocked,
 * has ended, or has given a spin-wait hint, costs no preemption. Preemptions are tried before accesses to {@link
 * SharedLocations} only.
 */
final class DepthFirst implements Strategy {
    private static final class Node {
        final String from;
        final List<String> options;
        int next;

        Node(String from, List<String> options) {
            this.from = from;
            this.options = options;
        }
    }

    private final int bound;
    private final SharedLocations shared = new SharedLocations();
    private final List<Node> path = new ArrayList<>();
    private int depth;
    private int spent;
    private boolean learnt;

    DepthFirst(int bound) {
        this.bound = bound;
    }

    @Override
    public Chooser begin() {
        depth = 0;
        spent = 0;
        shared.begin();
        return new Chooser() {
            @Override
            public boolean mayPreempt(SteppedThread from) {
                return spent < bound && shared.contain(from.pending);
            }

            @Override
            public @Nullable SteppedThread choose(
                    Run run, SteppedThread from, List<SteppedThread> options, boolean isPreemption) {
                return DepthFirst.this.choose(run, from, options, isPreemption);
            }

            @Override
            public void executed(Run run, SteppedThread thread, Access access) {
                learnt |= shared.add(thread, access);
            }
        };
    }

    private @Nullable SteppedThread choose(
            Run run, SteppedThread from, List<SteppedThread> options, boolean isPreemption) {
        if (isPreemption && (spent >= bound || !shared.contain(from.pending))) {
            return options.get(0);
        }
        List<String> names = options.stream().map(Thread::getName).toList();
        if (depth == path.size()) {
            path.add(new Node(from.label(), names));
        }
        Node node = path.get(depth++);
        if (!node.from.equals(from.label()) || !node.options.equals(names)) {
            run.fail(new Finding(
                    Finding.Kind.NOT_DETERMINISTIC,
                    "at " + from.label() + ' ' + names + " in the place of " + node.from + ' ' + node.options,
                    null));
            return null;
        }
        if (isPreemption && node.next > 0) {
            spent++;
        }
        return options.get(node.next);
    }

    @Override
    public boolean advance() {
        if (learnt) {
            learnt = false;
            path.clear();
            return true;
        }
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
        return "at most " + bound + " preemptions";
    }
}
