// SPDX-License-Identifier: Apache-2.0

/**
 * The command line of the suite: {@code java -jar samara-bench.jar}.
 *
 * <p>{@link dev.samara.bench.command.SuiteCommand} takes the first word for the name of a program of the suite's own:
 * {@code list}, {@code chart}, {@code quick} or a report. Anything else is JMH's, once {@link
 * dev.samara.bench.command.JmhRun} has made sure that it names benchmarks and values that there are.
 */
@NullMarked
package dev.samara.bench.command;

import org.jspecify.annotations.NullMarked;
