// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * All runs with a bounded number of preemptions, in depth-first order. A choice is not a preemption if the running
 * thread is blocked, ended, or gave a spin-wait hint. Preemptions are tried only before accesses to {@link
 * SharedLocations}.
 */
final class DepthFirst implements Strategy {
    private final int bound;
    private final SharedLocations shared = new SharedLocations();
    private final ChoicePath path = new ChoicePath();
    private int spent;
    private boolean learnt;

    DepthFirst(int bound) {
        this.bound = bound;
    }

    @Override
    public Chooser begin() {
        path.begin();
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
        ChoicePath.Choice choice = path.next(run, from.label(), options);
        if (choice == null) {
            return null;
        }
        if (isPreemption && choice.next() > 0) {
            spent++;
        }
        return options.get(choice.next());
    }

    @Override
    public boolean advance() {
        if (learnt) {
            learnt = false;
            path.clear();
            return true;
        }
        return path.advance();
    }

    @Override
    public String toString() {
        return "at most " + bound + " preemptions";
    }
}
