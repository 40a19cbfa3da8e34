// SPDX-License-Identifier: Apache-2.0
/**
 * Two or three operations on one mapping, in many combinations.
 *
 * <p>{@code LayoutKinds}, {@code AccessKinds}, {@code FileKinds} and {@code ShmKinds} add the kinds of operations to
 * {@code PairKinds}. A {@code Combination} names some of them, the relation of their ranges, the ground, the spaces and
 * the CPUs; {@code PairScenario} runs the combination. {@code CoveringArray} chooses combinations in which any two
 * values occur together. {@code Pairs} explores them: {@code PairsTest} explores a share of the schedules, {@code
 * PairsRun} as many as the time permits. {@code LifetimeSets} names combinations with the strategies for LAZY CPUs.
 * {@code FoundSchedulesTest} contains the combinations that failed earlier.
 */
@NullMarked
package dev.samara.core.interleave.pair;

import org.jspecify.annotations.NullMarked;
