// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.core.guest.FutexTable;
import dev.samara.core.guest.FutexWaiter;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.process.GuestThread;
import dev.samara.emulator.linux.wait.RobustList;
import dev.samara.emulator.linux.wait.WaitList;
import dev.samara.emulator.linux.wait.WaitList.WaitingThread;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** {@code futex}, and the calls that set and return the robust list of a thread. */
final class FutexCalls {
    private static final int WAIT = 0;
    private static final int WAKE = 1;
    private static final int REQUEUE = 3;
    private static final int COMPARE_REQUEUE = 4;
    private static final int WAKE_OPERATION = 5;
    private static final int WAIT_BITS = 9;
    private static final int WAKE_BITS = 10;
    private static final int PRIVATE = 128;
    private static final int WALL_CLOCK = 256;

    /** The last errno ({@code MAX_ERRNO}). */
    private static final int LAST_ERROR = -4095;

    private static final int MOST_WORDS = 128;
    private static final int ENTRY = 24;
    private static final int SIZE_OF_INT = 2;
    private static final int REALTIME = 0;
    private static final int MONOTONIC = 1;

    private final GuestThread thread;
    private final CallMemory memory;

    FutexCalls(GuestThread thread) {
        this.thread = thread;
        memory = thread.memory();
    }

    private FutexTable table() {
        return thread.process().system.futexes();
    }

    long futex(long address, long operation, long value, long fourth, long other, long last) {
        boolean isPrivate = (operation & PRIVATE) != 0;
        int command = (int) operation & ~(PRIVATE | WALL_CLOCK);
        boolean hasTime = command == WAIT || command == WAIT_BITS;
        if (hasTime && fourth != 0 && memory.getTime(fourth) < 0) {
            return LinuxErrno.EINVAL;
        }
        boolean isWall = (operation & WALL_CLOCK) != 0;
        if (!isKnown(command) || (isWall && command != WAIT_BITS)) {
            return LinuxErrno.ENOSYS;
        }
        boolean moves = command == REQUEUE || command == COMPARE_REQUEUE;
        if (moves && ((int) value < 0 || (int) fourth < 0)) {
            return LinuxErrno.EINVAL;
        }
        if ((address & 3) != 0) {
            return LinuxErrno.EINVAL;
        }
        return switch (command) {
            case WAIT -> await(address, isPrivate, (int) value, -1, fourth, false, false);
            case WAIT_BITS -> await(address, isPrivate, (int) value, (int) last, fourth, true, isWall);
            default ->
                memory.call(guest -> {
                    boolean isShared = !isPrivate;
                    int number = (int) value;
                    int second = (int) fourth;
                    return switch (command) {
                        case WAKE -> table().wake(guest, address, isShared, number, FutexTable.ANY);
                        case WAKE_BITS -> table().wake(guest, address, isShared, number, (int) last);
                        case REQUEUE -> table().requeue(guest, address, other, isShared, number, second);
                        case COMPARE_REQUEUE ->
                            table().compareAndRequeue(guest, address, other, isShared, number, second, (int) last);
                        default -> table().wakeOp(guest, address, other, isShared, number, second, (int) last);
                    };
                });
        };
    }

    private static boolean isKnown(int command) {
        return switch (command) {
            case WAIT, WAKE, REQUEUE, COMPARE_REQUEUE, WAKE_OPERATION, WAIT_BITS, WAKE_BITS -> true;
            default -> false;
        };
    }

    private long await(
            long address, boolean isPrivate, int expected, int bits, long time, boolean isAbsolute, boolean isWall) {
        if (bits == 0) {
            return LinuxErrno.EINVAL;
        }
        long deadline = WaitingThread.NEVER;
        if (time != 0) {
            long given = memory.getTime(time);
            if (given < 0) {
                return LinuxErrno.EINVAL;
            }
            deadline = isAbsolute
                    ? TimeCalls.deadline(given, isWall)
                    : thread.interruptedCall().deadlineIn(given);
        }
        FutexWaiter waiter = table().newWaiter(bits, thread::wake);
        long waited = LinuxErrno.EINTR;
        try {
            long queued = memory.call(guest -> waiter.queue(guest, address, !isPrivate, expected));
            if (queued != 0) {
                return queued;
            }
            waited = thread.await(new WaitList(), waiter::isWoken, deadline);
        } finally {
            if (waiter.unqueue()) {
                waited = 0;
            }
        }
        if (waited == LinuxErrno.RESTART && deadline != WaitingThread.NEVER && deadline - System.nanoTime() <= 0) {
            // The kernel checks the timeout before it checks for signals.
            return LinuxErrno.ETIMEDOUT;
        }
        boolean isAgain = waited == LinuxErrno.RESTART && time != 0 && !isAbsolute;
        return isAgain ? LinuxErrno.RESTART_WITHOUT_HANDLER : waited;
    }

    long setRobust(long address, long length) {
        if (length != RobustList.HEAD_BYTES) {
            return LinuxErrno.EINVAL;
        }
        thread.robustList.set(address);
        return 0;
    }

    long getRobust(long tid, long headAddress, long lengthAddress) {
        GuestThread found =
                (int) tid == 0 ? thread : thread.process().system.tree.findThread((int) tid);
        if (found == null) {
            return LinuxErrno.ESRCH;
        }
        long head = found.robustList.head();
        if (head < 0 && head >= LAST_ERROR) {
            // The address looks like an errno. Linux mistakes it for one, because futex_get_robust_list_common returns
            // the address.
            return head;
        }
        memory.putLong(lengthAddress, RobustList.HEAD_BYTES);
        memory.putLong(headAddress, head);
        return 0;
    }

    /** A word to wait on ({@code struct futex_waitv}). */
    private record WaitedWord(long address, int expected, boolean isPrivate) {}

    /** Returns the index of a word that was woken, or an errno. */
    long awaitAny(long vector, long count, long flags, long timeAddress, long clock) {
        int words = (int) count;
        if ((int) flags != 0 || words <= 0 || words > MOST_WORDS || vector == 0) {
            return LinuxErrno.EINVAL;
        }
        long deadline = WaitingThread.NEVER;
        if (timeAddress != 0) {
            boolean isWall = (int) clock == REALTIME;
            long time = isWall || (int) clock == MONOTONIC ? memory.getTime(timeAddress) : -1;
            if (time < 0) {
                return LinuxErrno.EINVAL;
            }
            deadline = TimeCalls.deadline(time, isWall);
        }
        List<WaitedWord> waited = new ArrayList<>();
        for (int i = 0; i < words; i++) {
            ByteBuffer entry = memory.getBuffer(vector + (long) ENTRY * i, ENTRY);
            long expected = entry.getLong(0);
            int kind = entry.getInt(16);
            if ((kind & ~PRIVATE) != SIZE_OF_INT || entry.getInt(20) != 0 || expected >>> Integer.SIZE != 0) {
                return LinuxErrno.EINVAL;
            }
            waited.add(new WaitedWord(entry.getLong(8), (int) expected, (kind & PRIVATE) != 0));
        }
        return awaitAny(waited, deadline);
    }

    private long awaitAny(List<WaitedWord> words, long deadline) {
        List<FutexWaiter> waiters = new ArrayList<>();
        long result = LinuxErrno.EINTR;
        int woken = -1;
        try {
            result = begin(words, waiters);
            if (result == 0) {
                result = thread.await(new WaitList(), () -> waiters.stream().anyMatch(FutexWaiter::isWoken), deadline);
            }
        } finally {
            for (int i = 0; i < waiters.size(); i++) {
                woken = waiters.get(i).unqueue() ? i : woken;
            }
        }
        return woken >= 0 ? woken : result;
    }

    /** Starts to wait on each word; returns EAGAIN if a word does not have its expected value. */
    private long begin(List<WaitedWord> words, List<FutexWaiter> waiters) {
        // The keys of all words are computed first, as in futex_wait_multiple_setup.
        for (WaitedWord each : words) {
            if ((each.address & 3) != 0) {
                return LinuxErrno.EINVAL;
            }
            memory.futexKey(each.address, each.isPrivate);
        }
        for (WaitedWord each : words) {
            FutexWaiter waiter = table().newWaiter(FutexTable.ANY, thread::wake);
            // Added to the list before it is queued, so that it is removed from the table even if an exception is
            // thrown.
            waiters.add(waiter);
            long queued = memory.call(guest -> waiter.queue(guest, each.address, !each.isPrivate, each.expected));
            if (queued != 0) {
                return queued;
            }
        }
        return 0;
    }
}
