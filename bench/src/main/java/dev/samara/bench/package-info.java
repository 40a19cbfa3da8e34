// SPDX-License-Identifier: Apache-2.0

/**
 * What Samara costs, measured beside what a program would otherwise use.
 *
 * <p>The range tree alone is measured beside its peers, which are in {@link dev.samara.bench.index}: {@link
 * dev.samara.bench.KeySet} is what they all hold, {@link dev.samara.bench.AddressPattern} what they are asked and
 * {@link dev.samara.bench.Edits} how they are changed. {@link dev.samara.bench.OperationBenchmark} and {@link
 * dev.samara.bench.KeepBenchmark} measure an address space, {@link dev.samara.bench.contention} many threads in one.
 *
 * <p>A figure is comparable with another of the same run only. {@code java -jar bench/target/samara-bench.jar list}
 * tells what there is to run.
 */
@NullMarked
package dev.samara.bench;

import org.jspecify.annotations.NullMarked;
