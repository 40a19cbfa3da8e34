// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A thread of a run. Instrumented code extends and instantiates this class in the place of {@link Thread}; the {@code
 * run} methods of its subclasses are renamed to {@link #body}. It runs only while the scheduler lets it.
 *
 * <p>All fields are accessed by the running thread of the run alone. The hand-over of {@link #go} orders the accesses.
 */
@SuppressWarnings("this-escape") // the setters of Thread, which no subclass in a run overrides
public class SteppedThread extends Thread {
    static final long NEVER = Long.MAX_VALUE;

    private final Run run;
    private final long number;
    private volatile boolean go;

    /** The step that this thread makes when it runs next. */
    Access pending = new Access(Access.Kind.NONE, null, -1, "", "begin", "thread");

    /** Whether the pending step can be made; null if it always can. */
    @Nullable
    BooleanSupplier ready;

    /** Names the threads or the object that this thread waits for. */
    @Nullable
    Object waitsFor;

    /** The virtual time at which a blocked step ends without its condition. */
    long deadline = NEVER;

    boolean started;
    boolean finished;
    boolean timedOut;

    /** The number of steps of this thread, the pending one included. */
    int steps;

    /** Whether the pending step is a spin-wait hint, and no other thread has changed anything since. */
    boolean yields;

    final Spin spin = new Spin();

    /** Stays empty in code that is not instrumented for store buffers. */
    final StoreBuffer buffer = new StoreBuffer(this);

    boolean permit;
    boolean interrupted;

    /** Greater than 0 while this thread makes no steps: in class initialization, and while it judges. */
    int quiet;

    /** The place of the next lock operation. */
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

    /** The library passes what a callback throws to this handler, also the end of the run if the callback met it. */
    private static void uncaught(Thread thread, Throwable thrown) {
        if (!(thrown instanceof Abandoned)) {
            thread.getThreadGroup().uncaughtException(thread, thrown);
        }
    }

    /** Returns the number of this thread in its run: code that chooses a word by it chooses that in each run. */
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
            // The run is over: nothing is left to do.
            return;
        }
    }

    /** Code that is abandoned may throw another exception on its way out, and finish after the end of the run. */
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

    /** The code of this thread: the {@code run} method of instrumented subclasses. */
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

    /** Returns the pending step and what it waits for, as text. */
    final String waitText(long now) {
        return getName() + ": " + pending
                + (waitsFor == null ? "" : ", waits for " + waitsFor)
                + (deadline == NEVER ? "" : ", for " + (deadline - now) / 1_000 + " µs");
    }

    final String label() {
        return getName() + ':' + steps;
    }
}
