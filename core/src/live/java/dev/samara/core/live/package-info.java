// SPDX-License-Identifier: Apache-2.0
/**
 * Comparisons of the library with the running kernel: {@link dev.samara.core.live.memory} for memory calls, {@link
 * dev.samara.core.live.file} for host files. {@link dev.samara.core.live.planted} breaks rules of the library on
 * purpose, and checks that both find the breaks.
 */
@NullMarked
package dev.samara.core.live;

import org.jspecify.annotations.NullMarked;
