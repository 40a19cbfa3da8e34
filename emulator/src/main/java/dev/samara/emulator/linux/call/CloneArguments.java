// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.emulator.elf.ProgramLoader;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.signal.SignalInfo;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * The arguments of {@code clone} and {@code clone3} ({@code struct kernel_clone_args}).
 *
 * @param error the errno of arguments that every kernel rejects; 0 if there is no such error
 * @param refusal the errno of a request that this kernel does not support or permit, returned after the limits were
 *     checked; 0 if there is no such error
 * @param flags the bits of this class
 * @param endSignal the signal that the parent receives when the child ends; 0 if none
 * @param stack the end of the stack; 0 for the stack of the caller
 * @param descriptor the address at which the child's pidfd is stored
 * @param parentTid the address at which the child's tid is stored in the caller's memory
 * @param childTid the address at which the child's tid is stored in the child's memory, and cleared when the child ends
 * @param tls the thread pointer
 */
record CloneArguments(
        long error,
        long refusal,
        long flags,
        int endSignal,
        long stack,
        long descriptor,
        long parentTid,
        long childTid,
        long tls) {
    static final long VM = 0x100;
    static final long FS = 0x200;
    static final long FILES = 0x400;
    static final long SIGHAND = 0x800;
    static final long PIDFD = 0x1000;
    static final long VFORK = 0x4000;
    static final long PARENT = 0x8000;
    static final long THREAD = 0x10000;
    static final long SETTLS = 0x80000;
    static final long PARENT_SETTID = 0x100000;
    static final long CHILD_CLEARTID = 0x200000;
    static final long CHILD_SETTID = 0x1000000;
    static final long CLEAR_SIGHAND = 0x1_0000_0000L;

    private static final long END_SIGNAL = 0xff;
    private static final long DETACHED = 0x400000;
    private static final long NEWNS = 0x20000;
    private static final long NEWUSER = 0x10000000;
    private static final long NEWPID = 0x20000000;
    private static final long NEWTIME = 0x80;

    /** Namespaces that only a privileged process may create: mount, cgroup, UTS, IPC, PID, network and time. */
    private static final long PRIVILEGED = NEWNS | 0x2000000 | 0x4000000 | 0x8000000 | NEWPID | 0x40000000 | NEWTIME;

    private static final long INTO_CGROUP = 0x2_0000_0000L;
    private static final long LEGACY = 0xffff_ffffL;

    /** The sizes of {@code struct clone_args}: the first version's, the last version's, and the maximum. */
    private static final int FIRST_SIZE = 64;

    private static final int SIZE = 88;
    private static final int MOST_SIZE = 4096;
    private static final int MOST_LEVELS = 32;
    private static final int MOST_PIDS = 1 << 22;
    private static final long END_OF_MEMORY = ProgramLoader.GEOMETRY.limit();

    /** The arguments are in the order of RISC-V: flags, stack, parent's tid, tls, child's tid. */
    static CloneArguments ofClone(long given, long stack, long parentTid, long tls, long childTid) {
        long flags = given & LEGACY & ~END_SIGNAL;
        // PIDFD and PARENT_SETTID exclude each other, because both would be stored at the same address.
        long error = all(flags, PIDFD | PARENT_SETTID) ? LinuxErrno.EINVAL : check(flags);
        int endSignal = (int) (given & END_SIGNAL);
        return new CloneArguments(
                error, namespaces(flags), flags, endSignal, stack, parentTid, parentTid, childTid, tls);
    }

    private static CloneArguments failed(long error) {
        return new CloneArguments(error, 0, 0, 0, 0, 0, 0, 0, 0);
    }

    /** Reads a {@code struct clone_args} of the given size ({@code copy_clone_args_from_user}). */
    static CloneArguments ofClone3(CallMemory memory, long address, long size) {
        if (Long.compareUnsigned(size, MOST_SIZE) > 0 || size < FIRST_SIZE) {
            return failed(Long.compareUnsigned(size, MOST_SIZE) > 0 ? LinuxErrno.E2BIG : LinuxErrno.EINVAL);
        }
        byte[] bytes = memory.get(address, (int) size);
        for (int i = SIZE; i < size; i++) {
            if (bytes[i] != 0) {
                return failed(LinuxErrno.E2BIG);
            }
        }
        ByteBuffer given = CallMemory.structure(SIZE).put(Arrays.copyOf(bytes, SIZE));
        long flags = given.getLong(0);
        long endSignal = given.getLong(32);
        long stack = given.getLong(40);
        long stackSize = given.getLong(48);
        boolean namesTids = given.getLong(64) != 0;
        long tids = given.getLong(72);
        boolean intoCgroup = (flags & INTO_CGROUP) != 0;
        if (Long.compareUnsigned(tids, MOST_LEVELS) > 0
                || namesTids != (tids != 0)
                || Long.compareUnsigned(endSignal, SignalInfo.MOST) > 0
                || (intoCgroup && (size < SIZE || given.getLong(80) != (given.getLong(80) & Integer.MAX_VALUE)))) {
            return failed(LinuxErrno.EINVAL);
        }
        ByteBuffer named = tids == 0 ? CallMemory.structure(0) : memory.getBuffer(given.getLong(64), 4 * (int) tids);
        boolean isUnknown = (flags & ~(LEGACY | CLEAR_SIGHAND | INTO_CGROUP)) != 0
                || (flags & (DETACHED | (END_SIGNAL & ~NEWTIME))) != 0
                || all(flags, SIGHAND | CLEAR_SIGHAND)
                || ((flags & (THREAD | PARENT)) != 0 && endSignal != 0);
        long pidfd = given.getLong(8);
        long parentTid = given.getLong(24);
        if (isUnknown || !isStack(stack, stackSize) || (all(flags, PIDFD | PARENT_SETTID) && pidfd == parentTid)) {
            return failed(LinuxErrno.EINVAL);
        }
        long refusal = namespaces(flags) != 0 ? namespaces(flags) : tids != 0 ? tids(named) : 0;
        return new CloneArguments(
                check(flags),
                // There are no cgroups, so no descriptor can refer to one.
                refusal == 0 && intoCgroup ? LinuxErrno.EBADF : refusal,
                flags,
                (int) endSignal,
                stack + stackSize,
                pidfd,
                parentTid,
                given.getLong(16),
                given.getLong(56));
    }

    private static boolean all(long flags, long bits) {
        return (flags & bits) == bits;
    }

    private static boolean isStack(long stack, long size) {
        if (stack == 0 || size == 0) {
            return stack == size;
        }
        return Long.compareUnsigned(size, END_OF_MEMORY) <= 0 && Long.compareUnsigned(stack, END_OF_MEMORY - size) <= 0;
    }

    /** Returns the errno of a combination of flags that is invalid ({@code copy_process}); 0 if it is valid. */
    private static long check(long flags) {
        boolean isWrong = all(flags, NEWNS | FS)
                || all(flags, NEWUSER | FS)
                || ((flags & THREAD) != 0 && (flags & SIGHAND) == 0)
                || ((flags & SIGHAND) != 0 && (flags & VM) == 0)
                || ((flags & THREAD) != 0 && (flags & (NEWUSER | NEWPID)) != 0)
                || all(flags, PIDFD | DETACHED);
        return isWrong ? LinuxErrno.EINVAL : 0;
    }

    /**
     * Returns the errno of a request for new namespaces, as a kernel without user namespaces does for an unprivileged
     * process; 0 if none are requested.
     */
    private static long namespaces(long flags) {
        return (flags & NEWUSER) != 0 ? LinuxErrno.EINVAL : (flags & PRIVILEGED) != 0 ? LinuxErrno.EPERM : 0;
    }

    /** Returns the errno of a request for certain tids ({@code alloc_pid}), which no process may choose. */
    private static long tids(ByteBuffer named) {
        boolean isOne = named.capacity() == Integer.BYTES;
        return isOne && named.getInt(0) >= 1 && named.getInt(0) < MOST_PIDS ? LinuxErrno.EPERM : LinuxErrno.EINVAL;
    }

    boolean has(long flag) {
        return (flags & flag) != 0;
    }
}
