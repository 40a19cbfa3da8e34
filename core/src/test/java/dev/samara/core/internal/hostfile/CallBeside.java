// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.fixture.Await;
import java.util.List;
import java.util.concurrent.FutureTask;
import java.util.function.LongSupplier;
import java.util.stream.Stream;

/** A call on a separate thread, concurrent with the calls of a test. */
final class CallBeside {
    private static final String CORE = "dev.samara.core.internal.";

    private final FutureTask<Long> task;
    private final Thread thread;

    private CallBeside(String name, LongSupplier call) {
        task = new FutureTask<>(call::getAsLong);
        thread = new Thread(task, name);
        thread.setDaemon(true);
    }

    /** Starts a call. */
    static CallBeside start(String name, LongSupplier call) {
        CallBeside started = new CallBeside(name, call);
        started.thread.start();
        return started;
    }

    /** Starts a call, and returns once the call waits for a lock or ended. */
    static CallBeside startUntilItWaits(String name, LongSupplier call) {
        CallBeside started = start(name, call);
        Await.until(
                name + " waits",
                () -> started.task.isDone() || started.thread.getState() == Thread.State.WAITING,
                started.thread);
        return started;
    }

    /**
     * Waits until the call waits in a method, or ended.
     *
     * @param of the method's class, by its name relative to the internal packages
     */
    void awaitIn(String of, String method) {
        Await.until(thread.getName() + " in " + method, () -> isOver() || isWaitingIn(of, method), thread);
    }

    private boolean isWaitingIn(String of, String method) {
        Thread.State state = thread.getState();
        return (state == Thread.State.WAITING || state == Thread.State.TIMED_WAITING)
                && Stream.of(thread.getStackTrace())
                        .anyMatch(frame -> frame.getClassName().equals(CORE + of)
                                && frame.getMethodName().equals(method));
    }

    boolean isOver() {
        return task.isDone();
    }

    /** Waits for the result of the call, which must not depend on blocked threads. */
    long result() {
        return Await.result(thread.getName(), task, List.of());
    }
}
