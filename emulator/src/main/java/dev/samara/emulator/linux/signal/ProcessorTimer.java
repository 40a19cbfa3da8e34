// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.signal;

import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A timer of a process that advances with the processor time of its threads ({@code ITIMER_VIRTUAL}, {@code
 * ITIMER_PROF}). It is checked at the earliest time at which it can be due, so a signal comes up to a tick late.
 * Thread-safe.
 */
public final class ProcessorTimer implements IntervalTimer {
    /** The tick of a kernel with 250 Hz. */
    private static final long TICK = 4_000_000;

    private static final int PROCESSORS = Runtime.getRuntime().availableProcessors();

    private final Supplier<ScheduledThreadPoolExecutor> timers;
    private final LongSupplier used;
    private final Runnable ring;

    /** The processor time of the next signal; 0 for none. */
    private long end;

    private long interval;
    private @Nullable ScheduledFuture<?> next;

    /** How many times the timer was set: a check belongs to one setting. */
    private int settings;

    /**
     * Makes a timer that is not set.
     *
     * @param timers the thread that checks, asked for when a timer is set
     * @param used returns the processor time of the process
     * @param ring sends the signal, while this is locked
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
