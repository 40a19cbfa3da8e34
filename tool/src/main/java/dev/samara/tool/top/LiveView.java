// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

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
    private final ExitHooks hooks;
    private final Thread atExit = new Thread(this::interrupted, "end of the view");
    private final TopSample first;
    private TopSample newest;

    /**
     * @written holder of the monitor (volatile)
     * @read the ticking thread, without it between two ticks (volatile)
     * @invariant stays set; no sample is shown after that
     */
    private volatile boolean isEnded;

    private @Nullable Thread ticking;

    private LiveView(SampleSource source, ViewOutput output, ExitHooks hooks, TopSample first) {
        this.source = source;
        this.output = output;
        this.hooks = hooks;
        this.first = first;
        newest = first;
    }

    /**
     * Begins a view.
     *
     * @param source closed with the view, or if the view does not begin
     * @param output where it is shown
     * @param interval the time between two samples
     * @return the view; to be closed
     * @throws IllegalStateException if the JVM is about to end; the output is as it was then
     */
    public static LiveView begin(SampleSource source, ViewOutput output, Duration interval) {
        LiveView begun = begin(source, output, ExitHooks.OF_JVM);
        boolean isTicking = false;
        try {
            begun.startTicking(interval.toNanos());
            isTicking = true;
        } finally {
            if (!isTicking) {
                begun.close();
            }
        }
        return begun;
    }

    /** Begins a view that takes no samples by itself, and that ends by a hook if it is not closed before. */
    static LiveView begin(SampleSource source, ViewOutput output, ExitHooks hooks) {
        boolean isBegun = false;
        try {
            LiveView view = new LiveView(source, output, hooks, source.sample());
            view.beginOutput();
            isBegun = true;
            return view;
        } finally {
            if (!isBegun) {
                source.close();
            }
        }
    }

    /** The hook is there before the output is changed. If it runs at once, it waits for the end of this. */
    private synchronized void beginOutput() {
        hooks.add(atExit);
        boolean isBegun = false;
        try {
            output.begin();
            isBegun = true;
        } finally {
            if (!isBegun) {
                try {
                    interrupted();
                } finally {
                    hooks.remove(atExit);
                }
            }
        }
    }

    private void startTicking(long nanos) {
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

    /**
     * Takes the last sample, has it shown with the totals, and leaves the output in order. If there is no sample, the
     * one before is the last. The source is closed in each case.
     */
    @Override
    public void close() {
        try {
            end();
        } finally {
            LockSupport.unpark(ticking);
            try {
                source.close();
            } finally {
                hooks.remove(atExit);
            }
        }
    }

    private synchronized void end() {
        if (!isEnded) {
            isEnded = true;
            try {
                newest = source.sample();
            } finally {
                output.end(first, newest);
            }
        }
    }
}
