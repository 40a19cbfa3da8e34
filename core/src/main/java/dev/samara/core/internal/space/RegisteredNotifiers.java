// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.event.MmuNotifier;
import java.util.ArrayList;
import java.util.List;

/** The notifiers of revocations. Changed under the layout lock; the retire phase reads them without it. */
final class RegisteredNotifiers {
    /**
     * One registration of a notifier. A notifier that was added twice has two registrations, which are removed
     * separately.
     */
    private static final class AddedNotifier {
        private final MmuNotifier notifier;

        AddedNotifier(MmuNotifier notifier) {
            this.notifier = notifier;
        }
    }

    /** Guarded by the layout lock. */
    private final List<AddedNotifier> added = new ArrayList<>();

    /**
     * Words: {@code all}.
     * Written: holder of the layout lock (volatile).
     * Read: an operation, when it retires, and a drop of droppable pages, without the lock (volatile).
     * Invariant: a list that is never changed. An operation that publishes after a notifier was added finds it, ordered
     *     by the lock.
     */
    private volatile List<MmuNotifier> all = List.of();

    RegisteredNotifiers(List<MmuNotifier> first) {
        first.forEach(this::add);
    }

    /** Adds a notifier, and returns the task that removes it. Both require the layout lock. */
    Runnable add(MmuNotifier notifier) {
        AddedNotifier one = new AddedNotifier(notifier);
        added.add(one);
        publish();
        return () -> {
            if (added.remove(one)) {
                publish();
            }
        };
    }

    private void publish() {
        all = added.stream().map(each -> each.notifier).toList();
    }

    /** Returns a list that is never changed. */
    List<MmuNotifier> all() {
        return all;
    }
}
