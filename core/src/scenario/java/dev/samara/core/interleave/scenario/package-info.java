// SPDX-License-Identifier: Apache-2.0
/**
 * Operations on one address space, whose interleavings are explored on the production classes.
 *
 * <p>A {@code SpaceScenario} contains operations on the {@code State} of one run. Their results, the layout and the
 * contents must be an outcome of some order of the operations ({@code Outcomes}). It determines these outcomes by
 * running the operations once in each order. {@code StandStill} checks translations between steps. {@code Ground} lists
 * the kinds of memory on which operations can work.
 *
 * <p>{@code SpaceScenariosTest} contains three introductory scenarios.
 */
@NullMarked
package dev.samara.core.interleave.scenario;

import org.jspecify.annotations.NullMarked;
