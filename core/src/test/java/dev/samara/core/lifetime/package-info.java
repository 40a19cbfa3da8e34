// SPDX-License-Identifier: Apache-2.0
/**
 * Lifetimes: references, borrowed spaces, exec, and the end of a space and of a machine.
 */
@NullMarked
package dev.samara.core.lifetime;

import org.jspecify.annotations.NullMarked;
