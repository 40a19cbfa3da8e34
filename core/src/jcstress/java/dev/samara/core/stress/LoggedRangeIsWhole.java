// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.internal.cpu.FlushLog;
import dev.samara.core.internal.cpu.TlbContext;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.IIII_Result;

/**
 * A reader never takes a range that is overwritten concurrently for the old generation's range, nor for the new
 * generation's before it is complete.
 */
@JCStressTest
@Outcome(
        id = {"1, 1, 0, 0", "1, 1, 2, 2", "0, 0, 0, 0", "0, 0, 2, 2"},
        expect = Expect.ACCEPTABLE,
        desc = "each is there as it was written, or not there")
@Outcome(expect = Expect.FORBIDDEN, desc = "parts of both, or of none")
@State
public class LoggedRangeIsWhole {
    private static final long OLD = 5;
    private static final long NEW = OLD + FlushLog.SIZE;

    private final TlbContext context = new TlbContext();
    private final FlushLog.FlushedRange range = new FlushLog.FlushedRange();

    public LoggedRangeIsWhole() {
        context.log(OLD, 1, 1, 1, MmuNotifier.Reason.UNMAPPED);
    }

    @Actor
    public void writer() {
        context.log(NEW, 2, 2, 2, MmuNotifier.Reason.UNMAPPED);
    }

    @Actor
    public void reader(IIII_Result r) {
        if (context.log().read(OLD, range)) {
            r.r1 = (int) range.start();
            r.r2 = (int) range.cpus();
        }
        if (context.log().read(NEW, range)) {
            r.r3 = (int) range.start();
            r.r4 = (int) range.cpus();
        }
    }
}
