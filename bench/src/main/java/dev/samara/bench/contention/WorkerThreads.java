// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;

/** Threads that run one activity for a given time, and their outcome. */
final class WorkerThreads {
    /** An upper bound for the time of a batch; a histogram rejects greater values. */
    private static final long LONGEST = TimeUnit.MINUTES.toNanos(10);

    private final Contender contender;
    private final Activity activity;
    private final int vmas;
    private final CountDownLatch start = new CountDownLatch(1);
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    private volatile boolean over;

    private WorkerThreads(Contender contender, Activity activity, int vmas) {
        this.contender = contender;
        this.activity = activity;
        this.vmas = vmas;
    }

    /**
     * The outcome of a load.
     *
     * @param perSecond the number of operations per second of all threads together
     * @param batches the time of each batch in nanoseconds
     * @param perBatch the number of operations in a batch
     * @param processors the mean number of processors on which the threads ran; less than the number of threads if
     *     threads wait, or if there is other load on the machine
     */
    record LoadOutcome(double perSecond, Histogram batches, int perBatch, double processors) {
        /** Returns a percentile of the batch times, divided by the number of operations in a batch, in nanoseconds. */
        double percentile(double percentile) {
            return (double) batches.getValueAtPercentile(percentile) / perBatch;
        }

        /**
         * Returns the percentile that requests at fixed times would see. This corrects for coordinated omission: a
         * measuring thread sends no request while it waits, so it counts a long wait only once.
         */
        double percentileAtFixedTimes(double percentile) {
            long usual = Math.max(1, batches.getValueAtPercentile(50));
            return (double) batches.copyCorrectedForCoordinatedOmission(usual).getValueAtPercentile(percentile)
                    / perBatch;
        }

        /** Returns the longest time of a batch, which is an upper bound for the time of an operation. */
        double longestMicros() {
            return batches.getMaxValue() / 1e3;
        }
    }

    static Histogram newHistogram() {
        return new Histogram(LONGEST, 3);
    }

    static LoadOutcome run(Contender contender, Activity activity, int vmas, int threads, double seconds)
            throws InterruptedException {
        return new WorkerThreads(contender, activity, vmas).run(threads, seconds);
    }

    private LoadOutcome run(int threads, double seconds) throws InterruptedException {
        List<LoadThread> workers = new ArrayList<>();
        for (int i = 0; i < threads; i++) {
            workers.add(new LoadThread(i));
        }
        workers.forEach(Thread::start);
        start.countDown();
        // The duration of the measurement, not a wait for a condition.
        Thread.sleep((long) (seconds * 1000));
        over = true;
        double perSecond = 0;
        double processors = 0;
        Histogram batches = newHistogram();
        for (LoadThread worker : workers) {
            worker.join();
            perSecond += worker.perSecond;
            processors += worker.processors;
            batches.add(worker.batches);
        }
        Throwable thrown = failure.get();
        if (thrown != null) {
            throw new IllegalStateException("a thread that was measured has failed", thrown);
        }
        return new LoadOutcome(perSecond, batches, activity.perBatch, processors);
    }

    /** A measuring thread. Its results are read after it ended. */
    private final class LoadThread extends Thread {
        private final Histogram batches = newHistogram();
        private final long[] picks;
        private final long own;
        private double perSecond;
        private double processors;

        LoadThread(int number) {
            super("measured-" + number);
            picks = Ground.picks(vmas, number);
            own = Ground.own(number);
        }

        @Override
        public void run() {
            try {
                start.await();
                measure();
            } catch (Throwable thrown) {
                failure.set(thrown);
            }
        }

        private void measure() {
            int position = 0;
            long done = 0;
            ThreadMXBean clock = ManagementFactory.getThreadMXBean();
            long cpu = clock.getCurrentThreadCpuTime();
            long began = System.nanoTime();
            long ended = began;
            while (!over) {
                long before = System.nanoTime();
                int good = activity.batch(contender, picks, position, own);
                ended = System.nanoTime();
                if (good != activity.perBatch) {
                    throw new IllegalStateException(
                            "of a batch of " + activity.perBatch + " only " + good + " were good");
                }
                batches.recordValue(ended - before);
                position = (position + 32) & (Ground.PICKS - 1);
                done += good;
            }
            cpu = clock.getCurrentThreadCpuTime() - cpu;
            long took = Math.max(1, ended - began);
            perSecond = done * 1e9 / took;
            processors = (double) cpu / took;
        }
    }
}
