// SPDX-License-Identifier: Apache-2.0
/**
 * The throughput and latency of many threads in one address space, beside those of the space under one lock.
 *
 * <p>The rivals are Samara's own layout code under a lock of their own. They differ in the waits of their threads, and
 * not in the quality of a tree. {@code ContentionBenchmark} and {@code WorkloadBenchmark} run under JMH. {@code
 * ContentionReport}, {@code FaultReport}, {@code ForkBesideReport}, {@code HeldInRetire}, {@code ManyMappingsReport},
 * {@code MapsScanReport}, {@code SleepingFaults} and {@code SparseReport} are programs of their own. They need
 * percentiles over all threads, or all contenders in one run.
 */
@NullMarked
package dev.samara.bench.contention;

import org.jspecify.annotations.NullMarked;
