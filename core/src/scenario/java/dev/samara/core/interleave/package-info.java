// SPDX-License-Identifier: Apache-2.0
/**
 * Operations on an address space under the scheduler of the module {@code interleave}: every interleaving, every
 * failure. {@code docs/interleavings.md} describes what is explored, with the figures. The packages, each of which
 * imports only those above it:
 *
 * <ul>
 *   <li>{@link dev.samara.core.interleave.scenario} has operations on one address space, and judges them.
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
