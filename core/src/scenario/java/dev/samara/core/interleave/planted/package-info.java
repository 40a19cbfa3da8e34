// SPDX-License-Identifier: Apache-2.0
/**
 * Breaks of production code that the scheduler must find, as evidence that it would also find other bugs.
 *
 * <p>{@code Calls} and the classes {@code ...Scenarios} contain the operations that can find breaks. {@code Remains}
 * checks what they leave reachable. A {@code PlantedBreak} is a change of a production class, with the scenario that
 * must find it. {@code BreakSearch} searches for all of them. {@code PlantedBreaks} contains their lists: {@code
 * InventedBreaks}, {@code MendedBugs}, {@code MissedBreaks} and {@code StoreBreaks}; and by topic {@code LazyBreaks},
 * {@code BorrowBreaks}, {@code ElisionBreaks}, {@code DropScenarios}, {@code SecondLookBreaks} and {@code RunBreaks}.
 *
 * <p>{@code TortureSourcesTest} and {@code ModelRulesTest} check that breaks which do not run under the scheduler can
 * still be applied.
 *
 * <p>The tests search for the breaks that are found within a few seconds, and check that nothing is found without them:
 * the breaks in the lists, fixed bugs, breaks of gates, grace periods and tasks, and stores that another thread sees
 * late.
 */
@NullMarked
package dev.samara.core.interleave.planted;

import org.jspecify.annotations.NullMarked;
