// SPDX-License-Identifier: Apache-2.0

/**
 * The command line of the suite: {@code java -jar samara-bench.jar}.
 *
 * <p>{@link dev.samara.bench.command.SuiteCommand} interprets the first word as the name of a program of the suite,
 * e.g. {@code list}, {@code chart}, {@code quick}, or a report. Any other command line is passed to JMH, once {@link
 * dev.samara.bench.command.JmhRun} checked that its benchmarks and values exist.
 */
@NullMarked
package dev.samara.bench.command;

import org.jspecify.annotations.NullMarked;
