// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

/**
 * The result of a rule at the end of a storm.
 *
 * @param rule the text of the rule
 * @param status {@code passed}, {@code failed}, or {@code open} if another rule was broken before this one was checked
 * @param checks the number of its checks
 * @param violations the number of checks that failed
 * @param line the result in one line, with the time, the seed and the description of the first violation
 * @param history the events before the first violation, in any number of lines; empty if none are known
 */
public record RuleResult(String rule, String status, long checks, long violations, String line, String history) {
    static final String PASSED = "passed";
    static final String FAILED = "failed";
    static final String OPEN = "open";
}
