// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.torture;

import java.util.Locale;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * Counts how often one rule was checked, how often beside an edit that could break it, and how often it did not hold.
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
     * A checker that has checked nothing yet.
     *
     * @param rule the guarantee and a few words, as {@code B.1 a snapshot held does not change}
     * @param run told of violations
     * @param leastChecks fewer prove nothing
     * @param leastOverlaps fewer checks beside an edit prove nothing; 0 where a check cannot tell
     */
    Checker(String rule, TortureRun run, long leastChecks, long leastOverlaps) {
        this.rule = rule;
        this.run = run;
        this.leastChecks = leastChecks;
        this.leastOverlaps = leastOverlaps;
    }

    /** Counts a check. A message that is expensive to make belongs into {@link #violated}. */
    void check(boolean holds, String otherwise) {
        checks.increment();
        if (!holds) {
            violated(otherwise);
        }
    }

    /** Says that a check counted already was made beside an edit. */
    void overlapped() {
        overlaps.increment();
    }

    /**
     * The first violation: its time, its description in one line, and further details in any number of lines.
     */
    private record Violation(String when, String what, String history) {}

    /**
     * Counts a violation. The first one is kept: its first line describes it, the lines behind it are the history.
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

    /** Returns whether it has held, but was not checked enough since another rule was broken before. */
    boolean isOpen() {
        return !isBroken() && !enough() && run.isBroken();
    }

    /** Whether it has checked enough, and it always held. */
    boolean passed() {
        return enough() && violations.sum() == 0;
    }

    /** Whether it has checked enough. */
    boolean enough() {
        return checks.sum() >= leastChecks && overlaps.sum() >= leastOverlaps;
    }

    /** Returns one line for people. */
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
