// SPDX-License-Identifier: Apache-2.0
/**
 * The CPUs through which recordings are checked.
 *
 * <p>A recording says what one thread of one process has met, so every CPU that has the space loaded must meet the
 * same. A {@link dev.samara.examples.access.CpuPlan} says how many there are, and a {@link
 * dev.samara.examples.access.CpuSet} are those of one space: each access is made by a random one, so the translations
 * that the others still have from before come to light when it is their turn.
 */
@NullMarked
package dev.samara.examples.access;

import org.jspecify.annotations.NullMarked;
