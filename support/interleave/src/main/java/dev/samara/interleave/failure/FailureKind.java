// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.failure;

import java.io.IOException;
import java.util.concurrent.RejectedExecutionException;

/** The kinds of failures. */
public enum FailureKind {
    /** An instruction or a call for which the heap has no memory. */
    ALLOCATION,
    /** A method entry beyond the end of the stack. */
    STACK,
    /** No frame is free. */
    FRAME,
    /** The frame store has no memory for more frames. */
    STORE,
    /** A thread cannot be started. */
    THREAD,
    /** An executor refuses a task. */
    TASK,
    /** A callback throws a RuntimeException. */
    CALLBACK_EXCEPTION,
    /** A callback throws an Error. */
    CALLBACK_ERROR,
    /** A callback throws a checked exception that it does not declare. */
    CALLBACK_CHECKED,
    /** A thread is interrupted before it waits. */
    INTERRUPT,
    /** From a reading on, the clock stands still. */
    CLOCK_STOPS,
    /** Before a reading, the clock leaps by an hour. */
    CLOCK_LEAPS;

    /** Returns whether a call of an embedder's code throws. */
    public boolean isCallback() {
        return this == CALLBACK_EXCEPTION || this == CALLBACK_ERROR || this == CALLBACK_CHECKED;
    }

    /** Returns whether it changes what a thread reads from its clock. */
    public boolean isClock() {
        return this == CLOCK_STOPS || this == CLOCK_LEAPS;
    }

    /** Returns whether a call that meets it may say that it lacks something. */
    public boolean mayRefuse() {
        return this != INTERRUPT && !isClock();
    }

    /** Returns whether a machine that meets it may report it, or a long wait. */
    public boolean mayReport() {
        return this != INTERRUPT && this != CLOCK_STOPS;
    }

    /** Makes what is thrown at a point. */
    Throwable failure(String site) {
        String text = "injected at " + site;
        return switch (this) {
            case ALLOCATION, THREAD -> new OutOfMemoryError(text);
            case STACK -> new StackOverflowError(text);
            case TASK -> new RejectedExecutionException(text);
            case CALLBACK_EXCEPTION -> new InjectedException(text);
            case CALLBACK_ERROR -> new InjectedError(text);
            case CALLBACK_CHECKED -> new IOException(text);
            case FRAME, STORE, INTERRUPT, CLOCK_STOPS, CLOCK_LEAPS ->
                throw new IllegalArgumentException(this + " is not thrown");
        };
    }

    private static final class InjectedException extends RuntimeException {
        private static final long serialVersionUID = 1;

        InjectedException(String text) {
            super(text);
        }
    }

    private static final class InjectedError extends Error {
        private static final long serialVersionUID = 1;

        InjectedError(String text) {
            super(text);
        }
    }
}
