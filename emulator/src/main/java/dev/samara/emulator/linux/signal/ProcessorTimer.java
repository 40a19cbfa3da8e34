// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.signal;

import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A timer of a process that advances with the CPU time of its threads ({@code ITIMER_VIRTUAL}, {@code ITIMER_PROF}). It
 * is checked at the earliest time at which it can expire, but not more often than each tick, so a signal may be sent up
 * to a tick late. Thread-safe.
 */
public final class ProcessorTimer implements IntervalTimer {
    /** The tick of a kernel with 250 Hz. */
    private static final long TICK = 4_000_000;

    private static final int PROCESSORS = Runtime.getRuntime().availableProcessors();

    private final Supplier<ScheduledThreadPoolExecutor> timers;
    private final LongSupplier used;
    private final Runnable ring;

    /** The CPU time at which the next signal is due; 0 if the timer is not set. */
    private long end;

    private long interval;
    private @Nullable ScheduledFuture<?> next;

    /** How many times the timer was set. A check that belongs to an earlier setting does nothing. */
    private int settings;

    /**
     * Creates a timer that is not set.
     *
     * @param timers returns the executor that runs the checks; called when the timer is set
     * @param used returns the CPU time of the process
     * @param ring sends the signal; called while this timer is locked
     */
    public ProcessorTimer(Supplier<ScheduledThreadPoolExecutor> timers, LongSupplier used, Runnable ring) {
        this.timers = timers;
        this.used = used;
        this.ring = ring;
    }

    @Override
    public synchronized long left() {
        return end == 0 ? 0 : Math.max(end - used.getAsLong(), 1);
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
        settings++;
        interval = then;
        end = first == 0 ? 0 : Math.min(first, Long.MAX_VALUE / 2) + used.getAsLong();
        if (end != 0) {
            scheduleCheck();
        }
    }

    private void scheduleCheck() {
        int setting = settings;
        long delay = Math.max(left() / PROCESSORS, TICK);
        next = timers.get().schedule(() -> check(setting), delay, TimeUnit.NANOSECONDS);
    }

    private synchronized void check(int setting) {
        if (setting != settings || end == 0) {
            return;
        }
        long now = used.getAsLong();
        boolean isDue = now >= end;
        if (isDue) {
            end = interval == 0 ? 0 : end + ((now - end) / interval + 1) * interval;
        }
        if (end != 0) {
            scheduleCheck();
        }
        if (isDue) {
            ring.run();
        }
    }
}
