// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Housekeeping;
import dev.samara.core.internal.sync.Rcu;
import java.util.concurrent.atomic.AtomicInteger;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/** Gates and grace periods. */
public final class SyncStress {
    private SyncStress() {}

    /** A thread that finds a gate open sees the stores made before the gate was opened. */
    @JCStressTest
    @Outcome(id = "0, 0|0, 1|1, 1", expect = ACCEPTABLE, desc = "ordered")
    @Outcome(id = "1, 0", expect = FORBIDDEN, desc = "open, and the earlier store is not there")
    @State
    public static class GateOrdersWhatWasWritten {
        private final Gate gate = new Gate();
        private int written;

        @Actor
        public void opener() {
            written = 1;
            Gate.wake(gate.open());
        }

        @Actor
        public void passer(II_Result r) {
            r.r1 = gate.isOpen() ? 1 : 0;
            r.r2 = written;
        }
    }

    /**
     * I3: a reader loads an entry and uses its frame within a section; an updater clears the entry, waits for a grace
     * period and frees the frame.
     */
    @JCStressTest
    @Outcome(id = "1, 0", expect = ACCEPTABLE, desc = "found, and in use to the end of the section")
    @Outcome(id = "0, 0", expect = ACCEPTABLE, desc = "not found any more")
    @Outcome(id = "0, 1", expect = ACCEPTABLE, desc = "not found any more, and free")
    @Outcome(id = "1, 1", expect = FORBIDDEN, desc = "found, and free while it is used")
    @State
    public static class GracePeriod {
        /** Enough loads for a section to see a frame that is freed too early. */
        private static final int USES = 100;

        private final Rcu rcu = new Rcu(new Rcu.Settings(
                Runnable::run,
                new Housekeeping(null, Runnable::run, moved -> {}),
                1,
                Rcu.AtBound.REFUSE,
                Long.MAX_VALUE,
                message -> {}));
        private final Rcu.Reader reader = rcu.register("reader");

        private final AtomicInteger entry = new AtomicInteger(1);
        private final AtomicInteger freed = new AtomicInteger();

        @Actor
        public void reader(II_Result r) {
            reader.readLock();
            r.r1 = entry.getAcquire();
            for (int i = 0; i < USES; i++) {
                r.r2 |= freed.getAcquire();
            }
            reader.readUnlock();
        }

        @Actor
        public void updater() {
            entry.setRelease(0);
            rcu.synchronize();
            freed.setRelease(1);
        }
    }
}
