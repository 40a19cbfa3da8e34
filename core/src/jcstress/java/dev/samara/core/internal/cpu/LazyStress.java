// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import java.util.concurrent.atomic.AtomicInteger;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.IIII_Result;
import org.openjdk.jcstress.infra.results.III_Result;
import org.openjdk.jcstress.infra.results.II_Result;
import org.openjdk.jcstress.infra.results.I_Result;

/** CPUs in LAZY while their context ends, or while another CPU calls membarrier. */
public final class LazyStress {
    private LazyStress() {}

    /** A CPU that belongs to no machine, and a context for it. */
    private static final class LoneCpu {
        private final TlbContext context = new TlbContext();
        private final CpuState state;

        LoneCpu() {
            this(new LazyContext.Shootdown());
        }

        LoneCpu(LazyContext lazy) {
            state = new CpuState(0, 1, new CpuOwner(this, message -> {}), OwnedCpu.NO_TLB, lazy);
            context.use();
            state.arrive(context);
        }

        LoneCpu enterLazy() {
            state.enterLazy();
            return this;
        }

        /** Returns 1 if the CPU returned to its context from LAZY. */
        int comeBack() {
            return state.leaveLazy(context) ? 1 : 0;
        }

        /** Switches to its context: from LAZY if possible, otherwise as from another context. */
        void goThere() {
            if (comeBack() == 0) {
                leave();
                context.use();
                state.arrive(context);
            }
        }

        /** Switches to no context. */
        void leave() {
            state.depart();
            state.arrive(null);
        }

        void enterGuest() {
            state.enterGuest(context.id);
            state.flushedTo(context.generation());
        }

        void leaveGuest() {
            state.leaveGuest(context.id);
        }

        /** Waits until the CPU has executed a full fence, if it is in GUEST. */
        void fence() {
            long generation = context.advance();
            while (!state.isDone(context.id, generation)) {
                Thread.onSpinWait();
            }
        }

        /**
         * Starts the teardown of its context, whose last user is gone. Returns 1 if this took the context from the LAZY
         * CPU.
         */
        int takeOff() {
            state.lazy.beforeTeardown(context);
            return state.isIn(context.id) ? 0 : 1;
        }

        /** Completes the teardown of its context, and releases the users' reference. */
        void endTeardown() {
            state.lazy.afterTeardown(context);
            context.release();
        }

        /** Returns the number of references to the page table. */
        int held() {
            return context.holds();
        }

        /** Drops the only reference. Returns 1 if that was the last user, after which no new user is possible. */
        int end() {
            return context.put() ? 1 : 0;
        }

        int cpus() {
            return context.cpus();
        }
    }

    /** I3: a CPU enters LAZY while its context ends: a thread that finds no user left finds only LAZY CPUs. */
    @JCStressTest
    @Outcome(id = "0, 0", expect = ACCEPTABLE, desc = "still a user, so it is flushed")
    @Outcome(id = "1, 1", expect = ACCEPTABLE, desc = "ended, and taken off")
    @Outcome(expect = FORBIDDEN, desc = "ended, and used by a CPU that is not LAZY")
    @State
    public static class LazyBeforeUncounted {
        private final LoneCpu cpu = new LoneCpu();

        @Actor
        public void owner() {
            cpu.enterLazy();
        }

        @Actor
        public void closer(II_Result r) {
            r.r1 = cpu.end();
            if (r.r1 == 1) {
                r.r2 = cpu.takeOff();
            }
        }
    }

    /**
     * I3: a LAZY CPU returns to its context concurrently with the put of the only reference: it is back and counted, or
     * the context was taken from it.
     */
    @JCStressTest
    @Outcome(id = "1, 0, 0, 1", expect = ACCEPTABLE, desc = "back, and a user, so it is flushed")
    @Outcome(id = "0, 1, 1, 0", expect = ACCEPTABLE, desc = "ended, taken off, and no user")
    @Outcome(expect = FORBIDDEN, desc = "used after the end, both or neither, or counted wrongly")
    @State
    public static class TakenOffOrBack {
        private final LoneCpu cpu = new LoneCpu().enterLazy();

        @Actor
        public void owner(IIII_Result r) {
            r.r1 = cpu.comeBack();
        }

        @Actor
        public void closer(IIII_Result r) {
            r.r2 = cpu.end();
            if (r.r2 == 1) {
                r.r3 = cpu.takeOff();
            }
        }

        @Arbiter
        public void end(IIII_Result r) {
            r.r4 = cpu.cpus();
        }
    }

    /**
     * A CPU drops its hazard pointer while the last put hands over a reference: no reference leaks, and none is
     * released twice.
     */
    @JCStressTest
    @Outcome(id = "0", expect = ACCEPTABLE, desc = "the last reference is gone")
    @Outcome(expect = FORBIDDEN, desc = "a reference is left, or was given up twice")
    @State
    public static class PointerOrReference {
        private final LoneCpu cpu = new LoneCpu(new LazyContext.Hazard()).enterLazy();

        @Actor
        public void owner() {
            cpu.leave();
        }

        @Actor
        public void closer() {
            cpu.end();
            cpu.takeOff();
            cpu.endTeardown();
        }

        @Arbiter
        public void end(I_Result r) {
            r.r1 = cpu.held();
        }
    }

    /**
     * membarrier races with a CPU that moves from LAZY to GUEST: at least one sees the other's store. The states take
     * the strategies in turn; the last result is the strategy.
     */
    @JCStressTest
    @Outcome(id = "0, 0, .", expect = FORBIDDEN, desc = "neither sees the other's store")
    @Outcome(expect = ACCEPTABLE, desc = "at least one sees the other")
    @State
    public static class Membarrier {
        private static final AtomicInteger STATES = new AtomicInteger();

        private final int strategy = STATES.getAndIncrement() & 3;
        private final LoneCpu cpu = new LoneCpu(
                        switch (strategy) {
                            case 0 -> new LazyContext.Counted();
                            case 1 -> new LazyContext.Shootdown();
                            case 2 -> new LazyContext.Hazard();
                            default -> new LazyContext();
                        })
                .enterLazy();
        private int guest;
        private int caller;

        @Actor
        public void owner(III_Result r) {
            cpu.goThere();
            cpu.enterGuest();
            guest = 1;
            r.r1 = caller;
            cpu.leaveGuest();
        }

        @Actor
        public void caller(III_Result r) {
            r.r3 = strategy;
            caller = 1;
            cpu.fence();
            r.r2 = guest;
        }
    }
}
