// SPDX-License-Identifier: Apache-2.0
/**
 * Mutants: deliberate faults in production code, and the searches that must find them. They are in the folder {@code
 * mutants} of the project, and a {@link dev.samara.interleave.mutant.Mutant} is one of them.
 */
@NullMarked
package dev.samara.interleave.mutant;

import org.jspecify.annotations.NullMarked;
