// SPDX-License-Identifier: Apache-2.0
/**
 * The profile {@code interleave}: failures, planted breaks and combinations of operations, within one time.
 *
 * <p>{@code docs/interleavings.md} names its properties.
 */
@NullMarked
package dev.samara.core.interleave.profile;

import org.jspecify.annotations.NullMarked;
