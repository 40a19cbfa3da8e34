// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.process.GuestProcess;
import dev.samara.emulator.linux.process.GuestSystem;
import dev.samara.emulator.linux.process.GuestThread;
import dev.samara.emulator.linux.signal.IntervalTimer;
import dev.samara.emulator.linux.wait.WaitList;
import dev.samara.emulator.linux.wait.WaitingThread;
import java.time.Instant;

/** The time calls. Times are in nanoseconds. */
final class TimeCalls {
    private static final int REALTIME = 0;
    private static final int PROCESS_CPU = 2;
    private static final int THREAD_CPU = 3;
    private static final int REALTIME_COARSE = 5;
    private static final int MONOTONIC_COARSE = 6;

    private static final int REALTIME_ALARM = 8;
    private static final int BOOTTIME_ALARM = 9;

    /**
     * The parts of the ID of a CPU-time clock: the inverted ID of a process or thread, a bit for a thread, and the kind
     * of time.
     */
    private static final int CPU_SHIFT = 3;

    private static final int CPU_THREAD = 4;
    private static final int CPU_KIND = 3;
    private static final int CPU_SCHED = 2;

    /** The kind bits of a device's clock. */
    private static final int OF_FILE = 3;

    /** The ID of a clock that no longer exists. */
    private static final int NO_CLOCK = 10;

    private static final int MOST_CLOCK = 11;

    /** The resolution of the coarse clocks of a kernel with 250 ticks a second. */
    private static final long TICK = 4_000_000;

    private static final int ABSOLUTE = 1;
    private static final int MICRO = 1000;
    private static final int TICKS = 100;

    /** A time of at least this many seconds never arrives. */
    private static final long MOST_SECONDS = Long.MAX_VALUE / CallMemory.SECOND;

    private static final int TIMERS = 3;

    private final GuestThread thread;
    private final CallMemory memory;

    TimeCalls(GuestThread thread) {
        this.thread = thread;
        memory = thread.memory();
    }

    static long wallNanos() {
        Instant now = Instant.now();
        return now.getEpochSecond() * CallMemory.SECOND + now.getNano();
    }

    static long monotonicNanos() {
        return GuestSystem.uptimeNanos();
    }

    /** Returns the deadline of a wait until a time of the real-time clock or of the monotonic clock. */
    static long deadline(long time, boolean isWall) {
        return WaitingThread.after(Math.max(time - (isWall ? wallNanos() : monotonicNanos()), 0));
    }

    private long now(int clock) {
        return switch (clock) {
            case REALTIME, REALTIME_COARSE, MOST_CLOCK -> wallNanos();
            case PROCESS_CPU -> thread.process().usedNanos();
            case THREAD_CPU -> thread.usedNanos();
            default -> monotonicNanos();
        };
    }

    private static boolean isClock(int clock) {
        return clock >= 0 && clock <= MOST_CLOCK && clock != NO_CLOCK && !isAlarm(clock);
    }

    /** Whether a clock can wake a suspended machine. Such clocks are not supported. */
    private static boolean isAlarm(int clock) {
        return clock == REALTIME_ALARM || clock == BOOTTIME_ALARM;
    }

    /**
     * Returns the CPU time of the clock with a negative ID ({@code pid_for_clock}).
     *
     * @param isRead whether the clock is read; if so, the ID of the calling thread may stand for its process
     * @return nanoseconds; -1 if there is no such clock
     */
    private long processorTime(int clock, boolean isRead) {
        int pid = ~(clock >> CPU_SHIFT);
        if ((clock & CPU_KIND) > CPU_SCHED) {
            return -1;
        }
        if ((clock & CPU_THREAD) != 0) {
            GuestThread found =
                    pid == 0 ? thread : thread.process().system().tree().findThread(pid);
            return found == null || found.process() != thread.process() ? -1 : found.usedNanos();
        }
        if (pid == 0 || (isRead && pid == thread.tid())) {
            return thread.process().usedNanos();
        }
        GuestProcess found = thread.process().system().tree().find(pid);
        return found == null ? -1 : found.usedNanos();
    }

    long get(long number, long address) {
        int clock = (int) number;
        long time = clock < 0 ? processorTime(clock, true) : isClock(clock) ? now(clock) : -1;
        if (time < 0) {
            return LinuxErrno.EINVAL;
        }
        memory.putTime(address, time);
        return 0;
    }

    long resolution(long number, long address) {
        int clock = (int) number;
        if (clock < 0 ? processorTime(clock, false) < 0 : !isClock(clock)) {
            return LinuxErrno.EINVAL;
        }
        boolean isTick =
                clock < 0 ? (clock & CPU_KIND) != CPU_SCHED : clock == REALTIME_COARSE || clock == MONOTONIC_COARSE;
        if (address != 0) {
            memory.putTime(address, isTick ? TICK : 1);
        }
        return 0;
    }

    long timeOfDay(long address) {
        if (address != 0) {
            long now = wallNanos();
            memory.putLong(address, now / CallMemory.SECOND);
            memory.putLong(address + Long.BYTES, now % CallMemory.SECOND / MICRO);
        }
        return 0;
    }

    long times(long address) {
        if (address != 0) {
            long[] ticks = {
                thread.process().usedNanos(), 0, thread.process().used().children(), 0
            };
            for (int i = 0; i < ticks.length; i++) {
                memory.putLong(address + (long) Long.BYTES * i, ticks[i] / (CallMemory.SECOND / TICKS));
            }
        }
        return monotonicNanos() / (CallMemory.SECOND / TICKS);
    }

    long sleep(long number, long flags, long address, long leftAddress) {
        int clock = (int) number;
        boolean isOfFile = clock < 0 && (clock & (CPU_KIND | CPU_THREAD)) == OF_FILE;
        if (isAlarm(clock) || isOfFile || (clock >= THREAD_CPU && clock <= MONOTONIC_COARSE)) {
            return LinuxErrno.EOPNOTSUPP;
        }
        if (clock >= 0 && !isClock(clock)) {
            return LinuxErrno.EINVAL;
        }
        long time = memory.getTime(address);
        if (time < 0 || (clock < 0 && !isClockToWaitFor(clock))) {
            return LinuxErrno.EINVAL;
        }
        boolean isAbsolute = (flags & ABSOLUTE) != 0;
        long deadline = isAbsolute
                ? WaitingThread.after(Math.max(time - (clock < 0 ? processorTime(clock, false) : now(clock)), 0))
                : thread.interruptedCall().deadlineIn(time);
        long waited = thread.await(new WaitList(), () -> false, deadline);
        if (waited == LinuxErrno.ETIMEDOUT) {
            return 0;
        }
        if (!isAbsolute && leftAddress != 0) {
            memory.putTime(leftAddress, Math.max(deadline - System.nanoTime(), 0));
        }
        return LinuxErrno.RESTART_WITHOUT_HANDLER;
    }

    /**
     * Whether a thread may wait for the clock with a negative ID. It may not wait for its own clock ({@code
     * posix_cpu_nsleep}).
     */
    private boolean isClockToWaitFor(int clock) {
        int id = ~(clock >> CPU_SHIFT);
        boolean isOwn = (clock & CPU_THREAD) != 0 && (id == 0 || id == thread.tid());
        return !isOwn && processorTime(clock, false) >= 0;
    }

    private void putTimer(long address, long interval, long left) {
        for (int i = 0; i < 2; i++) {
            long nanos = i == 0 ? interval : left;
            memory.putLong(address + 2L * Long.BYTES * i, nanos / CallMemory.SECOND);
            memory.putLong(address + 2L * Long.BYTES * i + Long.BYTES, nanos % CallMemory.SECOND / MICRO);
        }
    }

    /** Reads a time in seconds and microseconds; returns it in nanoseconds, or -1 if it is not normalised. */
    private long getMicros(long address) {
        long seconds = memory.getLong(address);
        long micros = memory.getLong(address + Long.BYTES);
        if (seconds < 0 || micros < 0 || micros >= CallMemory.SECOND / MICRO) {
            return -1;
        }
        return seconds < MOST_SECONDS ? seconds * CallMemory.SECOND + micros * MICRO : Long.MAX_VALUE;
    }

    long timer(long which, long address) {
        if (!isTimer(which)) {
            return LinuxErrno.EINVAL;
        }
        IntervalTimer timer = ofProcess(which);
        putTimer(address, timer.interval(), timer.left());
        return 0;
    }

    private static boolean isTimer(long which) {
        return (int) which >= 0 && (int) which < TIMERS;
    }

    private IntervalTimer ofProcess(long which) {
        GuestProcess process = thread.process();
        return switch ((int) which) {
            case 0 -> process.realTimer();
            case 1 -> process.virtualTimer();
            default -> process.profilingTimer();
        };
    }

    long setTimer(long which, long newAddress, long oldAddress) {
        long interval = newAddress == 0 ? 0 : getMicros(newAddress);
        long first = newAddress == 0 ? 0 : getMicros(newAddress + 2 * Long.BYTES);
        if (!isTimer(which) || interval < 0 || first < 0) {
            return LinuxErrno.EINVAL;
        }
        IntervalTimer timer = ofProcess(which);
        long oldInterval = timer.interval();
        long left = timer.left();
        timer.set(first, interval);
        // Stored last, so that the timer runs even if the old value cannot be stored.
        if (oldAddress != 0) {
            putTimer(oldAddress, oldInterval, left);
        }
        return 0;
    }
}
