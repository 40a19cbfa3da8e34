// SPDX-License-Identifier: Apache-2.0
/**
 * Rules that are broken on purpose, to check that scripts which the running kernel also executes find them. {@code
 * MemoryBreaks} and {@code FileBreaks} list the broken rules of the library; {@code BrokenRulesTest} searches for each.
 */
@NullMarked
package dev.samara.core.live.planted;

import org.jspecify.annotations.NullMarked;
