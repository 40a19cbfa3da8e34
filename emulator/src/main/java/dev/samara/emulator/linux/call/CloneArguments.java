// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.signal.SignalInfo;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * The arguments of {@code clone} and of {@code clone3}.
 *
 * @param error why the call fails; 0 if it does not
 * @param flags the flags
 * @param endSignal the signal that tells the parent of the child's end
 * @param stack the end of the child's stack; 0 for that of its creator
 * @param parentTid where the parent stores the child's ID
 * @param childTid where the child stores or clears its ID
 * @param tls the child's thread pointer
 */
record CloneArguments(long error, long flags, int endSignal, long stack, long parentTid, long childTid, long tls) {
    static final long VM = 0x100;
    static final long FS = 0x200;
    static final long FILES = 0x400;
    static final long SIGHAND = 0x800;
    static final long VFORK = 0x4000;
    static final long PARENT = 0x8000;
    static final long THREAD = 0x10000;
    static final long SETTLS = 0x80000;
    static final long PARENT_SETTID = 0x100000;
    static final long CHILD_CLEARTID = 0x200000;
    static final long CHILD_SETTID = 0x1000000;
    static final long CLEAR_SIGHAND = 0x1_0000_0000L;

    private static final long END_SIGNAL = 0xff;
    private static final long SYSVSEM = 0x40000;
    private static final long DETACHED = 0x400000;
    private static final long IO = 0x8000_0000L;

    /** A new namespace needs privileges, which no guest has. */
    private static final long NAMESPACES = 0x7e02_0080L;

    private static final long KNOWN = VM
            | FS
            | FILES
            | SIGHAND
            | VFORK
            | PARENT
            | THREAD
            | SETTLS
            | PARENT_SETTID
            | CHILD_CLEARTID
            | CHILD_SETTID
            | CLEAR_SIGHAND
            | SYSVSEM
            | IO;

    private static final int FIRST_SIZE = 64;
    private static final int SIZE = 88;
    private static final int MOST_SIZE = 4096;

    static CloneArguments ofClone(long given, long stack, long parentTid, long tls, long childTid) {
        long flags = given & 0xffff_ffffL & ~(END_SIGNAL | DETACHED);
        return new CloneArguments(check(flags), flags, (int) (given & END_SIGNAL), stack, parentTid, childTid, tls);
    }

    private static CloneArguments failed(long error) {
        return new CloneArguments(error, 0, 0, 0, 0, 0, 0);
    }

    /** Reads {@code struct clone_args}. IDs that the caller chooses and control groups are not supported. */
    static CloneArguments ofClone3(CallMemory memory, long address, long size) {
        if (Long.compareUnsigned(size, MOST_SIZE) > 0) {
            return failed(LinuxErrno.E2BIG);
        }
        if (size < FIRST_SIZE) {
            return failed(LinuxErrno.EINVAL);
        }
        byte[] bytes = memory.get(address, (int) size);
        for (int i = FIRST_SIZE; i < size; i++) {
            if (bytes[i] != 0) {
                return failed(i < SIZE ? LinuxErrno.EINVAL : LinuxErrno.E2BIG);
            }
        }
        ByteBuffer given = CallMemory.structure(SIZE).put(Arrays.copyOf(bytes, SIZE));
        long flags = given.getLong(0);
        long endSignal = given.getLong(32);
        long stack = given.getLong(40);
        long stackSize = given.getLong(48);
        boolean isWrong = (flags & (DETACHED | END_SIGNAL)) != 0
                || (flags & (SIGHAND | CLEAR_SIGHAND)) == (SIGHAND | CLEAR_SIGHAND)
                || Long.compareUnsigned(endSignal, SignalInfo.MOST) > 0
                || ((flags & (THREAD | PARENT)) != 0 && endSignal != 0)
                || (stack == 0) != (stackSize == 0);
        return new CloneArguments(
                isWrong ? LinuxErrno.EINVAL : check(flags),
                flags,
                (int) endSignal,
                stack + stackSize,
                given.getLong(24),
                given.getLong(16),
                given.getLong(56));
    }

    private static long check(long flags) {
        if ((flags & NAMESPACES) != 0) {
            return LinuxErrno.EPERM;
        }
        boolean isWrong = (flags & ~KNOWN) != 0
                || ((flags & THREAD) != 0 && (flags & SIGHAND) == 0)
                || ((flags & SIGHAND) != 0 && (flags & VM) == 0);
        return isWrong ? LinuxErrno.EINVAL : 0;
    }

    boolean has(long flag) {
        return (flags & flag) != 0;
    }
}
