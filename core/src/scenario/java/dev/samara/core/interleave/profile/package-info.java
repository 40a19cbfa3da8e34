// SPDX-License-Identifier: Apache-2.0
/**
 * The profile {@code interleave}: failures, mutants and combinations of operations, within a given total time.
 *
 * <p>{@code docs/interleavings.md} lists its properties.
 */
@NullMarked
package dev.samara.core.interleave.profile;

import org.jspecify.annotations.NullMarked;
