// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * One run of a scenario: its threads, of which one runs at a time, and its virtual clock. The scheduler has no thread
 * of its own. Its code runs on the thread that reaches a step, which then continues or hands over to another thread.
 */
final class Run {
    private final Scenario scenario;
    private final Chooser chooser;
    private final Limits limits;
    private final Trace trace;
    private final Clock clock = new Clock();
    private final List<SteppedThread> threads = new ArrayList<>();
    private final IdentityHashMap<Object, Monitor> monitors = new IdentityHashMap<>();
    private final CountDownLatch over = new CountDownLatch(1);

    private int steps;
    private long numbered;
    private int named;
    private boolean branching;
    private boolean isRepetition;

    /** The number of operations that are ready to start; once they run, the number of operations that ended. */
    private int prepared;

    private volatile boolean isOver;
    private @Nullable Finding finding;

    Run(Scenario scenario, Chooser chooser, Limits limits, boolean records) {
        this.scenario = scenario;
        this.chooser = chooser;
        this.limits = limits;
        trace = new Trace(records);
    }

    /** Returns the run of the calling thread. */
    static Run current() {
        if (Thread.currentThread() instanceof SteppedThread thread) {
            return thread.run0();
        }
        throw new IllegalStateException("no thread of a run makes a thread");
    }

    /** Runs the scenario; returns when it ended. */
    void execute() {
        SteppedThread main = new SteppedThread(this, this::scenario, "main");
        main.start();
        main.hand();
        try {
            over.await();
            // The remaining threads end at their next step. The run waits up to a minute for each thread that does not.
            for (SteppedThread thread : threads) {
                thread.join(60_000);
            }
        } catch (InterruptedException interrupted) {
            throw new IllegalStateException(interrupted);
        }
    }

    private void scenario() {
        try {
            scenario.begin();
            List<SteppedThread> operations = new ArrayList<>();
            scenario.operations().forEach((name, body) -> operations.add(new SteppedThread(this, task(body), name)));
            operations.forEach(Thread::start);
            await("prepare", () -> prepared == operations.size(), "the preparations");
            prepared = 0;
            branching = true;
            await("join", () -> prepared == operations.size(), "the operations");
            branching = false;
            await("join", () -> operations.stream().allMatch(thread -> thread.finished), "the ends");
            scenario.end();
        } catch (Exception thrown) {
            throw new UndeclaredException(thrown);
        }
    }

    private Runnable task(Scenario.Body body) {
        return () -> {
            try {
                body.before();
                prepared++;
                await("ready", () -> branching, "the others");
                body.run();
                prepared++;
                await("done", () -> !branching, "the others");
                body.after();
            } catch (RuntimeException thrown) {
                throw thrown;
            } catch (Exception thrown) {
                throw new UndeclaredException(thrown);
            }
        };
    }

    private void await(String text, BooleanSupplier ready, String waitsFor) {
        SteppedThread self = (SteppedThread) Thread.currentThread();
        Access access = new Access(Access.Kind.NONE, null, -1, "", text, "scenario");
        reach(self, access, ready, SteppedThread.NEVER, waitsFor);
    }

    private static final class UndeclaredException extends RuntimeException {
        private static final long serialVersionUID = 1;

        UndeclaredException(Throwable cause) {
            super(cause);
        }
    }

    long nextNumber() {
        return ++numbered;
    }

    String nextName() {
        return "thread-" + ++named;
    }

    boolean isOver() {
        return isOver;
    }

    boolean isBranching() {
        return branching;
    }

    /** Returns whether the chooser abandoned this run. */
    boolean isRepetition() {
        return isRepetition;
    }

    int steps() {
        return steps;
    }

    List<SteppedThread> threads() {
        return threads;
    }

    Trace trace() {
        return trace;
    }

    @Nullable
    Finding finding() {
        return finding;
    }

    long now() {
        return clock.now();
    }

    /** Returns the time that the calling thread reads. */
    long time() {
        return scenario.time(clock.now());
    }

    Monitor monitor(Object of) {
        return monitors.computeIfAbsent(of, Monitor::new);
    }

    void started(SteppedThread thread) {
        threads.add(thread);
        thread.started = true;
    }

    /** Records the first turn of a thread. */
    void begins(SteppedThread thread) {
        ran(thread);
    }

    /**
     * Takes the fast path for a step before or after the operations, where no thread is chosen. Most steps of a run are
     * there.
     *
     * @return whether the step may be performed immediately; if not, it must be announced
     */
    boolean passes(SteppedThread self, Access.Kind kind) {
        if (branching || isOver || kind == Access.Kind.SPIN || steps >= limits.steps() || !self.buffer.isEmpty()) {
            return false;
        }
        steps++;
        self.steps++;
        if (kind == Access.Kind.WRITE) {
            changed(self);
        }
        return true;
    }

    /**
     * Announces the next step of the calling thread, and returns when the thread must perform it.
     *
     * @return whether the deadline passed before the condition held
     */
    boolean reach(
            SteppedThread self,
            Access access,
            @Nullable BooleanSupplier ready,
            long deadline,
            @Nullable Object waitsFor) {
        if (isOver) {
            throw new Abandoned();
        }
        if (!self.buffer.isEmpty() && (access.kind() == Access.Kind.WRITE || ready != null)) {
            drain(self, access.site());
        }
        if (branching && ready != null && !ready.getAsBoolean()) {
            scenario.beforeWait(access.site());
        }
        self.pending = access;
        self.ready = ready;
        self.deadline = deadline;
        self.waitsFor = waitsFor;
        self.timedOut = false;
        self.steps++;
        if (access.kind() == Access.Kind.SPIN) {
            clock.spin();
            self.yields = self.spin.hint();
        }
        if (++steps > limits.steps()) {
            fail(new Finding(Finding.Kind.ENDLESS, steps + " steps without an end" + waits(), null));
            throw new Abandoned();
        }
        if (branching && access.kind() == Access.Kind.WRITE) {
            judge(self);
        }
        boolean isNew = self.spin.isNew(access);
        SteppedThread next = next(self, isNew);
        if (next == null) {
            throw new Abandoned();
        }
        if (next != self) {
            next.hand();
            self.awaitTurn();
        }
        boolean timedOut = self.timedOut && (ready == null || !ready.getAsBoolean());
        ran(self);
        return timedOut;
    }

    private void ran(SteppedThread self) {
        self.ready = null;
        self.waitsFor = null;
        self.timedOut = false;
        self.deadline = SteppedThread.NEVER;
        self.yields = false;
        if (self.pending.kind() == Access.Kind.WRITE) {
            changed(self);
        }
        trace.executed(self, self.pending, branching);
        if (branching) {
            chooser.executed(this, self, self.pending);
        }
    }

    /** Called after a thread changed something, so that spinning threads check their conditions again. */
    private void changed(SteppedThread self) {
        for (SteppedThread other : threads) {
            if (other != self) {
                other.spin.changed();
                other.yields = false;
            }
        }
    }

    /** Empties the store buffer of the calling thread, in a separate step, so that other threads may run before it. */
    void drain(SteppedThread self, String site) {
        Access access = new Access(Access.Kind.NONE, self.buffer, -1, StoreBuffer.NAME, "drain", site);
        reach(self, access, null, SteppedThread.NEVER, null);
        self.buffer.drain();
    }

    /** Called when a store from a thread's buffer is performed. */
    void noteStore(SteppedThread owner, Access access) {
        changed(owner);
        if (branching) {
            chooser.executed(this, owner, access);
        }
    }

    private void judge(SteppedThread self) {
        self.quiet++;
        try {
            scenario.judgeStep();
        } catch (Throwable thrown) {
            fail(new Finding(Finding.Kind.THROWN, "before " + self.label() + ": " + thrown, thrown));
            throw new Abandoned();
        } finally {
            self.quiet--;
        }
    }

    /** Ends the calling thread. */
    void finish(SteppedThread self, @Nullable Throwable thrown) {
        if (isOver) {
            return;
        }
        self.finished = true;
        self.steps++;
        changed(self);
        if (thrown != null) {
            Throwable cause =
                    thrown instanceof UndeclaredException && thrown.getCause() != null ? thrown.getCause() : thrown;
            fail(new Finding(Finding.Kind.THROWN, self.getName() + " ends with " + cause, cause));
        } else if (self == threads.get(0)) {
            end();
        } else {
            SteppedThread next = next(self, true);
            if (next != null) {
                next.hand();
            }
        }
    }

    /** Chooses the next thread; returns null if the run is over. */
    private @Nullable SteppedThread next(SteppedThread from, boolean isNew) {
        if (from.isEnabled() && !from.yields && !(branching && chooser.mayPreempt(from))) {
            return from;
        }
        List<SteppedThread> options = options(from);
        while (options.isEmpty()) {
            if (!clock.leap(threads, limits.patienceNanos())) {
                fail(new Finding(Finding.Kind.STUCK, "no thread can run" + waits(), null));
                return null;
            }
            options = options(from);
        }
        SteppedThread byDefault = options.get(0);
        if (branching && options.size() == 1 && chooser.isRepetition(byDefault)) {
            isRepetition = true;
            end();
            return null;
        }
        if (options.size() == 1 || !branching || (!isNew && byDefault == from)) {
            if (byDefault == from && from.yields) {
                from.spin.goOn();
            }
            return byDefault;
        }
        boolean isPreemption = byDefault == from;
        SteppedThread chosen = chooser.choose(this, from, options, isPreemption);
        if (chosen == null) {
            isRepetition = true;
            end();
            return null;
        }
        if (chosen != byDefault) {
            trace.chose(from, chosen);
        }
        if (chosen == from && from.yields) {
            from.spin.goOn();
        }
        return chosen;
    }

    /**
     * Returns the threads that can run, the default first. The default is the running thread unless it gave a spin-wait
     * hint; otherwise it is the next thread in the order in which the threads were started. Threads that gave a hint
     * come last.
     */
    private List<SteppedThread> options(SteppedThread from) {
        List<SteppedThread> options = new ArrayList<>(threads.size());
        List<SteppedThread> yielding = new ArrayList<>(2);
        int first = threads.indexOf(from);
        for (int i = 0; i < threads.size(); i++) {
            SteppedThread thread = threads.get((first + i) % threads.size());
            if (thread.isEnabled()) {
                (thread.yields ? yielding : options).add(thread);
            }
        }
        if (options.isEmpty() || (yielding.size() == 1 && yielding.get(0) == from)) {
            options.addAll(yielding);
        }
        return options;
    }

    private String waits() {
        StringBuilder text = new StringBuilder();
        for (SteppedThread thread : threads) {
            if (!thread.finished) {
                text.append("\n    ").append(thread.waitText(clock.now()));
            }
        }
        return text.toString();
    }

    void fail(Finding found) {
        if (finding == null) {
            finding = found;
        }
        end();
    }

    private void end() {
        isOver = true;
        threads.forEach(SteppedThread::hand);
        over.countDown();
    }
}
