// SPDX-License-Identifier: Apache-2.0
/**
 * Fuzzing of parsers of untrusted bytes. {@code FuzzRun} starts Jazzer for the profile {@code fuzz}. {@code FuzzChecks}
 * makes each build parse a few mutated inputs and all earlier findings. The parsers are the {@code FuzzTarget}s of the
 * modules that contain them.
 */
@NullMarked
package dev.samara.testing.fuzz;

import org.jspecify.annotations.NullMarked;
