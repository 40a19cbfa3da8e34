// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux;

import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** The real-time timer of a process ({@code ITIMER_REAL}), which sends SIGALRM. Thread-safe. */
final class AlarmTimer {
    private final GuestProcess process;
    private @Nullable ScheduledFuture<?> next;
    private long interval;

    AlarmTimer(GuestProcess process) {
        this.process = process;
    }

    /** Returns the nanoseconds that are left; 0 for a timer that is not set. */
    synchronized long left() {
        return next == null || next.isDone() ? 0 : Math.max(next.getDelay(TimeUnit.NANOSECONDS), 1);
    }

    synchronized long interval() {
        return interval;
    }

    /** Sets the timer, in nanoseconds; 0 ends it. */
    synchronized void set(long first, long then) {
        if (next != null) {
            next.cancel(false);
            next = null;
        }
        interval = then;
        if (first == 0) {
            return;
        }
        ScheduledThreadPoolExecutor timers = process.emulation().timers();
        Runnable ring = () -> SignalDelivery.send(process, SignalInfo.sent(SignalInfo.ALRM, SignalInfo.SI_KERNEL, 0));
        next = then == 0
                ? timers.schedule(ring, first, TimeUnit.NANOSECONDS)
                : timers.scheduleAtFixedRate(ring, first, then, TimeUnit.NANOSECONDS);
    }
}
