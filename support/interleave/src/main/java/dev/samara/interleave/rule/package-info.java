// SPDX-License-Identifier: Apache-2.0
/**
 * Rules that are broken on purpose, and found by scripts that the running kernel executes too. A module lists its rules
 * in a test that extends {@code BrokenRules}.
 */
@NullMarked
package dev.samara.interleave.rule;

import org.jspecify.annotations.NullMarked;
