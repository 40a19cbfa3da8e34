// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.failure;

import java.io.IOException;
import java.util.concurrent.RejectedExecutionException;

/** The kinds of failures. */
public enum FailureKind {
    /** An instruction or a call finds no free memory in the heap. */
    ALLOCATION,
    /** A method entry overflows the stack. */
    STACK,
    /** No frame is free. */
    FRAME,
    /** The frame store has no memory for more frames. */
    STORE,
    /** A thread cannot be started. */
    THREAD,
    /** An executor rejects a task. */
    TASK,
    /** A callback throws a RuntimeException. */
    CALLBACK_EXCEPTION,
    /** A callback throws an Error. */
    CALLBACK_ERROR,
    /** A callback throws a checked exception that it does not declare. */
    CALLBACK_CHECKED,
    /** A thread is interrupted before it waits. */
    INTERRUPT,
    /** The clock stops at a reading. */
    CLOCK_STOPS,
    /** The clock leaps forward by an hour before a reading. */
    CLOCK_LEAPS;

    /** Returns whether a call to the embedder's code throws. */
    public boolean isCallback() {
        return this == CALLBACK_EXCEPTION || this == CALLBACK_ERROR || this == CALLBACK_CHECKED;
    }

    /** Returns whether the failure changes the times that threads read from the clock. */
    public boolean isClock() {
        return this == CLOCK_STOPS || this == CLOCK_LEAPS;
    }

    /** Returns whether a call that this failure affects may return an error, e.g. {@code ENOMEM}. */
    public boolean mayRefuse() {
        return this != INTERRUPT && !isClock();
    }

    /** Returns whether a machine that this failure affects may report the failure, or a long wait. */
    public boolean mayReport() {
        return this != INTERRUPT && this != CLOCK_STOPS;
    }

    /** Creates the exception or error to throw at a site. */
    Throwable failure(String site) {
        String text = "injected at " + site;
        return switch (this) {
            case ALLOCATION, THREAD -> new OutOfMemoryError(text);
            case STACK -> new StackOverflowError(text);
            case TASK -> new RejectedExecutionException(text);
            case CALLBACK_EXCEPTION -> new InjectedException(text);
            case CALLBACK_ERROR -> new InjectedError(text);
            case CALLBACK_CHECKED -> new IOException("Input/output error", new IllegalStateException(text));
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
