// SPDX-License-Identifier: Apache-2.0
/**
 * Calls that meet the end of their stack or of the heap: one at each depth and at each allocation.
 */
@NullMarked
package dev.samara.core.exhaustion;

import org.jspecify.annotations.NullMarked;
