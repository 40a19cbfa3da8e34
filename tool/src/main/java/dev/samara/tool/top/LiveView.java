// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Takes a sample at each interval and shows it, until it is closed. If the JVM exits before that (e.g. by Ctrl-C), the
 * newest sample is the last one, and the output is restored. Thread-safe.
 */
public final class LiveView implements AutoCloseable {
    private final SampleSource source;
    private final ViewOutput output;
    private final ExitHooks hooks;
    private final Thread atExit = new Thread(this::interrupted, "end of the view");
    private final TopSample first;
    private TopSample newest;

    /**
     * Written: holder of the monitor (volatile).
     * Read: the ticking thread, without the monitor between two ticks (volatile).
     * Invariant: stays set; no sample is shown afterwards.
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
     * Starts a view.
     *
     * @param source the source, which is closed with the view, or if the view cannot be started
     * @param output shows the samples
     * @param interval the time between two samples
     * @return the view, which the caller must close
     * @throws IllegalStateException if the JVM is already exiting; in that case the output is not changed
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

    /** Starts a view that takes no samples by itself. If it has not been closed when the JVM exits, a hook ends it. */
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

    /** Adds the hook before it changes the output. If the hook runs immediately, it waits until this method ends. */
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
                // A late sample does not delay later samples, and missed samples are skipped.
                next = Math.max(next + nanos, System.nanoTime());
            }
        }
    }

    /** Takes a sample and shows it. Does nothing after the end. */
    synchronized void tick() {
        if (!isEnded) {
            TopSample before = newest;
            newest = source.sample();
            output.show(first, before, newest);
        }
    }

    /** Ends the view when the JVM exits. The watched command still runs during this call. */
    synchronized void interrupted() {
        if (!isEnded) {
            isEnded = true;
            output.end(first, newest);
        }
    }

    /**
     * Takes the last sample, shows it with the totals, and restores the output. If the sample fails, the previous
     * sample is the last one. The source is closed in any case.
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

    /** Adds and removes shutdown hooks of the JVM. Tests have their own implementation. */
    interface ExitHooks {
        /** The exit hooks of this JVM. */
        ExitHooks OF_JVM = new ExitHooks() {
            @Override
            public void add(Thread hook) {
                Runtime.getRuntime().addShutdownHook(hook);
            }

            @Override
            public void remove(Thread hook) {
                try {
                    Runtime.getRuntime().removeShutdownHook(hook);
                } catch (IllegalStateException ending) {
                    // The JVM is exiting, so the hook was already started and cannot be removed.
                }
            }
        };

        /**
         * Adds a thread.
         *
         * @throws IllegalStateException if the JVM is already exiting
         */
        void add(Thread hook);

        /** Removes a thread. Does nothing if it was already started, or was never added. */
        void remove(Thread hook);
    }
}
