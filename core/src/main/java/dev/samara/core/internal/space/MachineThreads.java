// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.event.Report;
import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.sync.Background;
import dev.samara.core.internal.sync.Gate.WaitReporter;
import dev.samara.core.internal.sync.Housekeeping;
import dev.samara.core.internal.sync.MachineTasks;
import dev.samara.core.internal.sync.Rcu.NoWaiting;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The threads of one machine, its own and those that the embedder lends: what they run, which threads may wait for
 * them, and the reports of failures that they cannot return to a caller. An exception from the embedder's reporter goes
 * to {@link Background#reportUncaught}. Thread-safe.
 */
public final class MachineThreads {
    /**
     * Reports long waits to the reporter of a machine. Its {@code toString} returns the waiting call or its subject,
     * for messages.
     */
    public interface MachineWaitReporter extends WaitReporter {
        /** Returns the threads of the machine, which report long waits. */
        MachineThreads threads();

        @Override
        default long reportAfterNanos() {
            return threads().longWaitNanos;
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

    private final Consumer<? super Report> reporter;

    /**
     * Whether accesses outside GUEST were reported, which is done once.
     *
     * <p>Written: a thread whose CPU made many accesses outside GUEST (get-and-set).
     * Read: not at all.
     * Invariant: never reset; one thread of the machine sends the report.
     */
    private final AtomicBoolean hasReportedOutside = new AtomicBoolean();

    private final long longWaitNanos;
    /** The machine's own threads, on which a task that hangs delays no other task. */
    public final Background background =
            new Background(thrown -> report(Report.Kind.CALLBACK_FAILED, "a task in the background", thrown));
    /** The executor of tasks that may block: the embedder's, or the machine's own threads. */
    public final MachineTasks tasks;
    /** The list of calls that continue after a CPU, a copy, a grace period or a pause. */
    public final Housekeeping housekeeping;

    /**
     * Creates the threads, which are started when there is work.
     *
     * @param reporter receives reports that no caller can receive
     * @param longWaitNanos the time after which a wait is reported
     * @param executor runs the tasks that may block, or null for threads of the machine
     * @param idle how the housekeeping thread idles; null for the default
     * @param isInvoked whether the embedder runs the steps of the housekeeping
     */
    public MachineThreads(
            Consumer<? super Report> reporter,
            long longWaitNanos,
            @Nullable Executor executor,
            @Nullable IntConsumer idle,
            boolean isInvoked) {
        this.reporter = reporter;
        this.longWaitNanos = longWaitNanos;
        tasks = new MachineTasks(background, executor, isInvoked, idle);
        housekeeping = tasks.housekeeping;
    }

    /** Starts the steps, and a thread for the tasks, if an Error prevented that before. */
    void attendAgain() {
        background.attendAgain();
        housekeeping.attendAgain();
    }

    /**
     * Waits until the machine has no task and no waiting call. Runs the steps of the housekeeping if they are invoked.
     *
     * @throws InterruptedException if the thread is interrupted while it waits
     * @throws IllegalStateException if the caller is a thread of the machine, or, on any thread, a callback of a
     *     retirement or code that a housekeeping step calls to check whether a call can continue
     */
    public void awaitQuiescence() throws InterruptedException {
        checkMayWaitForTasks("a wait for quiescence");
        attendAgain();
        if (!housekeeping.isInvoked()) {
            tasks.awaitQuiescence();
            return;
        }
        tasks.checkNoTask();
        while (!isQuiet()) {
            if (Thread.interrupted()) {
                throw new InterruptedException();
            }
            if (!housekeeping.step()) {
                LockSupport.parkNanos(this, Housekeeping.INVOKING_PAUSE);
            }
        }
    }

    /**
     * Reads the housekeeping twice, because a call that another thread takes in between may run without being counted
     * as a task.
     */
    private boolean isQuiet() {
        long taken = housekeeping.takenIfIdle();
        return taken >= 0 && tasks.isQuiet() && housekeeping.takenIfIdle() == taken;
    }

    /**
     * Checks that no task of the machine may have to wait for this thread.
     *
     * @param what the wait for tasks, for messages
     * @throws IllegalStateException if this thread runs a callback of a retirement, or of a step that polls waiting
     *     calls
     */
    public void checkMayWaitForTasks(String what) {
        InFlightOperation inside = InFlightOperation.retiring();
        if (inside != null) {
            throw new IllegalStateException(what + " was called by the retirement of " + inside
                    + ", and would have to wait for threads of the machine, which may wait for that operation");
        }
        housekeeping.checkNotAsking(what);
    }

    /**
     * Returns whether the calling thread may wait for operations, CPUs and grace periods. It may not if another thread
     * may have to wait for the calling thread, because of its CPU in GUEST, its reader section or its callback.
     */
    boolean mayWaitHere() {
        return ThreadCpus.mayWait()
                && InFlightOperation.retiring() == null
                && !housekeeping.isAskedHere()
                && !NoWaiting.isEntered();
    }

    /**
     * Returns whether an operation may be unable to continue while this thread waits. That is so if this thread runs a
     * task of the embedder's executor, which may have no other thread, and runs no housekeeping steps while it waits.
     */
    boolean isNeededHere() {
        return tasks.isGivenHere() && !housekeeping.isSteppedHere();
    }

    /** Returns the housekeeping if this thread must run its steps while it waits; null otherwise. */
    public @Nullable Housekeeping invoked() {
        return housekeeping.isSteppedHere() ? housekeeping : null;
    }

    /**
     * Requests that a thread of the machine continue a call. If there is no memory for a task, the call is added to the
     * waiting calls.
     */
    public void submit(Housekeeping.Waiter call) {
        try {
            tasks.execute(call);
        } catch (OutOfMemoryError exhausted) {
            housekeeping.add(call);
        }
    }

    /**
     * Calls the reporter. Caller must hold no lock of a layout.
     *
     * @param kind the kind of the report
     * @param message the event
     * @param cause the exception, or null
     */
    void report(Report.Kind kind, String message, @Nullable Throwable cause) {
        try {
            report(new Report(kind, message, cause));
        } catch (Throwable thrown) {
            Background.reportUncaught(thrown);
        }
    }

    /** Calls the reporter, and allocates nothing itself. Caller must hold no lock of a layout. */
    void report(Report made) {
        try {
            reporter.accept(made);
        } catch (Throwable thrown) {
            Background.reportUncaught(thrown);
        }
    }

    private void reportLongWait(String waiting, Object blocker, Thread waiter, long nanos) {
        // The waiter may be waiting for work that this starts.
        attendAgain();
        report(
                Report.Kind.LONG_WAIT,
                waiting + " on thread " + waiter.getName() + " waited " + TimeUnit.NANOSECONDS.toMillis(nanos)
                        + " ms for " + blocker,
                null);
    }

    /** Reports that the calling thread makes its accesses outside GUEST, unless such a thread was reported before. */
    public void reportOutsideGuest(String cpu, int accesses) {
        if (hasReportedOutside.getAndSet(true)) {
            return;
        }
        Thread thread = Thread.currentThread();
        report(
                Report.Kind.ACCESSES_OUTSIDE_GUEST,
                String.format(
                        Locale.ROOT,
                        "%s of thread %s has made %,d loads and stores outside GUEST, one by one: it has to enter GUEST"
                                + " first; its thread is at%s",
                        cpu,
                        thread.getName(),
                        accesses,
                        Arrays.stream(thread.getStackTrace())
                                .map(line -> System.lineSeparator() + "    " + line)
                                .collect(Collectors.joining())),
                null);
    }
}
