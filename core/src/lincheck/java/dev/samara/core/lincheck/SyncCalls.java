// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.lincheck;

import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Gate.WaitReporter;
import dev.samara.core.internal.sync.Housekeeping;
import dev.samara.core.internal.sync.Rcu;
import java.util.Objects;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jspecify.annotations.Nullable;

/** Calls on gates and grace periods, each set with its sequential specification. */
final class SyncCalls {
    private SyncCalls() {}

    /** A reporter that never reports. */
    private static final class Patient implements WaitReporter {
        @Override
        public long reportAfterNanos() {
            return Long.MAX_VALUE;
        }

        @Override
        public void waitsLong(Object blocker, Thread waiter, long nanos) {
            throw new IllegalStateException("waits long");
        }
    }

    /** A wait at a gate, which returns what was stored before the gate was opened. */
    public static class AtAGate {
        private final Gate gate = new Gate();
        private int stored;

        @Operation
        public int await() {
            gate.awaitUninterruptibly(new Patient());
            return stored;
        }

        @Operation
        public void open() {
            stored = 1;
            Gate.wake(gate.open());
        }

        /** A wait returns only after the gate was opened. */
        public static final class Specification {
            public int await() {
                return 1;
            }

            public void open() {}
        }
    }

    /**
     * A read in a section, concurrent with an updater that unlinks the object, waits for a grace period, and reuses the
     * object.
     */
    public static class GracePeriod {
        private final Rcu rcu = new Rcu(new Rcu.Settings(
                Runnable::run,
                new Housekeeping(null, Runnable::run, moved -> {}),
                8,
                Rcu.AtBound.WAIT,
                Long.MAX_VALUE,
                message -> {}));
        private final Rcu.Reader reader = rcu.register("reader");
        private volatile int @Nullable [] link = {1};

        @Operation
        public int read() {
            reader.readLock();
            int[] seen = link;
            int value = seen == null ? 0 : seen[0];
            reader.readUnlock();
            return value;
        }

        @Operation
        public void reuse() {
            int[] old = Objects.requireNonNull(link);
            link = null;
            rcu.synchronize();
            old[0] = 2;
        }

        /** A read finds the unchanged object, or none. */
        public static final class Specification {
            private boolean isLinked = true;

            public int read() {
                return isLinked ? 1 : 0;
            }

            public void reuse() {
                isLinked = false;
            }
        }
    }
}
