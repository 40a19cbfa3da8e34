// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.storm;

import java.util.Locale;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/** One rule, how often it was checked, and what broke it first. For any thread. */
final class Invariant {
    private final String rule;
    private final LongAdder checks = new LongAdder();
    private final LongAdder violations = new LongAdder();
    private final AtomicReference<@Nullable String> first = new AtomicReference<>();

    Invariant(String rule) {
        this.rule = rule;
    }

    void held() {
        checks.increment();
    }

    void held(long times) {
        checks.add(times);
    }

    void broken(String how) {
        checks.increment();
        violations.increment();
        first.compareAndSet(null, how);
    }

    boolean isBroken() {
        return violations.sum() != 0;
    }

    /** A rule that was never checked has not held. */
    boolean passed() {
        return violations.sum() == 0 && checks.sum() != 0;
    }

    String line() {
        String how = first.get();
        return String.format(
                Locale.ROOT,
                "%s %s: %,d checks%s",
                passed() ? "passed" : "FAILED",
                rule,
                checks.sum(),
                how == null
                        ? ""
                        : String.format(Locale.ROOT, ", %,d violations, the first: %s", violations.sum(), how));
    }
}
