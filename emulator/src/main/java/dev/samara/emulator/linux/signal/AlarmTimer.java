// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.signal;

import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The real-time timer of a process ({@code ITIMER_REAL}), which sends SIGALRM. Thread-safe. */
public final class AlarmTimer {
    private final Supplier<ScheduledThreadPoolExecutor> timers;
    private final Runnable ring;
    private @Nullable ScheduledFuture<?> next;
    private long interval;

    /** How many times the timer was set. An expiry that belongs to an earlier setting sends no signal. */
    private int settings;

    /**
     * Creates a timer that is not set.
     *
     * @param timers returns the executor that runs the timer; called when the timer is set
     * @param ring sends the signal; called while this timer is locked
     */
    public AlarmTimer(Supplier<ScheduledThreadPoolExecutor> timers, Runnable ring) {
        this.timers = timers;
        this.ring = ring;
    }

    public synchronized long left() {
        return next == null ? 0 : Math.max(next.getDelay(TimeUnit.NANOSECONDS), 1);
    }

    public synchronized long interval() {
        return interval;
    }

    public synchronized void set(long first, long then) {
        if (next != null) {
            next.cancel(false);
            next = null;
        }
        interval = then;
        int setting = ++settings;
        if (first != 0) {
            ScheduledThreadPoolExecutor executor = timers.get();
            next = then == 0
                    ? executor.schedule(() -> expire(setting), first, TimeUnit.NANOSECONDS)
                    : executor.scheduleAtFixedRate(() -> expire(setting), first, then, TimeUnit.NANOSECONDS);
        }
    }

    private synchronized void expire(int setting) {
        if (setting == settings) {
            if (interval == 0) {
                next = null;
            }
            ring.run();
        }
    }
}
