// SPDX-License-Identifier: Apache-2.0
/**
 * The costs of dropping translations on other CPUs, the number of CPUs that are asked to, and the cost of loading a
 * space.
 *
 * <p>{@code ShootdownBenchmark}, {@code SwitchBenchmark}, {@code LazyTlbBenchmark}, {@code BorrowBenchmark} and {@code
 * ElisionBenchmark} run under JMH. {@code LazyFootprintReport} weighs spaces. {@code ShootdownReport} is a program of
 * its own, because it counts, and because its ratios compare measurements that take turns in one run. The threads of
 * its workloads are a {@code CpuThreads}. Each has a CPU that stays in GUEST and polls while it waits for others, so
 * every CPU that has a translation must be waited for.
 */
@NullMarked
package dev.samara.bench.shootdown;

import org.jspecify.annotations.NullMarked;
