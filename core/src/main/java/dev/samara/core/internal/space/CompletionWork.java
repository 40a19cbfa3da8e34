// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What an operation's completion does to the layout besides clearing its reservations: it merges VMAs that were kept
 * separate, and uncharges what the operation unmapped.
 *
 * <p>Guarded by the layout lock from publication to completion: the completions of other operations add merges, and
 * limit checks and statistics read the amount to be uncharged.
 */
public final class CompletionWork {
    /**
     * The joins that completion tries; null before the first one.
     *
     * @words all fields of {@code CompletionWork}, {@code PendingJoins}
     * @written holder of the district's lock (plain): the operation, and completions of others, which add joins
     * @read holder of the district's lock (plain)
     * @invariant as of {@code Footprint}, and the joins that other completions have left
     */
    private @Nullable PendingJoins joins;

    /** The counters of the unmapped VMAs; null for none. */
    private @Nullable LayoutCounters uncharged;

    /** A copy of these counters when the batch began that is not published yet. */
    private @Nullable LayoutCounters sealedUncharged;

    private InFlightCharge charge = InFlightCharge.NONE;

    /** Whether some of the VMAs were joined before the completion. */
    private boolean isJoining;

    CompletionWork() {}

    /**
     * Requests that completion tries to join the two VMAs that meet at an address; until then they cannot be joined.
     */
    public void joinLater(long address) {
        joinLater(new PendingJoin(address, false));
    }

    /** Takes over a join from another range in flight that is complete. */
    public void joinLater(PendingJoin join) {
        if (joins == null) {
            joins = new PendingJoins();
        }
        joins.put(join);
    }

    /** Records that only this operation separates the VMA on both sides of an address. */
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

    /** Returns whether some of the VMAs were joined already, and have no gate. */
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

    /** Returns the counters of the unmapped VMAs, which count against the limits until completion; null for none. */
    public @Nullable LayoutCounters uncharged() {
        return uncharged;
    }

    /** Returns a copy of {@link #uncharged} of when the batch began that is not published yet; null for none. */
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

    /** Begins a batch: {@link #undoBatch} removes what is added from here on. */
    void beginBatch() {
        if (joins != null) {
            joins.seal();
        }
        sealedUncharged = uncharged == null ? null : uncharged.copy();
    }

    /** Removes what the batch that is not published has added. Nothing is allocated. */
    void undoBatch() {
        if (joins != null) {
            joins.unseal();
        }
        uncharged = sealedUncharged;
    }
}
