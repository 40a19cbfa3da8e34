// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/**
 * A step that another thread repeats beside the test. The constructor returns when the step has been made once, so the
 * test does not end before the thread has begun, and {@link #close} ends the thread.
 */
public final class RepeatedStep implements AutoCloseable {
    private final FutureTask<?> task;
    private volatile boolean isMade;
    private volatile boolean isClosed;

    /** Begins. */
    public RepeatedStep(String name, Runnable step) {
        task = new FutureTask<>(
                () -> {
                    while (!isClosed) {
                        step.run();
                        isMade = true;
                    }
                },
                null);
        Thread thread = new Thread(task, name);
        thread.setDaemon(true);
        thread.start();
        Await.until(name + ": the first step", () -> isMade || task.isDone(), thread);
    }

    /** Returns whether no step has failed. */
    public boolean goesOn() {
        return !task.isDone();
    }

    /** Waits for the end of the last step. What a step has thrown fails the test. */
    @Override
    public void close() {
        isClosed = true;
        try {
            task.get();
        } catch (ExecutionException failed) {
            throw new AssertionError("a step beside the test", failed.getCause());
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }
}
