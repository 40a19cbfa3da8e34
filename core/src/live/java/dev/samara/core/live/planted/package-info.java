// SPDX-License-Identifier: Apache-2.0
/**
 * Planted mutants, which the scripts that the running kernel also executes must find. {@code MemoryMutants} and {@code
 * FileMutants} list the mutants of the library; {@code RuleMutantsTest} searches for each of them.
 */
@NullMarked
package dev.samara.core.live.planted;

import org.jspecify.annotations.NullMarked;
