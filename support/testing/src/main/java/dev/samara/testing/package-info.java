// SPDX-License-Identifier: Apache-2.0
/**
 * What the tests of all modules share. It is not published.
 *
 * <ul>
 *   <li>{@code IncidentCheck}: fails a test that the library logs a record in, or a thread ends in with an exception.
 *   <li>{@code Project}: the folders and sources of the project, for tests that read them.
 *   <li>{@code Share}: the share of an exploration that a build runs, chosen by a seed.
 *   <li>{@code TestOutput}: writes the output of tests to files, and that of a failed test to the console.
 *   <li>{@code TestTimes}: records the time of each test class, from which {@code Budget} makes a build's table.
 *   <li>{@link dev.samara.testing.judge}: the running kernel as a judge of what the library answers.
 *   <li>{@link dev.samara.testing.live}: random scripts that the judge and its counterpart both run.
 * </ul>
 */
@NullMarked
package dev.samara.testing;

import org.jspecify.annotations.NullMarked;
