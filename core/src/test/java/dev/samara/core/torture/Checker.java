// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/** Counts how often one rule was checked, and how often it did not hold. Thread-safe. */
final class Checker {
    private final String rule;
    private final LongAdder checks = new LongAdder();
    private final LongAdder violations = new LongAdder();
    private final AtomicReference<@Nullable String> first = new AtomicReference<>();
    private final long since = System.nanoTime();

    /**
     * A checker that has checked nothing yet.
     *
     * @param rule the invariant and a few words, as {@code I6 layout atomic}
     */
    Checker(String rule) {
        this.rule = rule;
    }

    /** Counts a check. Put what is expensive to say into {@link #violated}. */
    void check(boolean holds, String otherwise) {
        checks.increment();
        if (!holds) {
            violated(otherwise);
        }
    }

    /** Counts a violation; the first one is kept to be told. */
    void violated(String how) {
        violations.increment();
        if (first.get() == null) {
            long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - since);
            first.compareAndSet(null, "after " + millis + " ms: " + how);
        }
    }

    /** Whether it has checked something, and it always held. */
    boolean passed() {
        return checks.sum() > 0 && violations.sum() == 0;
    }

    /** One line for people, the first violation behind it. */
    String line() {
        String counts =
                String.format(Locale.ROOT, "%s: %d checks, %d violations", rule, checks.sum(), violations.sum());
        String how = first.get();
        return how == null ? counts : counts + ", the first " + how;
    }
}
