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
    private final Edit edit;

    /** What becomes complete: the transit, if it waits for nothing else, and those that have waited for it only. */
    private final List<Transit> completed = new ArrayList<>(1);

    /** Those who waited at their gates, in the same order. */
    private final List<Gate.@Nullable Waiter> waiters = new ArrayList<>(1);

    private Completion(Transit transit) {
        edit = Edit.completing(transit.operation());
        try (edit) {
            clearReservations(transit);
            if (transit.arrive()) {
                complete(transit);
            }
            for (Transit successor : transit.successors()) {
                if (successor.arrive()) {
                    complete(successor);
                }
            }
            edit.finish(Edit.DONE);
            // Under the lock, behind the publication: who finds a gate open finds the completed layout, and who finds
            // it
            // shut and takes the lock after this does not wait.
            for (Transit done : completed) {
                edit.layout.inTransit().remove(done);
                waiters.add(done.open());
            }
        }
    }

    /** Ends a transit's own retiring. Caller must hold no lock. */
    static void of(Transit transit) {
        Completion completion = new Completion(transit);
        for (int i = 0; i < completion.completed.size(); i++) {
            Gate.wake(completion.waiters.get(i));
            after(completion.completed.get(i));
        }
    }

    private static void after(Transit done) {
        done.held().forEach(Life::unhold);
        CompletableFuture<Long> promised = done.promised();
        if (promised != null) {
            Operation operation = done.operation();
            operation.layout().host().background().execute(() -> promised.complete(operation.result()));
        }
    }

    /** What has been stored over by this operation or, by early reuse, by another, is not reserved any more. */
    private void clearReservations(Transit transit) {
        Ranges reserved = transit.reserved();
        for (int i = 0; i < reserved.size(); i++) {
            long start = reserved.start(i);
            long last = reserved.end(i) - 1;
            RangeEntry<Object> entry = edit.tree.reservationIn(start, last);
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
}
