// SPDX-License-Identifier: Apache-2.0
/**
 * The command line tool {@code samara}.
 *
 * <p>{@code replay} executes traces of real programs and compares the results, {@code oracle} does so with random
 * operations, {@code maps} prints or draws the mappings of a trace, {@code timeline} draws the events of a recording,
 * {@code storm} checks accesses beside changes, {@code run} runs a program, {@code top} shows a machine that does so.
 * Differences go to standard output, as text or as one JSON document. An unreadable input is reported on standard error
 * with file and line. The status is 0 if everything is equal, 1 if anything differs, 2 if the command line is invalid
 * or an input cannot be read.
 */
@NullMarked
package dev.samara.tool.cli;

import org.jspecify.annotations.NullMarked;
