// SPDX-License-Identifier: Apache-2.0
/**
 * A deterministic scheduler for tests of production classes: every interleaving, every failure.
 *
 * <p>Random tests run for hours without meeting a bug that needs two threads stopped at the right lines. Here a
 * scheduler stops them at every line that matters. {@code docs/interleavings.md} describes what is explored, with the
 * figures. The packages, each of which imports only those above it:
 *
 * <ul>
 *   <li>{@link dev.samara.interleave.schedule} chooses the thread that makes the next step.
 *   <li>{@link dev.samara.interleave.failure} counts the places that may fail, and makes one of them fail.
 *   <li>{@link dev.samara.interleave.instrument} makes the production classes ask both, and plants breaks in them.
 *   <li>{@code SteppedScenarios} loads a scenario of a test by the instrumenting class loader, where it is another
 *       class of that name. Its objects meet the test only as a {@link dev.samara.interleave.schedule.Scenario}.
 * </ul>
 *
 * <p>The scenarios belong to the tests: the range tree's are in {@code maple}, those of an address space in {@code
 * core}. {@code ToyScenariosTest} tests the scheduler itself: it finds each break of a few lines, and nothing else.
 */
@NullMarked
package dev.samara.interleave;

import org.jspecify.annotations.NullMarked;
