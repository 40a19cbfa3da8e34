// SPDX-License-Identifier: Apache-2.0
/**
 * Operations with injected failures, one failure per run.
 *
 * <p>{@code FailureKinds} contains the kinds of operations, and {@code FailureScene} contains their objects. A {@code
 * FailureScenario} runs one or more operations, and checks three things: the results are true, the next operations
 * work, and nothing is left. {@code FailureSweep} runs a scenario once for each point that can fail, with {@link
 * dev.samara.interleave.failure}. {@code FailureSweepTest} sweeps a share of the points, {@code Failures} all of them.
 * {@code FailureFinder} searches for mutants, which shows that the checks can fail.
 */
@NullMarked
package dev.samara.core.interleave.sweep;

import org.jspecify.annotations.NullMarked;
