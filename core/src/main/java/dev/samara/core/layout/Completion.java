// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import dev.samara.core.life.Life;
import dev.samara.core.wait.Gate;
import dev.samara.maple.RangeEntry;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * The last phase of an operation in transit: its reservations are cleared, its VMAs are joined with their neighbours,
 * its gate is opened and what it has unmapped is given back, all under one hold of the lock; then who waited is woken.
 */
final class Completion {
    /** What has become complete: the transit, if it waits for nothing else, and those that have waited for it only. */
    private final List<Transit> completed = new ArrayList<>(1);

    private final Edit edit;

    private Completion(Edit edit) {
        this.edit = edit;
    }

    /** Ends a transit's own retiring. Caller must hold no lock. */
    static void of(Transit transit) {
        Layout layout = transit.operation().layout();
        boolean alone;
        Gate.Waiter waiting = null;
        layout.lock();
        try {
            alone = transit.isAlone();
            if (alone) {
                waiting = complete(layout, transit);
            }
        } finally {
            layout.unlock();
        }
        if (alone) {
            Gate.wake(waiting);
            after(transit);
        } else {
            completeWithOthers(transit);
        }
    }

    /** Completes what is alone, the common case, without an edit. */
    private static Gate.@Nullable Waiter complete(Layout layout, Transit transit) {
        Ranges reserved = transit.reserved();
        for (int i = 0; i < reserved.size(); i++) {
            layout.tree().erase(reserved.start(i), reserved.end(i) - 1, transit);
        }
        Counters uncharged = transit.uncharged();
        if (uncharged != null) {
            layout.counters().subtract(uncharged);
        }
        Commitment.giveBack(layout.host(), transit);
        layout.inTransit().remove(transit);
        return transit.open();
    }

    private static void completeWithOthers(Transit transit) {
        List<Gate.@Nullable Waiter> waiters = new ArrayList<>(1);
        Completion completion;
        try (Edit edit = Edit.completing(transit.operation())) {
            completion = new Completion(edit);
            completion.end(transit);
            edit.finish(Edit.DONE);
            // Under the lock, behind the publication: who finds a gate open finds the completed layout, and who finds
            // it shut and takes the lock after this does not wait.
            for (Transit done : completion.completed) {
                edit.layout.inTransit().remove(done);
                waiters.add(done.open());
            }
        } finally {
            // Whoever has been taken off a gate is woken, whatever the end of the edit throws.
            for (Gate.Waiter waiting : waiters) {
                Gate.wake(waiting);
            }
        }
        for (Transit done : completion.completed) {
            after(done);
        }
    }

    private void end(Transit transit) {
        clearReservations(transit);
        if (transit.arrive()) {
            complete(transit);
        }
        for (Transit successor : transit.successors()) {
            if (successor.arrive()) {
                complete(successor);
            }
        }
    }

    /** What has been stored over by this operation or, by early reuse, by another, is not reserved any more. */
    private void clearReservations(Transit transit) {
        Ranges reserved = transit.reserved();
        for (int i = 0; i < reserved.size(); i++) {
            long last = reserved.end(i) - 1;
            RangeEntry<Object> entry = edit.tree.reservationIn(reserved.start(i), last);
            while (entry != null) {
                if (entry.value() == transit) {
                    edit.tree.erase(entry.first(), entry.last(), transit);
                }
                entry = entry.last() == last ? null : edit.tree.reservationIn(entry.last() + 1, last);
            }
        }
    }

    private void complete(Transit transit) {
        transit.beginCompletion();
        completed.add(transit);
        for (Transit.Join join : transit.joins()) {
            MergeRules.joinLate(edit, join);
        }
        edit.release(transit);
    }

    private static void after(Transit done) {
        done.takeHeld().forEach(Life::unhold);
        CompletableFuture<Long> promised = done.promised();
        if (promised != null) {
            Operation operation = done.operation();
            operation.layout().host().background().execute(() -> operation.complete(promised));
        }
    }
}
