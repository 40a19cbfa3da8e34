// SPDX-License-Identifier: Apache-2.0
/**
 * Rules that are broken on purpose, to check that random scripts, which the running kernel also executes, find each
 * one. A module lists its rules in a test that extends {@code BrokenRules}.
 */
@NullMarked
package dev.samara.interleave.rule;

import org.jspecify.annotations.NullMarked;
