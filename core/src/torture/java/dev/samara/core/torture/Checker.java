// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/** Counts how often one rule was checked, and how often it was violated. Thread-safe. */
final class Checker {
    private final String rule;
    private final TortureRun run;
    private final LongAdder checks = new LongAdder();
    private final LongAdder violations = new LongAdder();
    private final AtomicReference<@Nullable Violation> first = new AtomicReference<>();

    /**
     * Creates a checker that has not checked anything yet.
     *
     * @param rule the invariant and a few words, as {@code I6 layout atomic}
     * @param run is notified of violations
     */
    Checker(String rule, TortureRun run) {
        this.rule = rule;
        this.run = run;
    }

    /** The first violation: its time, its description in one line, and further details in any number of lines. */
    private record Violation(String when, String what, String history) {}

    /** Counts a check. If the message is expensive to build, use {@link #violated} instead. */
    void check(boolean holds, String otherwise) {
        checks.increment();
        if (!holds) {
            violated(otherwise);
        }
    }

    /**
     * Counts a violation. The first violation is kept: its first line is the description, the other lines are the
     * history.
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

    /** Returns whether the rule was checked and always held. */
    boolean passed() {
        return checks.sum() > 0 && violations.sum() == 0;
    }

    boolean isChecked() {
        return checks.sum() > 0;
    }

    boolean isBroken() {
        return violations.sum() > 0;
    }

    /** Returns whether another rule was broken before this one was checked, so its state is unknown. */
    boolean isOpen() {
        return checks.sum() == 0 && violations.sum() == 0 && run.isBroken();
    }

    /** Returns one line for readers. */
    String line() {
        Violation violation = first.get();
        String counts = String.format(Locale.ROOT, "%d checks, %d violations", checks.sum(), violations.sum());
        if (violation != null) {
            return "FAILED " + rule + ": " + violation.when() + ": " + violation.what() + " (" + counts + ")";
        }
        return (passed() ? "passed " : isOpen() ? "open   " : "FAILED ") + rule + ": " + counts;
    }

    /** Returns the further details of the first violation, or an empty string. */
    String history() {
        Violation violation = first.get();
        return violation == null ? "" : violation.history();
    }

    /**
     * Prints the lines of all checkers, broken rules first, then the facts and histories, and finally the numbers of
     * passed and failed checkers.
     *
     * @return the number of checkers that failed
     */
    static int print(List<Checker> checkers, String facts, PrintStream out) {
        List<Checker> sorted = new ArrayList<>(checkers);
        // The sort is stable.
        sorted.sort(Comparator.comparing(checker -> !checker.isBroken()));
        sorted.forEach(checker -> out.println(checker.line()));
        if (!facts.isEmpty()) {
            out.println(facts);
        }
        sorted.forEach(checker -> checker.history().lines().forEach(line -> out.println("    " + line)));
        int passed = (int) sorted.stream().filter(Checker::passed).count();
        int open = (int) sorted.stream().filter(Checker::isOpen).count();
        int failed = sorted.size() - passed - open;
        out.println(passed + " passed, " + failed + " failed");
        return failed;
    }
}
