// SPDX-License-Identifier: Apache-2.0
/**
 * Scenarios whose interleavings are explored on the production classes.
 *
 * <p>Random tests run for hours without meeting a bug that needs two threads stopped at the right lines. Here a
 * scheduler stops them at every line that matters: {@link dev.samara.core.interleave.schedule} chooses, and {@link
 * dev.samara.core.interleave.instrument} makes the production classes ask it.
 *
 * <p>A test names a scenario class. {@code SteppedScenarios} loads it by the instrumenting class loader, where it is
 * another class of that name. Its objects meet the test only as a {@link
 * dev.samara.core.interleave.schedule.Scenario}.
 *
 * <p>{@code SpaceScenario} has operations on one address space. Their results, the layout and the contents must be
 * those of some order of the operations ({@code Outcomes}), which it finds by running all orders once. {@code
 * StandStill} judges translations between steps. There are three families of scenarios:
 *
 * <ul>
 *   <li>{@code PairScenario} combines two or three operations, of the kinds of {@code PairKinds}, on a {@code Ground}.
 *       {@code CoveringArray} chooses the combinations, and {@code Pairs} explores them.
 *   <li>{@code Calls} and the classes {@code ...Scenarios} each look for one planted break. {@code PlantedBreaks} goes
 *       through the lists of breaks. {@code Remains} judges what is still reachable at the end.
 *   <li>{@code FailureScenario} has the operations of {@code FailureKinds}. {@code FailureSweep} makes each point of
 *       one of them fail, with {@link dev.samara.core.interleave.failure}.
 * </ul>
 *
 * <p>{@code ToyScenariosTest} and {@code StoreBufferTest} test the scheduler itself: it finds each break of a few
 * lines, and nothing else.
 */
@NullMarked
package dev.samara.core.interleave;

import org.jspecify.annotations.NullMarked;
