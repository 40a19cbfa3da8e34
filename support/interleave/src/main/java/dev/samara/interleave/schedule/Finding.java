// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import org.jspecify.annotations.Nullable;

/**
 * The result of a run that failed.
 *
 * @param kind the kind of failure
 * @param message the description of the failure, with the wait graph if threads wait
 * @param thrown the exception, or null if there was none
 */
public record Finding(Kind kind, String message, @Nullable Throwable thrown) {
    /** The kinds of failure. */
    public enum Kind {
        /** A thread ended with an exception, or a judge method of the scenario threw one. */
        THROWN,
        /** Every thread waits. The clock could only wake one by leaping further than the scenario allows. */
        STUCK,
        /** The run exceeded the limit of steps: threads spin or poll without end. */
        ENDLESS,
        /**
         * A run did not repeat its prefix, so the scenario depends on something that the scheduler does not control.
         */
        NOT_DETERMINISTIC
    }

    boolean isLike(Finding other) {
        return kind == other.kind
                && (thrown == null) == (other.thrown == null)
                && (thrown == null || other.thrown == null || thrown.getClass() == other.thrown.getClass());
    }

    @Override
    public String toString() {
        return kind + ": " + message;
    }
}
