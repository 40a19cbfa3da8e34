// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.core.CpuStatistics;
import dev.samara.core.SpaceStatistics;
import dev.samara.emulator.linux.abi.GuestText;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.abi.WaitStatus.WaitOptions;
import dev.samara.emulator.linux.file.DeviceFile;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.process.GuestProcess;
import dev.samara.emulator.linux.process.GuestProcess.ResourceLimits;
import dev.samara.emulator.linux.process.GuestSystem;
import dev.samara.emulator.linux.process.GuestThread;
import dev.samara.emulator.linux.process.ProcessTree;
import dev.samara.emulator.linux.process.ProgramStart.ProgramNames;
import dev.samara.emulator.linux.signal.PendingSignals.SignalInfo;
import dev.samara.emulator.linux.wait.WaitList.WaitingThread;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.BitSet;

/** The calls that wait for children, and the calls that return or set properties of a process or of its machine. */
final class ProcessCalls {
    private static final int USAGE = 144;
    private static final int USAGE_SELF = 0;
    private static final int USAGE_CHILDREN = -1;
    private static final int USAGE_THREAD = 1;
    private static final int MOST_MEMORY = 32;
    private static final int RANDOM_CHUNK = 64 << 10;

    /** The maximum number of bytes of one {@code getrandom} ({@code INT_MAX >> 6}). */
    private static final int MOST_RANDOM = (1 << 25) - 1;

    private static final int MINOR_FAULTS = 64;
    private static final int MAJOR_FAULTS = 72;
    private static final int RANDOM_NO_WAIT = 1;
    private static final int RANDOM_BLOCKING = 2;
    private static final int RANDOM_INSECURE = 4;

    /** How many bytes of {@code siginfo_t} a wait writes. */
    private static final int CHILD_INFO = 28;

    private static final int MICRO = 1000;
    private static final long PAGE = 4096;
    private static final int BY_ALL = 0;
    private static final int BY_PID = 1;
    private static final int BY_GROUP = 2;

    private static final int NAME = 65;
    private static final int SYSINFO = 112;
    private static final int PR_SET_NAME = 15;
    private static final int PR_GET_NAME = 16;

    private final GuestThread thread;
    private final CallMemory memory;

    private final SignalCalls signals;

    ProcessCalls(GuestThread thread, SignalCalls signals) {
        this.thread = thread;
        memory = thread.memory();
        this.signals = signals;
    }

    private GuestProcess process() {
        return thread.process();
    }

    private ProcessTree tree() {
        return process().system.tree;
    }

    /** Waits for a child; returns 0, an error, or 1 if {@code found} contains a child. */
    private long await(int wanted, WaitOptions options, GuestProcess[] found) {
        GuestProcess own = process();
        if (!tree().hasChild(own, wanted, options)) {
            return LinuxErrno.ECHILD;
        }
        long waited = thread.await(
                own.childEnds,
                () -> {
                    found[0] = tree().takeEnded(own, wanted, options);
                    return found[0] != null || !options.hangs() || !tree().hasChild(own, wanted, options);
                },
                WaitingThread.NEVER);
        if (waited != 0) {
            return waited;
        }
        return found[0] != null ? 1 : options.hangs() ? LinuxErrno.ECHILD : 0;
    }

    long wait4(long pid, long statusAddress, long bits, long usageAddress) {
        WaitOptions options = WaitOptions.ofWait4((int) bits);
        if (options == null) {
            return LinuxErrno.EINVAL;
        }
        if ((int) pid == Integer.MIN_VALUE) {
            return LinuxErrno.ESRCH;
        }
        GuestProcess[] found = new GuestProcess[1];
        long result = await((int) pid, options, found);
        if (result != 1) {
            return result;
        }
        if (statusAddress != 0) {
            memory.putInt(statusAddress, found[0].exitStatus());
        }
        if (usageAddress != 0) {
            memory.put(usageAddress, structure(found[0].usedNanos(), 0));
        }
        return found[0].pid;
    }

    long waitId(long kind, long id, long infoAddress, long bits, long usageAddress) {
        GuestProcess[] found = new GuestProcess[1];
        long result = waitId(kind, id, bits, found);
        if (usageAddress != 0 && result == 1) {
            memory.put(usageAddress, structure(found[0].usedNanos(), 0));
        }
        if (infoAddress != 0) {
            // Written even if no child was found, and even after an error.
            ByteBuffer info = CallMemory.structure(SignalInfo.BYTES);
            if (result == 1) {
                int status = found[0].exitStatus();
                int child = found[0].pid;
                int user = process().system.user;
                SignalInfo.ofChild(SignalInfo.CHLD, child, user, status).putTo(info);
            }
            byte[] written = new byte[CHILD_INFO];
            info.get(0, written);
            memory.put(infoAddress, written);
        }
        return Math.min(result, 0);
    }

    private long waitId(long kind, long id, long bits, GuestProcess[] found) {
        WaitOptions options = WaitOptions.ofWaitId((int) bits);
        if (options == null
                || ((int) kind == BY_PID && (int) id <= 0)
                || (int) kind < BY_ALL
                || (int) kind > BY_GROUP) {
            return LinuxErrno.EINVAL;
        }
        int wanted = (int) kind == BY_ALL ? -1 : (int) kind == BY_PID ? (int) id : -(int) id;
        return await(wanted, options, found);
    }

    long name(long address) {
        ByteBuffer names = CallMemory.structure(6 * NAME);
        String[] texts = {"Linux", "samara", "6.1.0", "#1 SMP", "riscv64", "(none)"};
        for (int i = 0; i < texts.length; i++) {
            names.put(NAME * i, GuestText.bytes(texts[i]));
        }
        memory.put(address, names);
        return 0;
    }

    long systemInfo(long address) {
        GuestSystem system = process().system;
        long total = system.memoryBytes;
        long used = system.machine.statistics().framesInUse() * 4096;
        ByteBuffer info = CallMemory.structure(SYSINFO);
        info.putLong(0, TimeCalls.monotonicNanos() / CallMemory.SECOND);
        info.putLong(32, total).putLong(40, Math.max(total - used, 0));
        info.putShort(80, (short) tree().all().size()).putInt(104, 1);
        memory.put(address, info);
        return 0;
    }

    /** {@code prlimit64}. Checks the memory, the process, its owner and the limit, in the order of the kernel. */
    long limit(long pid, long number, long newAddress, long oldAddress) {
        long soft = newAddress == 0 ? 0 : memory.getLong(newAddress);
        long hard = newAddress == 0 ? 0 : memory.getLong(newAddress + Long.BYTES);
        GuestProcess target = (int) pid == 0 ? process() : signals.process((int) pid);
        if (target == null) {
            return LinuxErrno.ESRCH;
        }
        // The kernel's number has 32 bits.
        int resource = (int) number;
        if (resource < 0 || resource >= ResourceLimits.COUNT || Long.compareUnsigned(soft, hard) > 0) {
            return LinuxErrno.EINVAL;
        }
        ResourceLimits limits = target.limits;
        long oldSoft = limits.soft(resource);
        long oldHard = limits.hard(resource);
        if (newAddress != 0 && !target.setLimit(resource, soft, hard)) {
            return LinuxErrno.EPERM;
        }
        if (oldAddress != 0) {
            memory.putLong(oldAddress, oldSoft);
            memory.putLong(oldAddress + Long.BYTES, oldHard);
        }
        return 0;
    }

    long group(long pid) {
        int found = tree().group((int) pid == 0 ? process().pid : (int) pid);
        return found < 0 ? LinuxErrno.ESRCH : found;
    }

    long setGroup(long pid, long group) {
        int target = (int) pid == 0 ? process().pid : (int) pid;
        return (int) group < 0
                ? LinuxErrno.EINVAL
                : tree().setGroup(process(), target, (int) group == 0 ? target : (int) group);
    }

    /** {@code prctl}; a group of its options is about memory. */
    long control(MemoryCalls ofMemory, long option, long address, long second, long third, long fourth) {
        switch ((int) option) {
            case PR_SET_NAME -> {
                String name = memory.string(address, ProgramNames.BYTES);
                thread.name(name.length() < ProgramNames.BYTES ? name : name.substring(0, ProgramNames.BYTES - 1));
                return 0;
            }
            case PR_GET_NAME -> {
                memory.put(address, Arrays.copyOf(GuestText.bytes(thread.name()), ProgramNames.BYTES));
                return 0;
            }
            default -> {
                return ofMemory.option((int) option, address, second, third, fourth);
            }
        }
    }

    /** {@code sched_getaffinity}: each thread may run on all processors. */
    long processors(long tid, long length, long address) {
        int count = process().system.processors;
        int bytes = (count + Long.SIZE - 1) / Long.SIZE * Long.BYTES;
        if ((length & 0xffff_ffffL) < bytes) {
            return LinuxErrno.EINVAL;
        }
        if ((int) tid != 0 && tree().findThread((int) tid) == null) {
            return LinuxErrno.ESRCH;
        }
        BitSet set = new BitSet();
        set.set(0, count);
        memory.put(address, Arrays.copyOf(set.toByteArray(), bytes));
        return bytes;
    }

    /** {@code getcpu}: the host chooses processors, so each thread reports one of its own. */
    long processor(long cpuAddress, long nodeAddress) {
        if (cpuAddress != 0) {
            memory.putInt(cpuAddress, thread.tid() % process().system.processors);
        }
        if (nodeAddress != 0) {
            memory.putInt(nodeAddress, 0);
        }
        return 0;
    }

    /**
     * {@code getrusage}: stores the CPU time, all of it as user time, the peak memory, and the page faults since the
     * program or the thread started.
     */
    long usage(long whose, long address) {
        long nanos;
        switch ((int) whose) {
            case USAGE_SELF -> nanos = process().usedNanos();
            case USAGE_CHILDREN -> nanos = process().used.children();
            case USAGE_THREAD -> nanos = thread.usedNanos();
            default -> {
                return LinuxErrno.EINVAL;
            }
        }
        long most = (int) whose == USAGE_CHILDREN
                ? 0
                : process().memory().space.residency().peak();
        ByteBuffer usage = structure(nanos, most);
        if ((int) whose == USAGE_SELF) {
            SpaceStatistics events = process().memory().space.statistics();
            usage.putLong(MINOR_FAULTS, events.minorFaults()).putLong(MAJOR_FAULTS, events.majorFaults());
        } else if ((int) whose == USAGE_THREAD) {
            CpuStatistics events = thread.cpu.statistics();
            usage.putLong(MINOR_FAULTS, events.minorFaults()).putLong(MAJOR_FAULTS, events.majorFaults());
        }
        memory.put(address, usage);
        return 0;
    }

    private static ByteBuffer structure(long nanos, long pages) {
        ByteBuffer usage = CallMemory.structure(USAGE);
        usage.putLong(0, nanos / CallMemory.SECOND).putLong(Long.BYTES, nanos % CallMemory.SECOND / MICRO);
        return usage.putLong(MOST_MEMORY, pages * (PAGE >> 10));
    }

    long random(long address, long length, long flags) {
        boolean isContrary = (flags & RANDOM_BLOCKING) != 0 && (flags & RANDOM_INSECURE) != 0;
        if (((int) flags & ~(RANDOM_NO_WAIT | RANDOM_BLOCKING | RANDOM_INSECURE)) != 0 || isContrary) {
            return LinuxErrno.EINVAL;
        }
        long wanted = Math.min(Math.max(length, 0), MOST_RANDOM);
        long refused = TransferCalls.MemoryVector.of(memory, address, wanted).error;
        if (refused != 0) {
            return refused;
        }
        byte[] bytes = new byte[(int) Math.min(wanted, RANDOM_CHUNK)];
        long done = 0;
        while (done < wanted) {
            DeviceFile.fillRandomly(bytes);
            int part = (int) Math.min(wanted - done, bytes.length);
            int put = memory.putSome(address + done, bytes, 0, part);
            done += put;
            if (put < part) {
                return done == 0 ? LinuxErrno.EFAULT : done;
            }
        }
        return done;
    }
}
