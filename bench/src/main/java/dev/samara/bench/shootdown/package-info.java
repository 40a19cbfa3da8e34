// SPDX-License-Identifier: Apache-2.0
/**
 * The cost of dropping translations on other CPUs, the number of CPUs that shootdowns request this from, and the cost
 * of switching to a space.
 *
 * <p>{@code SwitchBenchmark} runs under JMH. {@code ShootdownReport} is a separate program, because it counts CPUs, and
 * because its ratios compare measurements that take turns in one run. {@code CpuThreads} runs the threads of its
 * workloads. Each thread's CPU stays in GUEST and polls while the thread waits for other threads, so a shootdown must
 * wait for every CPU that has the translation.
 */
@NullMarked
package dev.samara.bench.shootdown;

import org.jspecify.annotations.NullMarked;
