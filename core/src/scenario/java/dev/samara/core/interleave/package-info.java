// SPDX-License-Identifier: Apache-2.0
/**
 * Operations on an address space under the scheduler of the module {@code interleave}, with every interleaving and
 * every failure. {@code docs/interleavings.md} describes what is explored, with figures. The packages, each of which
 * imports only the packages above it:
 *
 * <ul>
 *   <li>{@link dev.samara.core.interleave.scenario} contains operations on one address space, and checks their results.
 *   <li>{@link dev.samara.core.interleave.pair} combines two or three operations, and explores the combinations.
 *   <li>{@link dev.samara.core.interleave.planted} plants mutants in the production classes, and searches for each
 *       mutant.
 *   <li>{@link dev.samara.core.interleave.sweep} injects a failure at each failure point that an operation reaches. It
 *       uses neither {@code pair} nor {@code planted}.
 *   <li>{@link dev.samara.core.interleave.profile} runs the last three packages for a given time.
 * </ul>
 */
@NullMarked
package dev.samara.core.interleave;

import org.jspecify.annotations.NullMarked;
