// SPDX-License-Identifier: Apache-2.0
/**
 * What it takes to have other CPUs drop their translations, how many of them are asked to, and what a CPU pays to load
 * a space.
 *
 * <p>{@code ShootdownBenchmark} and {@code SwitchBenchmark} run under JMH. {@code ShootdownReport} is a program of its
 * own, because it counts, and because its ratios are of things that take turns in one run. The threads of its workloads
 * are a {@code Crew}: each has a CPU that stays in GUEST and polls while it waits for others, so that a CPU that has a
 * translation is one that has to be waited for.
 */
@NullMarked
package dev.samara.bench.shootdown;

import org.jspecify.annotations.NullMarked;
