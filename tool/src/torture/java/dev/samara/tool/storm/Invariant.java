// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import java.util.Locale;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/** One rule, the number of its checks, and its first violation. Thread-safe. */
final class Invariant {
    private final String rule;
    private final Course course;

    /**
     * Words: {@code checks}, {@code violations}, {@code first}.
     * Written: any thread (adder; {@code first} compare-and-set from null).
     * Read: any thread (sum, volatile).
     * Invariant: the number of checks of one rule, the number of violations, and one of the violations.
     */
    private final LongAdder checks = new LongAdder();

    private final LongAdder violations = new LongAdder();
    private final AtomicReference<@Nullable Violation> first = new AtomicReference<>();

    Invariant(String rule, Course course) {
        this.rule = rule;
        this.course = course;
    }

    /** The first violation: its time, its description in one line, and the events before it in any number of lines. */
    private record Violation(String when, String what, String history) {}

    void held() {
        checks.increment();
    }

    void held(long times) {
        checks.add(times);
    }

    /**
     * Counts a violation, and reports it to the course.
     *
     * @param how a description in the first line; its history in the following lines
     */
    void broken(String how) {
        checks.increment();
        violations.increment();
        if (first.get() == null) {
            int end = how.indexOf('\n');
            String what = end < 0 ? how : how.substring(0, end);
            first.compareAndSet(null, new Violation(course.now(), what, end < 0 ? "" : how.substring(end + 1)));
        }
        course.violated();
    }

    boolean isBroken() {
        return violations.sum() != 0;
    }

    boolean isChecked() {
        return checks.sum() != 0;
    }

    /** Returns whether the result is unknown, because another rule was broken before this one was checked. */
    boolean isOpen() {
        return checks.sum() == 0 && course.isBroken();
    }

    /** Returns whether the rule was checked and always held. A rule that was never checked has not passed. */
    boolean passed() {
        return violations.sum() == 0 && checks.sum() != 0;
    }

    /** Returns one line, with the time and the seed of the first violation. */
    String line() {
        Violation violation = first.get();
        if (violation == null) {
            String status = passed() ? "passed" : isOpen() ? "open" : "FAILED";
            return String.format(Locale.ROOT, "%-6s %s: %,d checks", status, rule, checks.sum());
        }
        return String.format(
                Locale.ROOT,
                "FAILED %s: %s: %s (%,d checks, %,d violations)",
                rule,
                violation.when(),
                violation.what(),
                checks.sum(),
                violations.sum());
    }

    /** Returns the events before the first violation; empty if none are known. */
    String history() {
        Violation violation = first.get();
        return violation == null ? "" : violation.history();
    }
}
