// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.process.GuestThread;

/**
 * Priorities of threads. The host decides when a thread runs, and the guest's user may not raise a priority, so each
 * thread has that with which it began; one that is lowered stays as it was, of which docs/emulator.md tells.
 */
final class PriorityCalls {
    private static final int BY_THREAD = 0;
    private static final int BY_GROUP = 1;
    private static final int BY_USER = 2;
    private static final int OTHER = 0;
    private static final int FIFO = 1;
    private static final int ROUND_ROBIN = 2;
    private static final int BATCH = 3;
    private static final int IDLE = 5;
    private static final int DEADLINE = 6;
    private static final int HIGHEST = 99;

    /** {@code getpriority} answers 20 less the nice value, so that no answer is an error. */
    private static final int NORMAL = 20;

    private final GuestThread thread;

    PriorityCalls(GuestThread thread) {
        this.thread = thread;
    }

    private static boolean isRealTime(long policy) {
        return policy == FIFO || policy == ROUND_ROBIN;
    }

    private static boolean isKnown(long policy) {
        return policy == OTHER || isRealTime(policy) || policy == BATCH || policy == IDLE || policy == DEADLINE;
    }

    long highest(long policy) {
        return !isKnown(policy) ? LinuxErrno.EINVAL : isRealTime(policy) ? HIGHEST : 0;
    }

    long lowest(long policy) {
        return !isKnown(policy) ? LinuxErrno.EINVAL : isRealTime(policy) ? 1 : 0;
    }

    private boolean isThere(long tid) {
        return tid == 0
                || thread.process().find((int) tid) != null
                || thread.process().system().tree().find((int) tid) != null;
    }

    long policy(long tid) {
        return (int) tid < 0 ? LinuxErrno.EINVAL : isThere(tid) ? OTHER : LinuxErrno.ESRCH;
    }

    long parameter(long tid, long address) {
        if ((int) tid < 0 || address == 0) {
            return LinuxErrno.EINVAL;
        }
        if (!isThere(tid)) {
            return LinuxErrno.ESRCH;
        }
        thread.memory().putInt(address, 0);
        return 0;
    }

    long setPolicy(long tid, long policy, long address) {
        if ((int) tid < 0 || address == 0 || !isKnown(policy)) {
            return LinuxErrno.EINVAL;
        }
        int priority = thread.memory().getInt(address);
        if (!isThere(tid)) {
            return LinuxErrno.ESRCH;
        }
        if (isRealTime(policy) != (priority != 0) || priority < 0 || priority > HIGHEST) {
            return LinuxErrno.EINVAL;
        }
        return policy == OTHER || policy == BATCH || policy == IDLE ? 0 : LinuxErrno.EPERM;
    }

    /** Whether a thread, a group or a user exists. */
    private boolean isThere(int kind, long who) {
        return switch (kind) {
            case BY_THREAD -> isThere(who);
            case BY_GROUP ->
                (int) who == 0
                        || !thread.process().system().tree().ofGroup((int) who).isEmpty();
            default ->
                (int) who == 0 || (int) who == thread.credentials().users().real();
        };
    }

    long nice(long kind, long who) {
        if ((int) kind < 0 || (int) kind > BY_USER) {
            return LinuxErrno.EINVAL;
        }
        return isThere((int) kind, who) ? NORMAL : LinuxErrno.ESRCH;
    }

    long setNice(long kind, long who, long value) {
        if ((int) kind < 0 || (int) kind > BY_USER) {
            return LinuxErrno.EINVAL;
        }
        if (!isThere((int) kind, who)) {
            return LinuxErrno.ESRCH;
        }
        return (int) value < 0 ? LinuxErrno.EACCES : 0;
    }
}
