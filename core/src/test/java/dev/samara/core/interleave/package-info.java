// SPDX-License-Identifier: Apache-2.0
/**
 * The production classes under a scheduler: every interleaving, every failure.
 *
 * <p>Random tests run for hours without meeting a bug that needs two threads stopped at the right lines. Here a
 * scheduler stops them at every line that matters. {@code docs/interleavings.md} describes what is explored, and has
 * the figures. The packages, each of which imports only those above it:
 *
 * <ul>
 *   <li>{@link dev.samara.core.interleave.schedule} chooses the thread that makes the next step.
 *   <li>{@link dev.samara.core.interleave.failure} counts the places that may fail, and makes one of them fail.
 *   <li>{@link dev.samara.core.interleave.instrument} makes the production classes ask both.
 *   <li>{@link dev.samara.core.interleave.scenario} has operations on one address space, and judges them.
 *   <li>{@link dev.samara.core.interleave.tree} has a writer and a reader of the range tree alone.
 *   <li>{@link dev.samara.core.interleave.pair} combines two or three operations, and explores the combinations.
 *   <li>{@link dev.samara.core.interleave.planted} plants breaks in the production classes, and looks for each of them.
 *   <li>{@link dev.samara.core.interleave.sweep} makes each place that an operation reaches fail. It uses neither
 *       {@code pair} nor {@code planted}.
 *   <li>{@link dev.samara.core.interleave.profile} runs the last three for a time.
 * </ul>
 */
@NullMarked
package dev.samara.core.interleave;

import org.jspecify.annotations.NullMarked;
