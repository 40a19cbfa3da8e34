// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import java.util.ArrayList;
import java.util.List;

/**
 * The ranges in flight that a range waits for before it completes, and those that wait for it. Guarded by the layout
 * lock.
 *
 * <p>Only early reuse orders ranges: a mapping stored over the reservations of {@code munmap}s in flight, its
 * predecessors, may be used only after their retirements have ended.
 *
 * @param <R> a range in flight, of which this class uses nothing
 */
final class CompletionOrder<R> {
    /** Never changed. */
    private static final CompletionOrder<?> ALONE = new CompletionOrder<>(List.of());

    /** Until publication: the ranges over whose reservations this one is stored. */
    private List<R> predecessors;

    private List<R> successors = List.of();

    /** The number of predecessors whose retirement has not ended. */
    private int awaited;

    CompletionOrder(List<R> predecessors) {
        this.predecessors = predecessors;
    }

    /** Returns the order of a range that waits for no other, and that no other waits for. Allocates nothing. */
    @SuppressWarnings("unchecked") // it has no range
    static <R> CompletionOrder<R> alone() {
        return (CompletionOrder<R>) ALONE;
    }

    List<R> predecessors() {
        return predecessors;
    }

    List<R> successors() {
        return successors;
    }

    int awaited() {
        return awaited;
    }

    boolean isAlone() {
        return successors.isEmpty() && awaited == 0;
    }

    /** Returns this order, or a new one in place of {@link #alone}, with capacity for one more successor. */
    CompletionOrder<R> withRoom() {
        ArrayList<R> more = new ArrayList<>(successors.size() + 1);
        more.addAll(successors);
        CompletionOrder<R> roomy = this == ALONE ? new CompletionOrder<>(List.of()) : this;
        roomy.successors = more;
        return roomy;
    }

    /** Adds a successor, for which {@link #withRoom} has reserved capacity. */
    void add(R successor) {
        assert this != ALONE : "no capacity is reserved";
        successors.add(successor);
    }

    /** Makes the range wait for its predecessors. They have it as a successor already. */
    void depart() {
        awaited = predecessors.size();
        predecessors = List.of();
    }

    /** Records that the retirement of a predecessor has ended. */
    void arrive() {
        assert this != ALONE : "no predecessor";
        awaited--;
    }
}
