// SPDX-License-Identifier: Apache-2.0
/**
 * Operations on one address space, whose interleavings are explored on the production classes.
 *
 * <p>{@code SpaceScenario} has operations on the {@code State} of one run. Their results, the layout and the contents
 * must be those of some order of the operations ({@code Outcomes}), which it finds by running all orders once. {@code
 * StandStill} judges translations between steps. {@code Ground} has the kinds of memory on which operations can work.
 *
 * <p>{@code SpaceScenariosTest} has three scenarios to begin with.
 */
@NullMarked
package dev.samara.core.interleave.scenario;

import org.jspecify.annotations.NullMarked;
