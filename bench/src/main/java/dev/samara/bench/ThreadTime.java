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
 * For how long the measuring threads had a processor: {@code -prof dev.samara.bench.ThreadTime} adds the nanoseconds of
 * each operation.
 *
 * <p>On a machine that is busy with something else, the time of a clock is that of the others too, and this is not. It
 * is that of all measuring threads together, and so of use where they all do the same.
 */
public final class ThreadTime implements InternalProfiler {
    /** The name of the metric. */
    public static final String METRIC = "thread.time.norm";

    private static final ThreadMXBean CLOCK = ManagementFactory.getThreadMXBean();

    /** What was done between measurements by the threads that measure. */
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
     * The time on a processor of this thread, to be given to {@link #leaveOut}.
     *
     * @return nanoseconds
     */
    public static long now() {
        return CLOCK.getCurrentThreadCpuTime();
    }

    /**
     * Leaves what this thread has done out of the figure: what makes the next invocation possible, and is none.
     *
     * @param began what {@link #now} was before it
     */
    public static void leaveOut(long began) {
        LEFT_OUT.add(now() - began);
    }

    private static long workers() {
        long sum = -LEFT_OUT.sum();
        for (ThreadInfo thread : CLOCK.getThreadInfo(CLOCK.getAllThreadIds())) {
            // JMH's own name for them.
            if (thread != null && thread.getThreadName().contains("-jmh-worker-")) {
                sum += Math.max(0, CLOCK.getThreadCpuTime(thread.getThreadId()));
            }
        }
        return sum;
    }
}
