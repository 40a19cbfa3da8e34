// SPDX-License-Identifier: Apache-2.0
/**
 * The costs of page faults, accesses and forks.
 *
 * <p>{@code FaultBenchmark} runs under JMH and measures one fault in one thread, {@code WalkBenchmark} a walk of the
 * page table that finds the page, {@code GuestAccessBenchmark} accesses to present pages, {@code ResetBenchmark} runs
 * that begin at one state. {@code ForkReport} is a program of its own.
 */
@NullMarked
package dev.samara.bench.memory;

import org.jspecify.annotations.NullMarked;
