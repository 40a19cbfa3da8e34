// SPDX-License-Identifier: Apache-2.0
/**
 * Scripts of memory calls, loads and stores that the running kernel and the library execute, and whose results and
 * layouts are compared after each step.
 *
 * <p>A {@link dev.samara.core.live.memory.Script} is executed by {@link dev.samara.core.live.memory.KernelRun} and {@link
 * dev.samara.core.live.memory.LibraryRun} in a {@link dev.samara.core.live.memory.World}. {@link dev.samara.core.live.memory.Generator} makes
 * scripts, {@link dev.samara.core.live.memory.Shrinker} shortens those that differ, and {@link dev.samara.core.live.memory.Exceptions}
 * names what is not compared.
 */
@NullMarked
package dev.samara.core.live.memory;

import org.jspecify.annotations.NullMarked;
