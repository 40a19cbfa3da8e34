// SPDX-License-Identifier: Apache-2.0
/**
 * The layout of a space: lookups concurrent with a writer, locks, neighbours, and the text of {@code /proc/PID/maps}.
 */
@NullMarked
package dev.samara.core.layout;

import org.jspecify.annotations.NullMarked;
