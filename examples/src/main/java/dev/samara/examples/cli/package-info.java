// SPDX-License-Identifier: Apache-2.0
/**
 * The command line tool {@code samara}.
 *
 * <p>{@code replay} executes traces of real programs and compares, {@code oracle} does the same with random operations,
 * {@code maps} prints what a trace had mapped, {@code storm} judges accesses beside changes. Differences go to standard
 * output, as text or as one JSON document; what cannot be read goes to standard error with file and line. The status is
 * 0 if everything is equal, 1 if anything differs, 2 if the command line is wrong or an input cannot be read.
 */
@NullMarked
package dev.samara.examples.cli;

import org.jspecify.annotations.NullMarked;
