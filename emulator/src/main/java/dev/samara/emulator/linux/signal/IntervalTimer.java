// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.signal;

/** A timer of a process that sends a signal ({@code setitimer}). Times are in nanoseconds. Thread-safe. */
public interface IntervalTimer {
    /** Returns the time that is left; 0 for a timer that is not set. */
    long left();

    /** Returns the time between two signals; 0 for one signal. */
    long interval();

    /**
     * Sets the timer. Once this returns, no signal of an earlier setting is sent: one that is being sent is waited for
     * ({@code hrtimer_cancel} in {@code do_setitimer}). So the caller holds no lock that sending a signal takes.
     *
     * @param first the time to the first signal; 0 ends the timer
     * @param then the time between two signals; 0 for one signal
     */
    void set(long first, long then);
}
