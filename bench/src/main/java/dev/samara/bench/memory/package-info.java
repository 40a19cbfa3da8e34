// SPDX-License-Identifier: Apache-2.0
/**
 * What page faults and forks take.
 *
 * <p>{@code FaultBenchmark} runs under JMH and measures one fault in one thread, {@code WalkBenchmark} a walk of the
 * page table that finds the page. {@code ForkReport} is a program of its own,
 * because it needs a thread beside the one that forks.
 */
@NullMarked
package dev.samara.bench.memory;

import org.jspecify.annotations.NullMarked;
