// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.torture;

import java.util.Locale;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/** Counts how often one rule was checked, how often beside an edit that could break it, and how often it did not hold. */
final class Checker {
    private final String rule;
    private final long leastChecks;
    private final long leastOverlaps;
    private final LongAdder checks = new LongAdder();
    private final LongAdder overlaps = new LongAdder();
    private final LongAdder violations = new LongAdder();
    private final AtomicReference<@Nullable String> first = new AtomicReference<>();

    /**
     * A checker that has checked nothing yet.
     *
     * @param rule the guarantee and a few words, as {@code B.1 a snapshot held does not change}
     * @param leastChecks fewer prove nothing
     * @param leastOverlaps fewer checks beside an edit prove nothing; 0 where a check cannot tell
     */
    Checker(String rule, long leastChecks, long leastOverlaps) {
        this.rule = rule;
        this.leastChecks = leastChecks;
        this.leastOverlaps = leastOverlaps;
    }

    /** Counts a check. Put what is expensive to say into {@link #violated}. */
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

    /** Counts a violation; the first one is kept to be told. */
    void violated(String how) {
        violations.increment();
        first.compareAndSet(null, how);
    }

    /** Whether it has checked enough, and it always held. */
    boolean passed() {
        return enough() && violations.sum() == 0;
    }

    private boolean enough() {
        return checks.sum() >= leastChecks && overlaps.sum() >= leastOverlaps;
    }

    /** One line for people, the first violation behind it. */
    String line() {
        StringBuilder line = new StringBuilder(
                String.format(Locale.ROOT, "%s: %d checks, %d violations", rule, checks.sum(), violations.sum()));
        if (overlaps.sum() > 0 || leastOverlaps > 0) {
            line.append(", ").append(overlaps.sum()).append(" beside an edit");
        }
        if (!enough()) {
            line.append(", too few");
        }
        String how = first.get();
        return how == null
                ? line.toString()
                : line.append(", the first: ").append(how).toString();
    }
}
