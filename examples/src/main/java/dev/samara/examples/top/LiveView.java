// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.top;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Takes a sample at each interval and has it shown, until it is closed. If the JVM is ended before (Ctrl-C), the newest
 * sample is the last one, and the output is left in order. For any thread.
 */
public final class LiveView implements AutoCloseable {
    private final SampleSource source;
    private final ViewOutput output;
    private final TopSample first;
    private TopSample newest;
    private volatile boolean isEnded;
    private @Nullable Thread ticking;
    private @Nullable Thread atExit;

    /**
     * Begins a view that takes no samples by itself.
     *
     * @param source closed with the view
     * @param output where it is shown
     */
    LiveView(SampleSource source, ViewOutput output) {
        this.source = source;
        this.output = output;
        first = source.sample();
        newest = first;
        output.begin();
    }

    /**
     * Begins a view.
     *
     * @param source closed with the view
     * @param output where it is shown
     * @param interval the time between two samples
     * @return the view; to be closed
     */
    public static LiveView begin(SampleSource source, ViewOutput output, Duration interval) {
        LiveView begun = new LiveView(source, output);
        begun.start(interval.toNanos());
        return begun;
    }

    private synchronized void start(long nanos) {
        Thread hook = new Thread(this::interrupted, "end of the view");
        Runtime.getRuntime().addShutdownHook(hook);
        atExit = hook;
        Thread thread = new Thread(() -> tickEach(nanos), "view");
        thread.setDaemon(true);
        ticking = thread;
        thread.start();
    }

    private void tickEach(long nanos) {
        long next = System.nanoTime() + nanos;
        while (!isEnded) {
            long left = next - System.nanoTime();
            if (left > 0) {
                LockSupport.parkNanos(this, left);
            } else {
                tick();
                // A sample that was late delays no other one, and is not made up for.
                next = Math.max(next + nanos, System.nanoTime());
            }
        }
    }

    /** Takes a sample and has it shown. Does nothing after the end. */
    synchronized void tick() {
        if (!isEnded) {
            TopSample before = newest;
            newest = source.sample();
            output.show(first, before, newest);
        }
    }

    /** Ends the view where the JVM ends: what is watched goes on meanwhile. */
    synchronized void interrupted() {
        if (!isEnded) {
            isEnded = true;
            output.end(first, newest);
        }
    }

    /** Takes the last sample, has it shown with the totals, and leaves the output in order. */
    @Override
    public void close() {
        synchronized (this) {
            if (!isEnded) {
                isEnded = true;
                newest = source.sample();
                output.end(first, newest);
            }
        }
        LockSupport.unpark(ticking);
        source.close();
        if (atExit != null) {
            try {
                Runtime.getRuntime().removeShutdownHook(atExit);
            } catch (IllegalStateException ending) {
                // The hook runs, or has run, and does nothing more.
            }
        }
    }
}
