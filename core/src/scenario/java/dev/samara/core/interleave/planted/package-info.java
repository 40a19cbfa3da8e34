// SPDX-License-Identifier: Apache-2.0
/**
 * Breaks of production code that the scheduler finds, which shows that it would find others.
 *
 * <p>{@code Calls} and the classes {@code ...Scenarios} each have the operations that meet one break. What they leave
 * reachable is judged by {@code Remains}. A {@code PlantedBreak} is a change of a production class and the scenario in
 * which it is looked for. {@code BreakSearch} looks for all of them. {@code PlantedBreaks} names their lists: {@code
 * InventedBreaks}, {@code MendedBugs}, {@code MissedBreaks} and {@code StoreBreaks}; and by topic {@code LazyBreaks},
 * {@code BorrowBreaks}, {@code ElisionBreaks}, {@code DropScenarios}, {@code SecondLookBreaks} and {@code RunBreaks}.
 *
 * <p>{@code TortureSourcesTest} and {@code ModelRulesTest} look at breaks that are not Java under the scheduler:
 * whether they can still be made.
 *
 * <p>The tests look for breaks that take a few seconds, and for nothing without the break: those of the lists, of
 * mended bugs, of gates, grace periods and tasks, and of stores that another thread sees late.
 */
@NullMarked
package dev.samara.core.interleave.planted;

import org.jspecify.annotations.NullMarked;
