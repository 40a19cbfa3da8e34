// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.core.guest.FutexTable;
import dev.samara.core.guest.FutexWaiter;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.process.GuestThread;
import dev.samara.emulator.linux.process.NumberedTask;
import dev.samara.emulator.linux.wait.RobustList;
import dev.samara.emulator.linux.wait.WaitList;
import dev.samara.emulator.linux.wait.WaitingThread;

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

    private final GuestThread thread;
    private final CallMemory memory;

    FutexCalls(GuestThread thread) {
        this.thread = thread;
        memory = thread.memory();
    }

    private FutexTable table() {
        return thread.process().system().futexes();
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
        thread.robustList().set(address);
        return 0;
    }

    long getRobust(long tid, long headAddress, long lengthAddress) {
        NumberedTask found = (int) tid == 0
                ? new NumberedTask(thread.process(), thread)
                : thread.process().system().tree().findTask((int) tid);
        if (found == null) {
            return LinuxErrno.ESRCH;
        }
        boolean isOwn = found.process().pid() == thread.process().pid();
        if (!isOwn && !thread.credentials().mayInspect(found.credentials())) {
            return LinuxErrno.EPERM;
        }
        GuestThread running = found.thread();
        // A thread that has ended has no list any more.
        long head = running == null ? 0 : running.robustList().head();
        if (head < 0 && head >= LAST_ERROR) {
            // The address looks like an errno. Linux mistakes it for one, because futex_get_robust_list_common returns
            // the address.
            return head;
        }
        memory.putLong(lengthAddress, RobustList.HEAD_BYTES);
        memory.putLong(headAddress, head);
        return 0;
    }
}
