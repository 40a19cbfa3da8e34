// SPDX-License-Identifier: Apache-2.0
/**
 * Scripts of memory calls, loads and stores that the running kernel and the library execute, and whose results and
 * layouts are compared after each step.
 *
 * <p>A {@code Script} is executed by {@code KernelRun} and {@code LibraryRun} in a {@code World}. {@code Generator}
 * makes scripts, {@code Shrinker} shortens those that differ, and {@code Exceptions} names what is not compared.
 */
@NullMarked
package dev.samara.core.live.memory;

import org.jspecify.annotations.NullMarked;
