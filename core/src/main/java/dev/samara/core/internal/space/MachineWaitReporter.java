// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.sync.Gate.WaitReporter;
import dev.samara.core.internal.sync.Housekeeping;
import org.jspecify.annotations.Nullable;

/**
 * Reports long waits to the reporter of a machine. Its {@code toString} returns the waiting call or its subject, for
 * messages.
 */
public interface MachineWaitReporter extends WaitReporter {
    /** Returns the threads of the machine, which report long waits. */
    MachineThreads threads();

    @Override
    default long reportAfterNanos() {
        return threads().longWaitNanos();
    }

    @Override
    default void waitsLong(Object blocker, Thread waiter, long nanos) {
        threads().reportLongWait(toString(), blocker, waiter, nanos);
    }

    @Override
    default void attendAgain() {
        threads().attendAgain();
    }

    @Override
    default @Nullable Housekeeping invoked() {
        return threads().invoked();
    }
}
