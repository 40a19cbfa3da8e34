// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.process.Credentials;
import dev.samara.emulator.linux.process.GuestProcess;
import dev.samara.emulator.linux.process.GuestThread;
import dev.samara.emulator.linux.process.NumberedTask;
import dev.samara.emulator.linux.process.ProcessTree;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The calls for priorities of threads. The host decides when a thread runs, so each thread keeps the priority with
 * which it started: the guest's user may not raise a priority, and a call that lowers one has no effect
 * (docs/emulator.md).
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

    /** {@code getpriority} returns 20 minus the nice value, so that no result can be mistaken for an error. */
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

    private @Nullable NumberedTask find(long tid) {
        return (int) tid == 0 ? new NumberedTask(thread.process(), thread) : tree().findTask((int) tid);
    }

    private ProcessTree tree() {
        return thread.process().system().tree();
    }

    private boolean isThere(long tid) {
        return find(tid) != null;
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
        NumberedTask target = find(tid);
        if (target == null) {
            return LinuxErrno.ESRCH;
        }
        if (isRealTime(policy) != (priority != 0) || priority < 0 || priority > HIGHEST) {
            return LinuxErrno.EINVAL;
        }
        boolean isLow = policy == OTHER || policy == BATCH || policy == IDLE;
        return isLow && thread.credentials().maySchedule(target.credentials()) ? 0 : LinuxErrno.EPERM;
    }

    /** Returns the credentials of a thread, or of the processes of a group or user, including zombies. */
    private List<Credentials> owners(int kind, int who) {
        return switch (kind) {
            case BY_THREAD -> {
                NumberedTask found = find(who);
                yield found == null ? List.of() : List.of(found.credentials());
            }
            case BY_GROUP -> {
                int own = (int) tree().group(thread.process().pid());
                yield tree().ofGroup(who == 0 ? own : who).stream()
                        .map(GuestProcess::credentials)
                        .toList();
            }
            default -> ofUser(who == 0 ? thread.credentials().users().real() : who);
        };
    }

    private List<Credentials> ofUser(int user) {
        Stream<Credentials> ofProcesses = tree().all().stream().map(GuestProcess::credentials);
        // The user of the calling thread may differ from that of its process.
        return Stream.concat(Stream.of(thread.credentials()), ofProcesses)
                .filter(each -> each.users().real() == user)
                .toList();
    }

    long nice(long kind, long who) {
        if ((int) kind < 0 || (int) kind > BY_USER) {
            return LinuxErrno.EINVAL;
        }
        return owners((int) kind, (int) who).isEmpty() ? LinuxErrno.ESRCH : NORMAL;
    }

    long setNice(long kind, long who, long value) {
        if ((int) kind < 0 || (int) kind > BY_USER) {
            return LinuxErrno.EINVAL;
        }
        List<Credentials> owners = owners((int) kind, (int) who);
        long result = owners.isEmpty() ? LinuxErrno.ESRCH : 0;
        for (Credentials each : owners) {
            if (!thread.credentials().maySchedule(each)) {
                result = LinuxErrno.EPERM;
            } else if ((int) value < 0) {
                result = LinuxErrno.EACCES;
            }
        }
        return result;
    }
}
