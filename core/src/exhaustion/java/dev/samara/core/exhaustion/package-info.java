// SPDX-License-Identifier: Apache-2.0
/** Calls that run out of stack or heap, one at each depth and at each allocation. */
@NullMarked
package dev.samara.core.exhaustion;

import org.jspecify.annotations.NullMarked;
