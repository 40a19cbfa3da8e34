// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import org.jspecify.annotations.Nullable;

/**
 * The result of a run that failed.
 *
 * @param kind the kind of failure
 * @param message the failure, for people, with the wait graph if threads wait
 * @param thrown the exception, if there was one
 */
public record Finding(Kind kind, String message, @Nullable Throwable thrown) {
    /** The kinds of failure. */
    public enum Kind {
        /** A thread ended with an exception, or a judgement failed. */
        THROWN,
        /** Every thread waits, or only a clock that leaps further than the scenario allows would wake one. */
        STUCK,
        /** More steps than the limit: threads spin, or poll, without end. */
        ENDLESS,
        /** A run did not repeat its prefix: the scenario depends on something outside of the scheduler. */
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
