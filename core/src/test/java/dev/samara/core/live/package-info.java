// SPDX-License-Identifier: Apache-2.0
/**
 * Scripts of memory calls, loads and stores that the running kernel and the library execute, and whose results and
 * layouts are compared after each step.
 *
 * <p>A {@link dev.samara.core.live.Script} is executed by {@link dev.samara.core.live.KernelRun} and {@link
 * dev.samara.core.live.LibraryRun} in a {@link dev.samara.core.live.World}. {@link dev.samara.core.live.Generator} makes
 * scripts, {@link dev.samara.core.live.Shrinker} shortens those that differ, and {@link dev.samara.core.live.Exceptions}
 * names what is not compared.
 */
@NullMarked
package dev.samara.core.live;

import org.jspecify.annotations.NullMarked;
