// SPDX-License-Identifier: Apache-2.0
/**
 * What a machine does when no frame is left, and the reap of a space.
 */
@NullMarked
package dev.samara.core.lowmemory;

import org.jspecify.annotations.NullMarked;
