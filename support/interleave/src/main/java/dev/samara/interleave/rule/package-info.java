// SPDX-License-Identifier: Apache-2.0
/**
 * Rules that mutants break on purpose, to check that random scripts find each mutant; the running kernel executes the
 * same scripts. A module lists its rules in a test that extends {@code RuleMutants}.
 */
@NullMarked
package dev.samara.interleave.rule;

import org.jspecify.annotations.NullMarked;
