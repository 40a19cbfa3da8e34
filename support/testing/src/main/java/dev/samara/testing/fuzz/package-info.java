// SPDX-License-Identifier: Apache-2.0
/**
 * Parsers of bytes from outside, with the inputs of a fuzzer: {@code FuzzRun} starts Jazzer for the profile {@code
 * fuzz}, and {@code FuzzChecks} has each build parse a few changed inputs, and all that were findings once. The parsers
 * are the {@code FuzzTarget}s of the modules that contain them.
 */
@NullMarked
package dev.samara.testing.fuzz;

import org.jspecify.annotations.NullMarked;
