// SPDX-License-Identifier: Apache-2.0
/**
 * A deterministic scheduler that tests production classes with every interleaving and every failure.
 *
 * <p>Random tests may run for hours without finding a bug that occurs only if two threads stop at certain lines. This
 * scheduler stops them at every line that matters. {@code docs/interleavings.md} describes what is explored, with
 * figures. The packages, each of which imports only the packages above it:
 *
 * <ul>
 *   <li>{@link dev.samara.interleave.schedule} chooses the thread that performs the next step.
 *   <li>{@link dev.samara.interleave.failure} counts the points that may fail, and makes one of them fail.
 *   <li>{@link dev.samara.interleave.mutant} edits production classes, and searches for such mutants.
 *   <li>{@link dev.samara.interleave.instrument} adds calls to the first two to the production classes.
 *   <li>{@code SteppedScenarios} loads a test's scenario through the instrumenting class loader. The loaded class
 *       differs from the test's class of the same name, so the test uses its objects only as a {@link
 *       dev.samara.interleave.schedule.Scenario}. {@code MutantRun} searches for all mutants of a module.
 * </ul>
 *
 * <p>The scenarios belong to the tests: the range tree's scenarios are in {@code maple}, an address space's in {@code
 * core}. {@code ToyScenariosTest} tests the scheduler itself: the scheduler must find each bug in toy programs of a few
 * lines, and must report nothing else.
 */
@NullMarked
package dev.samara.interleave;

import org.jspecify.annotations.NullMarked;
