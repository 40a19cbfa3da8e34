// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import dev.samara.core.internal.sync.Backlog;
import dev.samara.core.internal.sync.Housekeeping;
import dev.samara.core.internal.sync.Rcu;
import dev.samara.core.internal.sync.RcuReader;
import java.util.concurrent.atomic.AtomicInteger;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * I3: a reader loads an entry and uses its frame within a section; an updater clears the entry, waits for a grace
 * period and frees the frame.
 */
@JCStressTest
@Outcome(id = "1, 0", expect = Expect.ACCEPTABLE, desc = "found, and in use to the end of the section")
@Outcome(id = "0, 0", expect = Expect.ACCEPTABLE, desc = "not found any more")
@Outcome(id = "0, 1", expect = Expect.ACCEPTABLE, desc = "not found any more, and free")
@Outcome(id = "1, 1", expect = Expect.FORBIDDEN, desc = "found, and free while it is used")
@State
public class GracePeriod {
    /** Enough loads for a section to see a frame that is freed too early. */
    private static final int USES = 100;

    private final Rcu rcu = new Rcu(new Rcu.Settings(
            Runnable::run,
            new Housekeeping(null, Runnable::run, moved -> {}),
            new Backlog(1, Backlog.AtBound.REFUSE, null),
            Long.MAX_VALUE,
            message -> {}));
    private final RcuReader reader = rcu.register("reader");

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
