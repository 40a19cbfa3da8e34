// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import java.util.ArrayList;
import java.util.List;

/**
 * The order in which ranges in flight must complete because of early reuse: a range waits for its predecessors, and its
 * successors wait for it. Guarded by the layout lock.
 *
 * <p>A mapping stored over the reservations of {@code munmap}s in flight, its predecessors, may be used only after
 * their retirement has ended. Nothing else orders completions.
 *
 * @param <R> the type of a range in flight; this class calls none of its methods
 */
final class EarlyReuseOrder<R> {
    /** This object is never changed. */
    private static final EarlyReuseOrder<?> ALONE = new EarlyReuseOrder<>(List.of());

    /** The ranges over whose reservations this one will be stored; empty after publication. */
    private List<R> predecessors;

    private List<R> successors = List.of();

    /** The number of predecessors whose retirement has not ended. */
    private int awaited;

    EarlyReuseOrder(List<R> predecessors) {
        this.predecessors = predecessors;
    }

    /** Returns the order of a range that waits for no other, and that no other waits for. Allocates nothing. */
    @SuppressWarnings("unchecked") // it has no range
    static <R> EarlyReuseOrder<R> alone() {
        return (EarlyReuseOrder<R>) ALONE;
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
    EarlyReuseOrder<R> withRoom() {
        ArrayList<R> more = new ArrayList<>(successors.size() + 1);
        more.addAll(successors);
        EarlyReuseOrder<R> roomy = this == ALONE ? new EarlyReuseOrder<>(List.of()) : this;
        roomy.successors = more;
        return roomy;
    }

    /** Adds a successor, for which {@link #withRoom} has reserved capacity. */
    void add(R successor) {
        assert this != ALONE : "no capacity is reserved";
        successors.add(successor);
    }

    /** Makes the range wait for its predecessors, which already list it as a successor. */
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
