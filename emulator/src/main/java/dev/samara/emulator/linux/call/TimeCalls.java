// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.process.GuestSystem;
import dev.samara.emulator.linux.process.GuestThread;
import dev.samara.emulator.linux.signal.AlarmTimer;
import dev.samara.emulator.linux.wait.WaitList;
import dev.samara.emulator.linux.wait.WaitList.WaitingThread;
import java.time.Instant;

/** The time calls. Times are in nanoseconds. */
final class TimeCalls {
    private static final int REALTIME = 0;
    static final int MONOTONIC = 1;
    private static final int PROCESS_CPU = 2;
    private static final int THREAD_CPU = 3;
    private static final int MONOTONIC_RAW = 4;
    private static final int REALTIME_COARSE = 5;
    private static final int MONOTONIC_COARSE = 6;
    private static final int BOOTTIME = 7;

    /** The resolution of the coarse clocks of a kernel with 250 ticks a second. */
    private static final long TICK = 4_000_000;

    private static final int ABSOLUTE = 1;
    private static final int MICRO = 1000;
    private static final int TICKS = 100;

    /** A time of at least this many seconds never arrives. */
    private static final long MOST_SECONDS = Long.MAX_VALUE / CallMemory.SECOND;

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

    /** Returns the time of a clock; -1 if there is none. Each process reads only its own processor time. */
    private long now(int clock) {
        return switch (clock) {
            case REALTIME, REALTIME_COARSE -> wallNanos();
            case PROCESS_CPU -> thread.process().usedNanos();
            case THREAD_CPU -> thread.usedNanos();
            case MONOTONIC, MONOTONIC_RAW, MONOTONIC_COARSE, BOOTTIME -> monotonicNanos();
            default -> -1;
        };
    }

    long get(long clock, long address) {
        long time = now((int) clock);
        if (time < 0) {
            return LinuxErrno.EINVAL;
        }
        memory.putTime(address, time);
        return 0;
    }

    long resolution(long clock, long address) {
        if (now((int) clock) < 0) {
            return LinuxErrno.EINVAL;
        }
        if (address != 0) {
            memory.putTime(address, (int) clock == REALTIME_COARSE || (int) clock == MONOTONIC_COARSE ? TICK : 1);
        }
        return 0;
    }

    long times(long address) {
        if (address != 0) {
            long[] ticks = {
                thread.process().usedNanos(), 0, thread.process().used.children(), 0
            };
            for (int i = 0; i < ticks.length; i++) {
                memory.putLong(address + (long) Long.BYTES * i, ticks[i] / (CallMemory.SECOND / TICKS));
            }
        }
        return monotonicNanos() / (CallMemory.SECOND / TICKS);
    }

    long sleep(long number, long flags, long address, long leftAddress) {
        int clock = (int) number;
        if (clock >= THREAD_CPU && clock <= MONOTONIC_COARSE) {
            return LinuxErrno.EOPNOTSUPP;
        }
        long time = memory.getTime(address);
        if (time < 0 || now(clock) < 0) {
            return LinuxErrno.EINVAL;
        }
        boolean isAbsolute = (flags & ABSOLUTE) != 0;
        long deadline = isAbsolute
                ? WaitingThread.after(Math.max(time - now(clock), 0))
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

    /** Reads a time in seconds and microseconds; returns it in nanoseconds, or -1 if it is not normalised. */
    private long getMicros(long address) {
        long seconds = memory.getLong(address);
        long micros = memory.getLong(address + Long.BYTES);
        if (seconds < 0 || micros < 0 || micros >= CallMemory.SECOND / MICRO) {
            return -1;
        }
        return seconds < MOST_SECONDS ? seconds * CallMemory.SECOND + micros * MICRO : Long.MAX_VALUE;
    }

    /** {@code setitimer}, for the timer of real time. */
    long setTimer(long which, long newAddress, long oldAddress) {
        long interval = newAddress == 0 ? 0 : getMicros(newAddress);
        long first = newAddress == 0 ? 0 : getMicros(newAddress + 2 * Long.BYTES);
        if ((int) which != 0 || interval < 0 || first < 0) {
            return LinuxErrno.EINVAL;
        }
        AlarmTimer timer = thread.process().realTimer;
        long[] old = {timer.interval(), timer.left()};
        timer.set(first, interval);
        // Stored last, so that the timer runs even if the old value cannot be stored.
        for (int i = 0; oldAddress != 0 && i < old.length; i++) {
            memory.putLong(oldAddress + 2L * Long.BYTES * i, old[i] / CallMemory.SECOND);
            memory.putLong(oldAddress + 2L * Long.BYTES * i + Long.BYTES, old[i] % CallMemory.SECOND / MICRO);
        }
        return 0;
    }
}
