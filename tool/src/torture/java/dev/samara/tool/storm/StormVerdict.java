// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import java.util.ArrayList;
import java.util.List;

/**
 * The result of a storm.
 *
 * @param rules the invariants, broken invariants first
 * @param facts other measurements, one line each
 */
record StormVerdict(List<Invariant> rules, List<String> facts) {
    /** Returns a line for each invariant, followed by the facts, and the events before a violation. */
    List<String> lines() {
        List<String> lines = new ArrayList<>();
        rules.forEach(rule -> lines.add(rule.line()));
        lines.addAll(facts);
        rules.forEach(rule -> rule.history().lines().forEach(line -> lines.add("    " + line)));
        return lines;
    }

    int passed() {
        return (int) rules.stream().filter(Invariant::passed).count();
    }

    /** Returns how many invariants did not hold, or were never checked although the storm was not cut short. */
    int failed() {
        return (int)
                rules.stream().filter(rule -> !rule.passed() && !rule.isOpen()).count();
    }
}
