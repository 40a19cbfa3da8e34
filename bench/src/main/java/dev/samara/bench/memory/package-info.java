// SPDX-License-Identifier: Apache-2.0
/**
 * What page faults, forks and the page table take.
 *
 * <p>{@code FaultBenchmark} and {@code WalkBenchmark} run under JMH and measure one thing in one thread. The reports are
 * programs of their own, with Samara and its rivals by turns in one run: {@code FaultReport} of many threads that fault,
 * {@code SleepingFaults} of unmapping beside faults that wait for a disk, {@code ForkReport} and {@code SparseReport}.
 */
@NullMarked
package dev.samara.bench.memory;

import org.jspecify.annotations.NullMarked;
