// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.lang.management.ThreadMXBean;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.infra.IterationParams;
import org.openjdk.jmh.profile.InternalProfiler;
import org.openjdk.jmh.results.AggregationPolicy;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.ScalarResult;

/**
 * The time that the measuring threads had on a processor: {@code -prof dev.samara.bench.ThreadTime} adds the
 * nanoseconds of each operation.
 *
 * <p>On a machine that is busy with other work, the time of a clock contains the time of that work; this time does not.
 * It is the sum over all measuring threads, and so is useful where all of them do equal work.
 */
public final class ThreadTime implements InternalProfiler {
    /** The name of the metric. */
    public static final String METRIC = "thread.time.norm";

    private static final ThreadMXBean CLOCK = ManagementFactory.getThreadMXBean();

    /** The time of the measuring threads between measurements. */
    private static final LongAdder LEFT_OUT = new LongAdder();

    private long before;

    /** Called by JMH. */
    public ThreadTime() {}

    @Override
    public String getDescription() {
        return "Time on a processor of the measuring threads, per operation";
    }

    @Override
    public void beforeIteration(BenchmarkParams benchmark, IterationParams iteration) {
        before = workers();
    }

    @Override
    public Collection<? extends Result<?>> afterIteration(
            BenchmarkParams benchmark, IterationParams iteration, IterationResult result) {
        long took = workers() - before;
        long operations = result.getMetadata().getAllOps();
        return List.of(new ScalarResult(METRIC, (double) took / operations, "ns/op", AggregationPolicy.AVG));
    }

    /**
     * Returns the processor time of this thread, to be passed to {@link #leaveOut}.
     *
     * @return nanoseconds
     */
    public static long now() {
        return CLOCK.getCurrentThreadCpuTime();
    }

    /**
     * Leaves the work of this thread since an earlier {@link #now} out of the figure: work that prepares the next
     * invocation.
     *
     * @param began the result of {@link #now} before that work
     */
    public static void leaveOut(long began) {
        LEFT_OUT.add(now() - began);
    }

    private static long workers() {
        long sum = -LEFT_OUT.sum();
        for (ThreadInfo thread : CLOCK.getThreadInfo(CLOCK.getAllThreadIds())) {
            // JMH's own name for the measuring threads.
            if (thread != null && thread.getThreadName().contains("-jmh-worker-")) {
                sum += Math.max(0, CLOCK.getThreadCpuTime(thread.getThreadId()));
            }
        }
        return sum;
    }
}
