// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import dev.samara.core.event.FlushListener;
import dev.samara.core.event.MmuNotifier;
import java.util.Arrays;
import java.util.function.Consumer;

/** The listeners of one CPU. Used by its owner alone. */
final class FlushListeners {
    private final Consumer<Throwable> reporter;

    /** Never changed in place: listeners may be added and removed while they are notified. */
    private FlushListener[] listeners = {};

    FlushListeners(Consumer<Throwable> reporter) {
        this.reporter = reporter;
    }

    void add(FlushListener listener) {
        FlushListener[] more = Arrays.copyOf(listeners, listeners.length + 1);
        more[listeners.length] = listener;
        listeners = more;
    }

    /** Removes a listener if it was added. */
    void remove(FlushListener listener) {
        FlushListener[] known = listeners;
        for (int i = 0; i < known.length; i++) {
            if (known[i] == listener) {
                FlushListener[] fewer = Arrays.copyOf(known, known.length - 1);
                System.arraycopy(known, i + 1, fewer, i, fewer.length - i);
                listeners = fewer;
                return;
            }
        }
    }

    boolean isEmpty() {
        return listeners.length == 0;
    }

    void tell(long start, long end, MmuNotifier.Reason reason, long generation) {
        for (FlushListener listener : listeners) {
            try {
                listener.flushed(start, end, reason, generation);
            } catch (Throwable thrown) {
                reporter.accept(thrown);
            }
        }
    }
}
