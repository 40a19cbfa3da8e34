// SPDX-License-Identifier: Apache-2.0
/**
 * What many threads get out of one address space at a time, beside what they would get out of it behind one lock.
 *
 * <p>The rivals are Samara's own layout code behind a lock of their own, so that what differs is who waits for whom and
 * not how well a tree is written. {@code ContentionBenchmark}, {@code WorkloadBenchmark} run under JMH; {@code
 * ContentionReport}, {@code HeldInRetire}, {@code MapsScanReport}, {@code FaultReport} and {@code SleepingFaults} are
 * programs of their own, because they need percentiles over all threads and all contenders in one run.
 */
@NullMarked
package dev.samara.bench.contention;

import org.jspecify.annotations.NullMarked;
