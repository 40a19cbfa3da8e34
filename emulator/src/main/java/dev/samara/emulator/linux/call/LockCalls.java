// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.DescriptorTable;
import dev.samara.emulator.linux.file.GuestFile;
import dev.samara.emulator.linux.lock.FileLocks;
import dev.samara.emulator.linux.lock.FileLocks.Family;
import dev.samara.emulator.linux.lock.FileLocks.FileKey;
import dev.samara.emulator.linux.lock.HeldLock;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.process.GuestThread;
import dev.samara.emulator.linux.wait.WaitingThread;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** The record locks of {@code fcntl}, which processes or open files own, and {@code flock}. */
final class LockCalls {
    static final int GETLK = 5;
    static final int SETLK = 6;
    static final int SETLKW = 7;
    static final int OFD_GETLK = 36;
    static final int OFD_SETLK = 37;
    static final int OFD_SETLKW = 38;

    private static final int READ = 0;
    private static final int WRITE = 1;
    private static final int UNLOCK = 2;
    private static final int BYTES = 32;
    private static final int TYPE = 0;
    private static final int FROM = 2;
    private static final int START = 8;
    private static final int LENGTH = 16;
    private static final int PID = 24;
    private static final int SHARED = 1;
    private static final int EXCLUSIVE = 2;
    private static final int NO_WAIT = 4;
    private static final int FREE = 8;
    private static final int MANDATORY = 32;
    private static final int CURRENT = 1;
    private static final int END = 2;

    private final GuestThread thread;
    private final CallMemory memory;

    LockCalls(GuestThread thread) {
        this.thread = thread;
        memory = thread.memory();
    }

    private FileLocks locks() {
        return thread.process().system().locks();
    }

    private DescriptorTable files() {
        return thread.process().files();
    }

    /** A range of bytes, or the error if it is invalid. */
    private record LockRange(long error, long start, long last) {
        static LockRange failed(long error) {
            return new LockRange(error, 0, 0);
        }
    }

    /** Returns the range that a {@code struct flock} describes ({@code flock_to_posix_lock}). */
    private static LockRange range(GuestFile file, ByteBuffer given) {
        long from = switch (given.getShort(FROM)) {
            case 0 -> 0;
            case CURRENT -> Math.max(file.seek(0, CURRENT), 0);
            case END -> file.status().size();
            default -> -1;
        };
        long offset = given.getLong(START);
        long length = given.getLong(LENGTH);
        if (from < 0) {
            return LockRange.failed(LinuxErrno.EINVAL);
        }
        if (offset > Long.MAX_VALUE - from) {
            return LockRange.failed(LinuxErrno.EOVERFLOW);
        }
        long start = from + offset;
        if (start < 0 || (length < 0 && start + length < 0)) {
            return LockRange.failed(LinuxErrno.EINVAL);
        }
        if (length > 0 && length - 1 > Long.MAX_VALUE - start) {
            return LockRange.failed(LinuxErrno.EOVERFLOW);
        }
        if (length < 0) {
            return new LockRange(0, start + length, start - 1);
        }
        return new LockRange(0, start, length == 0 ? Long.MAX_VALUE : start + length - 1);
    }

    /** {@code fcntl} with one of the commands of this class. */
    long control(GuestFile file, int command, long address) {
        ByteBuffer given = memory.getBuffer(address, BYTES);
        boolean isOfOpen = command >= OFD_GETLK;
        int type = given.getShort(TYPE);
        boolean isAsked = command == GETLK || command == OFD_GETLK;
        if (command == GETLK && type != READ && type != WRITE) {
            return LinuxErrno.EINVAL;
        }
        LockRange range = range(file, given);
        if (range.error() != 0) {
            return range.error();
        }
        if (type < READ || type > UNLOCK) {
            return LinuxErrno.EINVAL;
        }
        if (!isAsked && ((type == READ && !file.mayRead()) || (type == WRITE && !file.mayWrite()))) {
            return LinuxErrno.EBADF;
        }
        if (isOfOpen && given.getInt(PID) != 0) {
            return LinuxErrno.EINVAL;
        }
        Object owner = isOfOpen ? file : files();
        int pid = isOfOpen ? -1 : thread.process().pid();
        HeldLock wanted = new HeldLock(owner, pid, type == WRITE, range.start(), range.last());
        if (isAsked) {
            // A query for F_UNLCK returns a lock that the owner itself holds (posix_test_locks_conflict).
            tell(
                    given,
                    type == UNLOCK
                            ? locks().own(file.lockKey(), Family.RECORDS, wanted)
                            : locks().conflict(file.lockKey(), Family.RECORDS, wanted));
            memory.put(address, given);
            return 0;
        }
        if (type == UNLOCK) {
            locks().release(file.lockKey(), Family.RECORDS, wanted);
            return 0;
        }
        note(file);
        return take(file.lockKey(), wanted, command == SETLKW || command == OFD_SETLKW);
    }

    private static void tell(ByteBuffer given, @Nullable HeldLock found) {
        if (found == null) {
            given.putShort(TYPE, (short) UNLOCK);
            return;
        }
        given.putShort(TYPE, (short) (found.isExclusive() ? WRITE : READ)).putShort(FROM, (short) 0);
        given.putLong(START, found.start());
        given.putLong(LENGTH, found.last() == Long.MAX_VALUE ? 0 : found.last() - found.start() + 1);
        given.putInt(PID, found.pid());
    }

    /** Called before a lock is taken, so that later closes release locks. */
    private void note(GuestFile file) {
        file.keepLocks(locks());
        files().keepLocks(locks());
    }

    private long take(FileKey key, HeldLock wanted, boolean waits) {
        if (!waits) {
            return locks().take(key, Family.RECORDS, wanted);
        }
        boolean isOfProcess = wanted.pid() >= 0;
        long[] result = new long[1];
        try {
            long waited = thread.await(
                    locks().waiters(),
                    () -> {
                        result[0] = isOfProcess
                                ? locks().takeOrWait(key, wanted)
                                : locks().take(key, Family.RECORDS, wanted);
                        return result[0] != LinuxErrno.EAGAIN;
                    },
                    WaitingThread.NEVER);
            return waited != 0 ? waited : result[0];
        } finally {
            locks().endWait(wanted);
        }
    }

    /** {@code flock}: a lock of another kind is released before the new one is taken, as in Linux. */
    long lockWhole(long descriptor, long operation) {
        if (((int) operation & MANDATORY) != 0) {
            // LOCK_MAND, which Linux once supported, and now ignores.
            return 0;
        }
        int kind = (int) operation & ~NO_WAIT;
        if (kind != SHARED && kind != EXCLUSIVE && kind != FREE) {
            return LinuxErrno.EINVAL;
        }
        GuestFile file = thread.openFile(descriptor);
        if (file == null || (kind != FREE && !file.mayRead() && !file.mayWrite())) {
            return LinuxErrno.EBADF;
        }
        HeldLock wanted = new HeldLock(file, thread.process().pid(), kind == EXCLUSIVE, 0, Long.MAX_VALUE);
        if (kind == FREE) {
            locks().release(file.lockKey(), Family.WHOLE, wanted);
            return 0;
        }
        note(file);
        FileKey key = file.lockKey();
        long result = locks().take(key, Family.WHOLE, wanted);
        if (result != LinuxErrno.EAGAIN) {
            return result;
        }
        locks().release(key, Family.WHOLE, wanted);
        if ((operation & NO_WAIT) != 0) {
            return LinuxErrno.EAGAIN;
        }
        long[] last = new long[1];
        long waited = thread.await(
                locks().waiters(),
                () -> {
                    last[0] = locks().take(key, Family.WHOLE, wanted);
                    return last[0] != LinuxErrno.EAGAIN;
                },
                WaitingThread.NEVER);
        return waited != 0 ? waited : last[0];
    }
}
