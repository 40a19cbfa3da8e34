// SPDX-License-Identifier: Apache-2.0
/**
 * Rules that are broken on purpose, and found by scripts that the running kernel executes too. {@code MemoryBreaks} and
 * {@code FileBreaks} list those of the library; {@code BrokenRulesTest} looks for each.
 */
@NullMarked
package dev.samara.core.live.planted;

import org.jspecify.annotations.NullMarked;
