// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The changes that an operation's completion makes to the layout, besides clearing its reservations: it merges VMAs
 * that were kept separate, and uncharges what the operation unmapped.
 *
 * <p>Guarded by the layout lock from publication to completion, because the completions of other operations add merges,
 * and limit checks and statistics read the amount to be uncharged.
 */
public final class CompletionWork {
    /**
     * The joins that completion tries; null before the first one.
     *
     * <p>Words: all fields of {@code CompletionWork}, {@code PendingJoins}.
     * Written: holder of the district's lock (plain): the operation, and completions of other operations, which add
     *     joins.
     * Read: holder of the district's lock (plain).
     * Invariant: as for {@code Footprint}; the joins include those that other completions added.
     */
    private @Nullable PendingJoins joins;

    /** The counters of the unmapped VMAs; null if there are none. */
    private @Nullable LayoutCounters uncharged;

    /** A copy of {@link #uncharged} from the start of the unpublished batch. */
    private @Nullable LayoutCounters sealedUncharged;

    private InFlightCharge charge = InFlightCharge.NONE;

    /** Whether some of the VMAs were joined before the completion. */
    private boolean isJoining;

    CompletionWork() {}

    /** Requests that completion try to join the two VMAs that meet at an address; until then they cannot be joined. */
    public void joinLater(long address) {
        joinLater(new PendingJoin(address, false));
    }

    /** Takes over a join from another range in flight, which is complete. */
    public void joinLater(PendingJoin join) {
        if (joins == null) {
            joins = new PendingJoins();
        }
        joins.put(join);
    }

    /** Records a seam: only this operation keeps the VMAs on both sides of an address apart. */
    public void addSeam(long address) {
        joinLater(new PendingJoin(address, true));
    }

    public List<PendingJoin> joins() {
        return joins == null ? List.of() : joins;
    }

    /** Forgets the last joins of the list, which were tried before the completion. */
    public void joined(int count) {
        if (joins != null) {
            joins.removeLast(count);
        }
        isJoining = true;
    }

    /** Returns whether some of the VMAs were already joined, and so refer to no gate. */
    boolean isJoining() {
        return isJoining;
    }

    /** Counts unmapped VMAs against the limits until completion. */
    public void countUnmapped(LayoutCounters unmapped) {
        if (uncharged == null) {
            uncharged = new LayoutCounters();
        }
        uncharged.addAll(unmapped);
    }

    /**
     * Returns the counters of the unmapped VMAs, which count against the limits until completion; null if there are
     * none.
     */
    public @Nullable LayoutCounters uncharged() {
        return uncharged;
    }

    /** Returns a copy of {@link #uncharged} from the start of the unpublished batch; null if there is none. */
    public @Nullable LayoutCounters unchargedBefore() {
        return sealedUncharged;
    }

    public InFlightCharge charge() {
        return charge;
    }

    public void charge(InFlightCharge unmapped) {
        charge = unmapped;
    }

    /** Drops the list of joins, which may be long. Called at completion. */
    void clear() {
        joins = null;
    }

    /** Starts a batch; {@link #undoBatch} removes everything that is added afterwards. */
    void beginBatch() {
        if (joins != null) {
            joins.seal();
        }
        sealedUncharged = uncharged == null ? null : uncharged.copy();
    }

    /** Removes what the unpublished batch added. Allocates nothing. */
    void undoBatch() {
        if (joins != null) {
            joins.unseal();
        }
        uncharged = sealedUncharged;
    }
}
