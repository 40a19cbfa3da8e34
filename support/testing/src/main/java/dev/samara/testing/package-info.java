// SPDX-License-Identifier: Apache-2.0
/**
 * Code that the tests of all modules share. It is not published.
 *
 * <ul>
 *   <li>{@code IncidentCheck}: fails a test in which the library logs a record, or a thread ends with an exception.
 *   <li>{@code Project}: the directories and sources of the project, for tests that read them.
 *   <li>{@code Share}: the share of an exploration that a build runs, chosen by a seed.
 *   <li>{@code TestOutput}: writes the output of tests to files, and the output of a failed test to the console.
 *   <li>{@code TestTimes}: records the time of each test class, from which {@code Budget} creates a build's table.
 *   <li>{@link dev.samara.testing.judge}: the running kernel as a judge of the library's results.
 *   <li>{@link dev.samara.testing.live}: random scripts that both the judge and its counterpart run.
 * </ul>
 */
@NullMarked
package dev.samara.testing;

import org.jspecify.annotations.NullMarked;
