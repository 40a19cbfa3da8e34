// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

/**
 * A rule at the end of a storm.
 *
 * @param rule what it says
 * @param status {@code passed}, {@code failed}, or {@code open} if it was not checked before another one was broken
 * @param checks the number of its checks
 * @param violations the number of these that it did not pass
 * @param line all of this in a line, with the time, the seed and the description of the first violation
 * @param history the events before the first violation, in any number of lines; empty if none are known
 */
public record RuleResult(String rule, String status, long checks, long violations, String line, String history) {
    static final String PASSED = "passed";
    static final String FAILED = "failed";
    static final String OPEN = "open";
}
