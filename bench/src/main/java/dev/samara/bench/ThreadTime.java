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
 * A profiler of the measuring threads' CPU time: {@code -prof dev.samara.bench.ThreadTime} reports the nanoseconds per
 * operation.
 *
 * <p>On a machine that is busy with other work, wall-clock time includes the time of that work; CPU time does not. The
 * metric is the sum over all measuring threads, so it is useful only if all of them do equal work.
 */
public final class ThreadTime implements InternalProfiler {
    /** The name of the metric. */
    public static final String METRIC = "thread.time.norm";

    private static final ThreadMXBean CLOCK = ManagementFactory.getThreadMXBean();

    /** The CPU time that {@link #leaveOut} excludes. */
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
     * Returns the CPU time of the calling thread, to be passed to {@link #leaveOut}.
     *
     * @return nanoseconds
     */
    public static long now() {
        return CLOCK.getCurrentThreadCpuTime();
    }

    /**
     * Excludes the calling thread's CPU time since an earlier {@link #now} from the metric, e.g. because the thread
     * prepared the next invocation.
     *
     * @param began the result of {@link #now} before the excluded work
     */
    public static void leaveOut(long began) {
        LEFT_OUT.add(now() - began);
    }

    private static long workers() {
        long sum = -LEFT_OUT.sum();
        for (ThreadInfo thread : CLOCK.getThreadInfo(CLOCK.getAllThreadIds())) {
            // The names of JMH's measuring threads contain this.
            if (thread != null && thread.getThreadName().contains("-jmh-worker-")) {
                sum += Math.max(0, CLOCK.getThreadCpuTime(thread.getThreadId()));
            }
        }
        return sum;
    }
}
