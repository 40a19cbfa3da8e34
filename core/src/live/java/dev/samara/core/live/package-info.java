// SPDX-License-Identifier: Apache-2.0
/**
 * Comparisons of the library with the running kernel: {@link dev.samara.core.live.memory} for memory calls, {@link
 * dev.samara.core.live.file} for host files. {@link dev.samara.core.live.planted} plants mutants in the library, and
 * checks that both comparisons find them.
 */
@NullMarked
package dev.samara.core.live;

import org.jspecify.annotations.NullMarked;
