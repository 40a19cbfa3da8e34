// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A thread of a run. Instrumented code extends and instantiates this class instead of {@link Thread}; the {@code run}
 * methods of its subclasses are renamed to {@link #body}. It runs only while the scheduler permits it.
 *
 * <p>Only the run's running thread accesses the fields. The hand-over through {@link #go} orders the accesses.
 */
@SuppressWarnings("this-escape") // Thread's setters, which no subclass in a run overrides
public class SteppedThread extends Thread {
    static final long NEVER = Long.MAX_VALUE;

    private final Run run;
    private final long number;
    private volatile boolean go;

    /** The step that this thread performs when it runs next. */
    Access pending = new Access(Access.Kind.NONE, null, -1, "", "begin", "thread");

    /** Returns whether the pending step can be performed; null if it always can. */
    @Nullable
    BooleanSupplier ready;

    /** Names the threads or the object for which this thread waits. */
    @Nullable
    Object waitsFor;

    /** The virtual time at which a blocked step ends even if its condition does not hold. */
    long deadline = NEVER;

    boolean started;
    boolean finished;
    boolean timedOut;

    /** The number of steps of this thread, including the pending one. */
    int steps;

    /** Whether the pending step is a spin-wait hint, and no other thread changed anything after it. */
    boolean yields;

    final Spin spin = new Spin();

    /** The store buffer, which stays empty in code that is not instrumented for store buffers. */
    final StoreBuffer buffer = new StoreBuffer(this);

    boolean permit;
    boolean interrupted;

    /**
     * Greater than 0 while this thread announces no steps: during class initialization, and while the scenario checks
     * the state.
     */
    int quiet;

    /** The site of the next lock operation. */
    String site = "?";

    public SteppedThread() {
        this(Run.current(), null, null);
    }

    public SteppedThread(@Nullable Runnable task) {
        this(Run.current(), task, null);
    }

    public SteppedThread(@Nullable String name) {
        this(Run.current(), null, name);
    }

    public SteppedThread(@Nullable Runnable task, @Nullable String name) {
        this(Run.current(), task, name);
    }

    public SteppedThread(@Nullable ThreadGroup group, @Nullable Runnable task, @Nullable String name) {
        this(Run.current(), task, name);
    }

    public SteppedThread(
            @Nullable ThreadGroup group,
            @Nullable Runnable task,
            @Nullable String name,
            long stackSize,
            boolean inheritThreadLocals) {
        this(Run.current(), task, name);
    }

    SteppedThread(Run run, @Nullable Runnable task, @Nullable String name) {
        super(null, task, name == null ? run.nextName() : name, 0, false);
        this.run = run;
        number = run.nextNumber();
        setDaemon(true);
        setUncaughtExceptionHandler(SteppedThread::uncaught);
    }

    /** The library passes exceptions of callbacks to this handler, including the one that ends the threads of a run. */
    private static void uncaught(Thread thread, Throwable thrown) {
        if (!(thrown instanceof Abandoned)) {
            thread.getThreadGroup().uncaughtException(thread, thrown);
        }
    }

    /**
     * Returns the number of this thread in its run, so that code that chooses a word by thread ID chooses the same word
     * in each run.
     */
    @Override
    public final long getId() {
        return number;
    }

    final Run run0() {
        return run;
    }

    @Override
    public synchronized void start() {
        run.started(this);
        super.start();
    }

    @Override
    public final void run() {
        try {
            runAndFinish();
        } catch (Abandoned over) {
            // The run is over, so nothing is left to do.
            return;
        }
    }

    /**
     * Runs the body, and ends the thread. While abandoned code unwinds, it may throw a different exception, so it may
     * finish here after the end of the run.
     */
    private void runAndFinish() {
        Throwable failure = null;
        try {
            awaitTurn();
            run.begins(this);
            body();
        } catch (Abandoned over) {
            throw over;
        } catch (Throwable thrown) {
            failure = thrown;
        }
        run.finish(this, failure);
    }

    /** Runs the code of this thread, i.e. the {@code run} method of instrumented subclasses. */
    protected void body() {
        super.run();
    }

    /** Waits until another thread hands over to this one. */
    final void awaitTurn() {
        while (!go) {
            LockSupport.park();
        }
        go = false;
        if (run.isOver()) {
            throw new Abandoned();
        }
    }

    final void hand() {
        go = true;
        LockSupport.unpark(this);
    }

    final boolean isEnabled() {
        return started && !finished && (timedOut || ready == null || ready.getAsBoolean());
    }

    /** Returns a description of the pending step and of what it waits for. */
    final String waitText(long now) {
        return getName() + ": " + pending
                + (waitsFor == null ? "" : ", waits for " + waitsFor)
                + (deadline == NEVER ? "" : ", for " + (deadline - now) / 1_000 + " µs");
    }

    final String label() {
        return getName() + ':' + steps;
    }
}
