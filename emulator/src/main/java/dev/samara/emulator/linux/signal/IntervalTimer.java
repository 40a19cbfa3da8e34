// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.signal;

/** A timer of a process that sends a signal ({@code setitimer}). Times are in nanoseconds. Thread-safe. */
public interface IntervalTimer {
    /** Returns the remaining time; 0 if the timer is not set. */
    long left();

    /** Returns the time between two signals; 0 if there is only one signal. */
    long interval();

    /**
     * Sets the timer. After this returns, no signal of an earlier setting is sent. This waits for a signal that is
     * being sent ({@code hrtimer_cancel} in {@code do_setitimer}). So the caller must not hold a lock that sending a
     * signal takes.
     *
     * @param first the time until the first signal; 0 disarms the timer
     * @param then the time between two signals; 0 if there is only one signal
     */
    void set(long first, long then);
}
