// SPDX-License-Identifier: Apache-2.0

/**
 * Measures the costs of Samara, compared with the alternatives that a program could use.
 *
 * <p>The range tree alone is compared with its peers, which are in {@link dev.samara.bench.index}. {@link
 * dev.samara.bench.KeySet} provides the ranges that they all store, {@link dev.samara.bench.AddressPattern} the lookups
 * and {@link dev.samara.bench.UpdateArguments} the changes. {@link dev.samara.bench.OperationBenchmark} and {@link
 * dev.samara.bench.VmaRefBenchmark} measure an address space, {@link dev.samara.bench.contention} many threads in one.
 * {@link dev.samara.bench.memory} measures page faults, accesses and forks, {@link dev.samara.bench.shootdown}
 * shootdowns.
 *
 * <p>A figure is comparable only with other figures of the same run. {@code java -jar bench/target/samara-bench.jar
 * list} prints all benchmarks and reports.
 */
@NullMarked
package dev.samara.bench;

import org.jspecify.annotations.NullMarked;
