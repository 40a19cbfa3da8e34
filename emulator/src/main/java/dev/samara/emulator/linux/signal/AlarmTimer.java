// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.signal;

import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The real-time timer of a process ({@code ITIMER_REAL}), which sends SIGALRM. Thread-safe. */
public final class AlarmTimer implements IntervalTimer {
    private final Supplier<ScheduledThreadPoolExecutor> timers;
    private final Runnable ring;
    private @Nullable ScheduledFuture<?> next;
    private long interval;

    /**
     * Makes a timer that is not set.
     *
     * @param timers the thread that rings, asked for when a timer is set
     * @param ring sends the signal
     */
    public AlarmTimer(Supplier<ScheduledThreadPoolExecutor> timers, Runnable ring) {
        this.timers = timers;
        this.ring = ring;
    }

    @Override
    public synchronized long left() {
        return next == null || next.isDone() ? 0 : Math.max(next.getDelay(TimeUnit.NANOSECONDS), 1);
    }

    @Override
    public synchronized long interval() {
        return interval;
    }

    @Override
    public synchronized void set(long first, long then) {
        if (next != null) {
            next.cancel(false);
            next = null;
        }
        interval = then;
        if (first == 0) {
            return;
        }
        ScheduledThreadPoolExecutor executor = timers.get();
        next = then == 0
                ? executor.schedule(ring, first, TimeUnit.NANOSECONDS)
                : executor.scheduleAtFixedRate(ring, first, then, TimeUnit.NANOSECONDS);
    }
}
