// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import dev.samara.core.event.FlushListener;
import dev.samara.core.event.MmuNotifier;
import java.util.Arrays;
import java.util.function.Consumer;

/** The listeners of one CPU. Used by its owner alone. */
final class FlushListeners {
    /** One addition of a listener. A listener that was added twice is removed twice. */
    private static final class AddedListener {
        private final FlushListener listener;

        /** A listener may be removed after a flush has begun to notify listeners, and is then left out. */
        private boolean isRemoved;

        AddedListener(FlushListener listener) {
            this.listener = listener;
        }
    }

    private final Consumer<Throwable> reporter;

    /** Never changed in place: listeners may be added and removed while they are notified. */
    private AddedListener[] all = {};

    FlushListeners(Consumer<Throwable> reporter) {
        this.reporter = reporter;
    }

    /** Adds a listener and returns its removal. */
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
