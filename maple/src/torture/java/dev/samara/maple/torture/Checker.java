// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.torture;

import java.util.Locale;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * Counts how often one rule was checked, how often concurrently with an edit that could violate it, and how often it
 * was violated.
 */
final class Checker {
    private final String rule;
    private final TortureRun run;
    private final long leastChecks;
    private final long leastOverlaps;
    private final LongAdder checks = new LongAdder();
    private final LongAdder overlaps = new LongAdder();
    private final LongAdder violations = new LongAdder();
    private final AtomicReference<@Nullable Violation> first = new AtomicReference<>();

    /**
     * Creates a checker that has not checked anything yet.
     *
     * @param rule the guarantee and a few words, e.g. {@code B.1 a snapshot held does not change}
     * @param run notified of violations
     * @param leastChecks the minimum number of checks that is significant
     * @param leastOverlaps the minimum number of checks concurrent with an edit that is significant; 0 if checks cannot
     *     detect concurrent edits
     */
    Checker(String rule, TortureRun run, long leastChecks, long leastOverlaps) {
        this.rule = rule;
        this.run = run;
        this.leastChecks = leastChecks;
        this.leastOverlaps = leastOverlaps;
    }

    /** Counts a check. A caller whose message is expensive to create should pass it to {@link #violated} instead. */
    void check(boolean holds, String otherwise) {
        checks.increment();
        if (!holds) {
            violated(otherwise);
        }
    }

    /** Records that a check, which was counted already, ran concurrently with an edit. */
    void overlapped() {
        overlaps.increment();
    }

    /** The first violation: its time, its description in one line, and further details in any number of lines. */
    private record Violation(String when, String what, String history) {}

    /**
     * Counts a violation. The first violation is stored: its first line is the description, and all further lines are
     * the history.
     */
    void violated(String how) {
        violations.increment();
        if (first.get() == null) {
            int end = how.indexOf('\n');
            first.compareAndSet(
                    null,
                    new Violation(
                            run.now(), end < 0 ? how : how.substring(0, end), end < 0 ? "" : how.substring(end + 1)));
        }
        run.violated();
    }

    boolean isBroken() {
        return violations.sum() > 0;
    }

    /**
     * Returns whether the rule held so far, but was not checked enough because the run ended early with a violation of
     * another rule.
     */
    boolean isOpen() {
        return !isBroken() && !enough() && run.isBroken();
    }

    /** Returns whether the rule was checked enough, and always held. */
    boolean passed() {
        return enough() && violations.sum() == 0;
    }

    /** Returns whether the rule was checked enough. */
    boolean enough() {
        return checks.sum() >= leastChecks && overlaps.sum() >= leastOverlaps;
    }

    /** Returns a human-readable line. */
    String line() {
        Violation violation = first.get();
        StringBuilder line = new StringBuilder(
                        violation != null ? "FAILED " : passed() ? "passed " : isOpen() ? "open   " : "FAILED ")
                .append(rule)
                .append(": ");
        if (violation != null) {
            line.append(violation.when()).append(": ").append(violation.what()).append(" (");
        }
        line.append(String.format(Locale.ROOT, "%d checks, %d violations", checks.sum(), violations.sum()));
        if (overlaps.sum() > 0 || leastOverlaps > 0) {
            line.append(", ").append(overlaps.sum()).append(" beside an edit");
        }
        if (!enough()) {
            line.append(", too few");
        }
        return line.append(violation == null ? "" : ")").toString();
    }

    /** Returns the further details of the first violation, or an empty string. */
    String history() {
        Violation violation = first.get();
        return violation == null ? "" : violation.history();
    }
}
