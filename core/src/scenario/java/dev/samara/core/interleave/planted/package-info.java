// SPDX-License-Identifier: Apache-2.0
/**
 * Mutants of production code that the scheduler must find, as evidence that it would also find other bugs.
 *
 * <p>{@code Calls} and the classes {@code ...Scenarios} contain the operations that can find mutants. {@code Remains}
 * checks what the operations leave reachable. A {@code PlantedMutant} is a change of a production class, with the
 * scenario that must find it. {@code MutantSearch} searches for all such mutants. {@code PlantedMutants} contains their
 * lists: {@code InventedMutants}, {@code MendedBugs}, {@code MissedMutants} and {@code StoreMutants}; and by topic
 * {@code LazyMutants}, {@code BorrowMutants}, {@code ElisionMutants}, {@code DropScenarios}, {@code SecondLookMutants}
 * and {@code RunMutants}.
 *
 * <p>{@code TortureSourcesTest} and {@code ModelRulesTest} check that mutants which do not run under the scheduler can
 * still be applied.
 *
 * <p>The tests search for the mutants that are found within a few seconds, and check that nothing is found without
 * them: the mutants in the lists, fixed bugs, mutants of gates, grace periods and tasks, and stores that another thread
 * sees late.
 */
@NullMarked
package dev.samara.core.interleave.planted;

import org.jspecify.annotations.NullMarked;
