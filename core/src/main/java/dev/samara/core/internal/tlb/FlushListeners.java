// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import dev.samara.core.event.FlushListener;
import dev.samara.core.event.MmuNotifier;
import java.util.Arrays;
import java.util.function.Consumer;

/** The flush listeners of one CPU. Used only by its owner. */
final class FlushListeners {
    /**
     * One registration of a listener. A listener that was added twice has two registrations, which are removed
     * separately.
     */
    private static final class AddedListener {
        private final FlushListener listener;

        /**
         * Set on removal, because a listener that is removed while a flush is notifying listeners must not be called.
         */
        private boolean isRemoved;

        AddedListener(FlushListener listener) {
            this.listener = listener;
        }
    }

    private final Consumer<Throwable> reporter;

    /** Never changed in place, because listeners may be added and removed while they are being notified. */
    private AddedListener[] all = {};

    FlushListeners(Consumer<Throwable> reporter) {
        this.reporter = reporter;
    }

    /** Adds a listener, and returns a task that removes it. */
    Runnable add(FlushListener listener) {
        AddedListener one = new AddedListener(listener);
        AddedListener[] more = Arrays.copyOf(all, all.length + 1);
        more[all.length] = one;
        all = more;
        return () -> remove(one);
    }

    private void remove(AddedListener removed) {
        removed.isRemoved = true;
        all = Arrays.stream(all).filter(each -> each != removed).toArray(AddedListener[]::new);
    }

    boolean isEmpty() {
        return all.length == 0;
    }

    void tell(long start, long end, MmuNotifier.Reason reason, long generation) {
        for (AddedListener each : all) {
            if (each.isRemoved) {
                continue;
            }
            try {
                each.listener.flushed(start, end, reason, generation);
            } catch (Throwable thrown) {
                reporter.accept(thrown);
            }
        }
    }
}
