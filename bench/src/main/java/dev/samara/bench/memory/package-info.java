// SPDX-License-Identifier: Apache-2.0
/**
 * The costs of page faults, accesses and forks.
 *
 * <p>Under JMH, {@code FaultBenchmark} measures one fault on one thread, {@code WalkBenchmark} a page table walk that
 * finds the page, {@code GuestAccessBenchmark} accesses to present pages, {@code CheckpointBenchmark} a checkpoint
 * and its restore, {@code ImageBenchmark} images in files, and {@code ResetBenchmark} runs that start from the same
 * state. {@code ForkReport} and {@code FilesReport} are separate programs.
 */
@NullMarked
package dev.samara.bench.memory;

import org.jspecify.annotations.NullMarked;
