// SPDX-License-Identifier: Apache-2.0
/**
 * Operations that meet failures, one in each run.
 *
 * <p>{@code FailureKinds} has the kinds of operations, and {@code FailureScene} what they work on. A {@code
 * FailureScenario} runs one or two of them, and judges three things: the callers were told the truth, the next
 * operations work, and nothing is left. {@code FailureSweep} makes a run for each place that can fail, with {@link
 * dev.samara.interleave.failure}. {@code FailureSweepTest} sweeps a share of the places, {@code Failures} all of
 * them. {@code FailurePlantedTest} shows that the judgement can fail.
 */
@NullMarked
package dev.samara.core.interleave.sweep;

import org.jspecify.annotations.NullMarked;
