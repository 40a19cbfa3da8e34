// SPDX-License-Identifier: Apache-2.0
/**
 * The throughput and latency of many threads in one address space, compared with a space under one lock.
 *
 * <p>The rivals are Samara's own layout code under an additional lock. So they differ from Samara only in what threads
 * wait for, not in the quality of the tree. {@code WorkloadBenchmark} runs under JMH. {@code ContentionReport}, {@code
 * FaultReport}, {@code ForkBesideReport}, {@code ManyMappingsReport} and {@code SleepingFaults} are separate programs,
 * because they need percentiles over all threads, or all contenders in one run.
 */
@NullMarked
package dev.samara.bench.contention;

import org.jspecify.annotations.NullMarked;
