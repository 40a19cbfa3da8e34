// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.internal.page.PageTable.Leaf;
import dev.samara.core.internal.page.Pte;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.IIII_Result;
import org.openjdk.jcstress.infra.results.III_Result;
import org.openjdk.jcstress.infra.results.II_Result;

/** The words by which a shootdown and a CPU agree who flushes, who waits, and from when on a frame is free. */
public final class ShootdownStress {
    private ShootdownStress() {}

    private static CpuState cpu(int number) {
        return new CpuState(
                number,
                1,
                new CpuOwner(ShootdownStress.class, message -> {}),
                OwnedCpu.NO_TLB,
                new LazyContext.Shootdown());
    }

    /**
     * I2: a CPU announces that it is in GUEST, then reads the generation, then an entry; a shooter changes the entry,
     * advances the generation, then reads the CPU's state.
     */
    @JCStressTest
    @Outcome(id = "0, 0, 0|0, 0, 1", expect = ACCEPTABLE, desc = "catches up")
    @Outcome(
            id = "1, 0, 1|1, 1, 1",
            expect = ACCEPTABLE,
            desc = "uses its old translation or the entry it has found, and is waited for")
    @Outcome(expect = FORBIDDEN, desc = "uses its old translation or the old entry, and no thread waits for it")
    @State
    public static class GuestThenGeneration {
        private final CpuState cpu = cpu(0);
        private final TlbContext context = new TlbContext();
        private final long known = context.generation();
        private final long[] leaf = Leaf.make(1);

        public GuestThenGeneration() {
            Leaf.fill(leaf, 0, Pte.present(1, Pte.READ));
        }

        @Actor
        public void owner(III_Result r) {
            cpu.enterGuest(context.id);
            r.r1 = context.generation() == known ? 1 : 0;
            r.r2 = Leaf.get(leaf, 0) == Pte.NONE ? 0 : 1;
        }

        @Actor
        public void shooter(III_Result r) {
            Leaf.getAndSet(leaf, 0, Pte.NONE);
            long generation = context.advance();
            r.r3 = cpu.isDone(context.id, generation) ? 0 : 1;
        }
    }

    /**
     * I2: a CPU that arrives in a space counts itself, then reads the generation; the only CPU in the space advances
     * the generation, then reads the count. At least one of the two sees the other's update.
     */
    @JCStressTest
    @Outcome(id = "0, 0|0, 1|1, 1", expect = ACCEPTABLE, desc = "flushes, or is asked")
    @Outcome(id = "1, 0", expect = FORBIDDEN, desc = "uses its old translation, and is not asked")
    @State
    public static class CountedThenGeneration {
        private final CpuState cpu = cpu(0);
        private final TlbContext context = new TlbContext();
        private final long known = context.generation();

        public CountedThenGeneration() {
            // The shooter's CPU.
            context.use();
        }

        @Actor
        public void owner(II_Result r) {
            cpu.depart();
            context.use();
            cpu.arrive(context);
            cpu.enterGuest(context.id);
            r.r1 = context.generation() == known ? 1 : 0;
        }

        @Actor
        public void shooter(II_Result r) {
            long generation = context.advance();
            r.r2 = context.cpus() > 1 && !cpu.isDone(context.id, generation) ? 1 : 0;
        }
    }

    /**
     * I3: a CPU's accesses in GUEST happen before its acknowledgement, and before its exit from GUEST; so all of them
     * are complete when a frame is freed.
     */
    @JCStressTest
    @Outcome(id = "0, 0|0, 1|1, 1", expect = ACCEPTABLE, desc = "not done, or done and all stores are there")
    @Outcome(expect = FORBIDDEN, desc = "done, and a store comes later")
    @State
    public static class DoneAfterTheLastAccess {
        private static final long CONTEXT = 7;

        private final CpuState acknowledging = cpu(0);
        private final CpuState leaving = cpu(1);
        private int written;

        public DoneAfterTheLastAccess() {
            acknowledging.enterGuest(CONTEXT);
            leaving.enterGuest(CONTEXT);
        }

        @Actor
        public void owner() {
            written = 1;
            acknowledging.flushedTo(2);
            written = 2;
            leaving.leaveGuest(CONTEXT);
        }

        @Actor
        public void shooter(II_Result r) {
            if (leaving.isDone(CONTEXT, 2)) {
                r.r1 = 1;
                r.r2 = written == 2 ? 1 : 0;
            } else {
                r.r1 = acknowledging.isDone(CONTEXT, 2) ? 1 : 0;
                r.r2 = written == 0 ? 0 : 1;
            }
        }
    }

    /**
     * I9: a CPU clears its pending request, then reads the generation; a shooter advances the generation, then sets the
     * request. So a CPU that missed the new generation still finds the request at its next poll.
     */
    @JCStressTest
    @Outcome(id = "1, 0|1, 1", expect = ACCEPTABLE, desc = "caught up")
    @Outcome(id = "0, 1", expect = ACCEPTABLE, desc = "the next poll catches up")
    @Outcome(expect = FORBIDDEN, desc = "behind, and nobody will tell it")
    @State
    public static class NoWishIsLost {
        private final CpuState cpu = cpu(0);
        private final TlbContext context = new TlbContext();
        private final long known = context.generation();

        public NoWishIsLost() {
            cpu.request();
        }

        @Actor
        public void owner(II_Result r) {
            cpu.clearPending();
            r.r1 = context.generation() == known ? 0 : 1;
        }

        @Actor
        public void shooter() {
            context.advance();
            cpu.request();
        }

        @Arbiter
        public void end(II_Result r) {
            r.r2 = cpu.isPending() ? 1 : 0;
        }
    }

    /**
     * A reader never takes a range that is overwritten concurrently for the old generation's range, nor for the new
     * generation's before it is complete.
     */
    @JCStressTest
    @Outcome(
            id = "1, 1, 0, 0|1, 1, 2, 2|0, 0, 0, 0|0, 0, 2, 2",
            expect = ACCEPTABLE,
            desc = "each is there as it was written, or not there")
    @Outcome(expect = FORBIDDEN, desc = "parts of both, or of none")
    @State
    public static class LoggedRangeIsWhole {
        private static final long OLD = 5;
        private static final long NEW = OLD + TlbContext.LOG_SIZE;

        private final TlbContext context = new TlbContext();
        private final TlbContext.FlushedRange range = new TlbContext.FlushedRange();

        public LoggedRangeIsWhole() {
            context.log(OLD, 1 << 9, 1, 1, MmuNotifier.Reason.UNMAPPED);
        }

        @Actor
        public void writer() {
            context.log(NEW, 2 << 9, 2, 2, MmuNotifier.Reason.UNMAPPED);
        }

        @Actor
        public void reader(IIII_Result r) {
            if (context.readLog(OLD, range)) {
                r.r1 = (int) range.start() >> 9;
                r.r2 = (int) range.cpus();
            }
            if (context.readLog(NEW, range)) {
                r.r3 = (int) range.start() >> 9;
                r.r4 = (int) range.cpus();
            }
        }
    }
}
