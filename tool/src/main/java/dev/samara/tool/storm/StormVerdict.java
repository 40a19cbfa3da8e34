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
public record StormVerdict(List<RuleResult> rules, List<String> facts) {
    /**
     * Returns the result as text.
     *
     * @return a line for each invariant, followed by the facts, and the events before a violation
     */
    public List<String> lines() {
        List<String> lines = new ArrayList<>();
        rules.forEach(rule -> lines.add(rule.line()));
        lines.addAll(facts);
        rules.forEach(rule -> rule.history().lines().forEach(line -> lines.add("    " + line)));
        return lines;
    }

    /**
     * Returns how many invariants held.
     *
     * @return the number
     */
    public int passed() {
        return count(RuleResult.PASSED);
    }

    /**
     * Returns how many invariants did not hold, or were never checked although the storm was not cut short.
     *
     * @return the number
     */
    public int failed() {
        return count(RuleResult.FAILED);
    }

    private int count(String status) {
        return (int) rules.stream().filter(rule -> rule.status().equals(status)).count();
    }
}
