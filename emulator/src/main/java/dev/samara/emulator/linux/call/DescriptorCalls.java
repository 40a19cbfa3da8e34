// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.call.MemoryCalls.PageScanCalls;
import dev.samara.emulator.linux.file.DescriptorTable;
import dev.samara.emulator.linux.file.DescriptorTable.OpenFlags;
import dev.samara.emulator.linux.file.FileLocks;
import dev.samara.emulator.linux.file.FileLocks.Family;
import dev.samara.emulator.linux.file.FileLocks.FileKey;
import dev.samara.emulator.linux.file.FileLocks.HeldLock;
import dev.samara.emulator.linux.file.GuestFile;
import dev.samara.emulator.linux.file.ProcFile;
import dev.samara.emulator.linux.file.SeekableFile.MemoryDescriptor;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.process.GuestThread;
import dev.samara.emulator.linux.wait.WaitList.WaitingThread;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** The calls for descriptors: {@code close}, {@code dup}, {@code fcntl}, {@code flock} and {@code ioctl}. */
final class DescriptorCalls {
    private static final int CLOSE_RANGE_UNSHARE = 2;
    private static final int CLOSE_RANGE_CLOEXEC = 4;

    private static final int F_DUPFD = 0;
    private static final int F_GETFD = 1;
    private static final int F_SETFD = 2;
    private static final int F_GETFL = 3;
    private static final int F_SETFL = 4;
    private static final int F_GETLK = 5;
    private static final int F_SETLK = 6;
    private static final int F_SETLKW = 7;
    private static final int F_DUPFD_CLOEXEC = 1030;
    private static final int F_ADD_SEALS = 1033;
    private static final int F_GET_SEALS = 1034;
    private static final int SET_FLAGS = OpenFlags.APPEND | OpenFlags.NONBLOCK;

    /** The type of a lock in {@code struct flock}, and where the members are. */
    private static final int READ = 0;

    private static final int WRITE = 1;
    private static final int UNLOCK = 2;
    private static final int LOCK_BYTES = 32;
    private static final int TYPE = 0;
    private static final int FROM = 2;
    private static final int START = 8;
    private static final int LENGTH = 16;
    private static final int PID = 24;

    /** The operations of {@code flock}. */
    private static final int SHARED = 1;

    private static final int EXCLUSIVE = 2;
    private static final int NO_WAIT = 4;
    private static final int FREE = 8;

    private static final int CURRENT = 1;
    private static final int END = 2;

    private static final int TCGETS = 0x5401;
    private static final int TIOCGWINSZ = 0x5413;
    private static final int FIONREAD = 0x541b;
    private static final int FIONBIO = 0x5421;
    private static final int FIONCLEX = 0x5450;
    private static final int FIOCLEX = 0x5451;

    /** What TCGETS reports of a terminal: ICRNL, OPOST and ONLCR, CREAD and CS8, ECHO and ICANON and ISIG. */
    private static final int[] TERMINAL = {0x100, 5, 0xb0, 0xb};

    private static final int TERMINAL_BYTES = 36;
    private static final int ROWS = 24;
    private static final int COLUMNS = 80;

    private final GuestThread thread;
    private final CallMemory memory;

    DescriptorCalls(GuestThread thread) {
        this.thread = thread;
        memory = thread.memory();
    }

    private DescriptorTable files() {
        return thread.process().files;
    }

    long close(long descriptor) {
        return files().close((int) descriptor);
    }

    long closeRange(long first, long last, long flags) {
        if (((int) flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)) != 0
                || Integer.compareUnsigned((int) first, (int) last) > 0) {
            return LinuxErrno.EINVAL;
        }
        for (int each : files().numbers()) {
            if (each >= (first & 0xffff_ffffL) && each <= (last & 0xffff_ffffL)) {
                if ((flags & CLOSE_RANGE_CLOEXEC) != 0) {
                    files().setEndsAtExec(each, true);
                } else {
                    files().close(each);
                }
            }
        }
        return 0;
    }

    long duplicate(long descriptor) {
        GuestFile file = thread.file(descriptor);
        return file == null ? LinuxErrno.EBADF : duplicate(file, 0, false);
    }

    private long duplicate(GuestFile file, long from, boolean endsAtExec) {
        int most = thread.process().descriptorLimit();
        if ((int) from < 0 || ((int) from >= most && from != 0)) {
            return LinuxErrno.EINVAL;
        }
        file.retain();
        return files().add(file, endsAtExec, (int) from, most);
    }

    long duplicateTo(long descriptor, long number, long flags) {
        if ((int) descriptor == (int) number || ((int) flags & ~OpenFlags.CLOEXEC) != 0) {
            return LinuxErrno.EINVAL;
        }
        GuestFile file = thread.file(descriptor);
        if (file == null || (int) number < 0 || (int) number >= thread.process().descriptorLimit()) {
            return LinuxErrno.EBADF;
        }
        file.retain();
        return files().put((int) number, file, (flags & OpenFlags.CLOEXEC) != 0);
    }

    /** {@code fcntl}. */
    long control(long descriptor, long command, long argument) {
        GuestFile file = thread.file(descriptor);
        if (file == null) {
            return LinuxErrno.EBADF;
        }
        return switch ((int) command) {
            case F_DUPFD -> duplicate(file, argument, false);
            case F_DUPFD_CLOEXEC -> duplicate(file, argument, true);
            case F_GETFD -> files().endsAtExec((int) descriptor) ? 1 : 0;
            case F_SETFD -> {
                files().setEndsAtExec((int) descriptor, (argument & 1) != 0);
                yield 0;
            }
            case F_GETFL -> file.flags();
            case F_SETFL -> {
                file.flags((file.flags() & ~SET_FLAGS) | ((int) argument & SET_FLAGS));
                yield 0;
            }
            case F_GETLK, F_SETLK, F_SETLKW -> lock(file, (int) command, argument);
            case F_ADD_SEALS -> {
                if (!file.mayWrite()) {
                    yield LinuxErrno.EPERM;
                }
                yield file instanceof MemoryDescriptor sealed
                        ? sealed.file().addSeals((int) argument)
                        : LinuxErrno.EINVAL;
            }
            case F_GET_SEALS ->
                file instanceof MemoryDescriptor sealed ? sealed.file().seals() : LinuxErrno.EINVAL;
            default -> LinuxErrno.EINVAL;
        };
    }

    private FileLocks locks() {
        return thread.process().system.locks;
    }

    /** Record locks, which a process owns by its descriptors. */
    private long lock(GuestFile file, int command, long address) {
        ByteBuffer given = memory.getBuffer(address, LOCK_BYTES);
        int type = given.getShort(TYPE);
        HeldLock wanted = wanted(file, given);
        boolean isAsked = command == F_GETLK;
        if (wanted == null || type < READ || type > (isAsked ? WRITE : UNLOCK)) {
            return LinuxErrno.EINVAL;
        }
        FileKey key = file.lockKey();
        if (isAsked) {
            tell(given, locks().conflict(key, Family.RECORDS, wanted));
            memory.put(address, given);
            return 0;
        }
        if (type == UNLOCK) {
            locks().release(key, Family.RECORDS, wanted);
            return 0;
        }
        if (!(type == READ ? file.mayRead() : file.mayWrite())) {
            return LinuxErrno.EBADF;
        }
        return take(file, Family.RECORDS, wanted, command == F_SETLKW);
    }

    /** Returns the lock that a {@code struct flock} describes; null if its range is not one. */
    private @Nullable HeldLock wanted(GuestFile file, ByteBuffer given) {
        long from = switch (given.getShort(FROM)) {
            case 0 -> 0;
            case CURRENT -> Math.max(file.seek(0, CURRENT), 0);
            case END -> file.status().size();
            default -> -1;
        };
        long start = from + given.getLong(START);
        long length = given.getLong(LENGTH);
        long first = length < 0 ? start + length : start;
        long last = length == 0 ? Long.MAX_VALUE : length < 0 ? start - 1 : start + length - 1;
        boolean isWrite = given.getShort(TYPE) == WRITE;
        return from < 0 || start < 0 || first < 0 || last < first
                ? null
                : new HeldLock(files(), thread.process().pid, isWrite, first, last);
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

    /** Takes a lock of either family, or waits for it. */
    private long take(GuestFile file, Family family, HeldLock wanted, boolean waits) {
        file.keepLocks(locks());
        files().keepLocks(locks());
        FileKey key = file.lockKey();
        long[] result = {locks().take(key, family, wanted)};
        if (!waits || result[0] != LinuxErrno.EAGAIN) {
            return result[0];
        }
        long waited = thread.await(
                locks().waiters,
                () -> {
                    result[0] = locks().take(key, family, wanted);
                    return result[0] != LinuxErrno.EAGAIN;
                },
                WaitingThread.NEVER);
        return waited != 0 ? waited : result[0];
    }

    /** {@code flock}, whose locks an open file owns. */
    long lockWhole(long descriptor, long operation) {
        int kind = (int) operation & ~NO_WAIT;
        if (kind != SHARED && kind != EXCLUSIVE && kind != FREE) {
            return LinuxErrno.EINVAL;
        }
        GuestFile file = thread.openFile(descriptor);
        if (file == null) {
            return LinuxErrno.EBADF;
        }
        HeldLock wanted = new HeldLock(file, thread.process().pid, kind == EXCLUSIVE, 0, Long.MAX_VALUE);
        long result = kind == FREE ? LinuxErrno.EAGAIN : take(file, Family.WHOLE, wanted, false);
        if (result != LinuxErrno.EAGAIN) {
            return result;
        }
        // A lock that cannot be converted is lost, so that two that wait for each other's do not wait for ever.
        locks().release(file.lockKey(), Family.WHOLE, wanted);
        return kind == FREE ? 0 : (operation & NO_WAIT) != 0 ? result : take(file, Family.WHOLE, wanted, true);
    }

    /** {@code ioctl}. */
    long request(long descriptor, long request, long address) {
        GuestFile file = thread.openFile(descriptor);
        if (file == null) {
            return LinuxErrno.EBADF;
        }
        switch ((int) request) {
            case FIOCLEX, FIONCLEX -> files().setEndsAtExec((int) descriptor, (int) request == FIOCLEX);
            case FIONBIO -> {
                int kept = file.flags() & ~OpenFlags.NONBLOCK;
                file.flags(memory.getInt(address) != 0 ? kept | OpenFlags.NONBLOCK : kept);
            }
            case FIONREAD -> {
                long available = file.available();
                if (available == GuestFile.UNTOLD) {
                    return LinuxErrno.ENOTTY;
                }
                memory.putInt(address, (int) available);
            }
            case PageScanCalls.PAGEMAP_SCAN -> {
                return file instanceof ProcFile.PageMapFile pages
                        ? new PageScanCalls(memory).scan(pages.space, address)
                        : LinuxErrno.ENOTTY;
            }
            case TCGETS, TIOCGWINSZ -> {
                if (!file.isTerminal()) {
                    return LinuxErrno.ENOTTY;
                }
                memory.put(address, (int) request == TCGETS ? settings() : size());
            }
            default -> {
                return LinuxErrno.ENOTTY;
            }
        }
        return 0;
    }

    private static ByteBuffer settings() {
        ByteBuffer settings = CallMemory.structure(TERMINAL_BYTES);
        for (int i = 0; i < TERMINAL.length; i++) {
            settings.putInt(Integer.BYTES * i, TERMINAL[i]);
        }
        return settings;
    }

    private static ByteBuffer size() {
        return CallMemory.structure(8).putShort(0, (short) ROWS).putShort(2, (short) COLUMNS);
    }
}
