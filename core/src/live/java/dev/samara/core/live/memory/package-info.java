// SPDX-License-Identifier: Apache-2.0
/**
 * Scripts of memory calls, loads and stores, which both the running kernel and the library execute. Results and layouts
 * are compared after each step.
 *
 * <p>A {@code Script} is executed by {@code KernelRun} and {@code LibraryRun} in a {@code World}. {@code Generator}
 * creates scripts, {@code Shrinker} shortens scripts that show a difference, and {@code Exceptions} lists what is not
 * compared.
 */
@NullMarked
package dev.samara.core.live.memory;

import org.jspecify.annotations.NullMarked;
