// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.DescriptorTable;
import dev.samara.emulator.linux.file.GuestFile;
import dev.samara.emulator.linux.file.MemoryDescriptor;
import dev.samara.emulator.linux.file.NoOpenFile;
import dev.samara.emulator.linux.file.OpenFlags;
import dev.samara.emulator.linux.file.PipeEnd;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.process.GuestThread;
import dev.samara.emulator.linux.wait.WaitList;
import dev.samara.emulator.linux.wait.WaitingThread;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;

/** The calls about descriptors themselves, and {@code ppoll}. */
final class DescriptorCalls {
    private static final int CLOSE_RANGE_UNSHARE = 2;
    private static final int CLOSE_RANGE_CLOEXEC = 4;
    private static final int F_DUPFD = 0;
    private static final int F_GETFD = 1;
    private static final int F_SETFD = 2;
    private static final int F_GETFL = 3;
    private static final int F_SETFL = 4;
    private static final int F_GETOWN = 9;
    private static final int F_GETOWN_EX = 16;
    private static final int F_DUPFD_QUERY = 1027;
    private static final int F_CREATED_QUERY = 1028;
    private static final int F_DUPFD_CLOEXEC = 1030;
    private static final int F_SETPIPE_SZ = 1031;
    private static final int F_GETPIPE_SZ = 1032;
    private static final int F_ADD_SEALS = 1033;
    private static final int F_GET_SEALS = 1034;
    private static final int SET_FLAGS = OpenFlags.APPEND | OpenFlags.NONBLOCK | OpenFlags.DIRECT | OpenFlags.NOATIME;
    private static final int POLL_ENTRY = 8;
    /** The event of a descriptor that is not open ({@code POLLNVAL}). */
    static final int INVALID = 32;

    private final GuestThread thread;
    private final CallMemory memory;
    private final LockCalls locks;

    DescriptorCalls(GuestThread thread) {
        this.thread = thread;
        locks = new LockCalls(thread);
        memory = thread.memory();
    }

    private DescriptorTable files() {
        return thread.process().files();
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

    /** {@code dup}. The caller chooses no number, so none is checked against the limit. */
    long duplicate(long descriptor) {
        GuestFile file = thread.file(descriptor);
        return file == null ? LinuxErrno.EBADF : duplicate(file, false, 0);
    }

    /** Duplicates a descriptor to the lowest free number that is at least {@code from} ({@code f_dupfd}). */
    private long duplicateFrom(GuestFile file, long from, boolean endsAtExec) {
        return (int) from < 0 || (int) from >= thread.process().descriptorLimit()
                ? LinuxErrno.EINVAL
                : duplicate(file, endsAtExec, (int) from);
    }

    private long duplicate(GuestFile file, boolean endsAtExec, int from) {
        file.retain();
        return files().add(file, endsAtExec, from, thread.process().descriptorLimit());
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

    long control(long descriptor, long command, long argument) {
        GuestFile file = thread.file(descriptor);
        boolean isOfName = (int) command <= F_GETFL
                || (int) command == F_DUPFD_CLOEXEC
                || (int) command == F_DUPFD_QUERY
                || (int) command == F_CREATED_QUERY;
        if (file == null || (!isOfName && (file.flags() & OpenFlags.PATH) != 0)) {
            return LinuxErrno.EBADF;
        }
        switch ((int) command) {
            case F_GETOWN -> {
                return 0;
            }
            case F_GETOWN_EX -> {
                memory.putInt(argument, 0);
                memory.putInt(argument + Integer.BYTES, 0);
                return 0;
            }
            case F_GETPIPE_SZ -> {
                return file instanceof PipeEnd pipe ? pipe.capacity() : LinuxErrno.EBADF;
            }
            case F_SETPIPE_SZ -> {
                return file instanceof PipeEnd pipe ? pipe.resize((int) argument) : LinuxErrno.EBADF;
            }
            case F_DUPFD_QUERY -> {
                GuestFile other = thread.file(argument);
                return other == null ? LinuxErrno.EBADF : other == file ? 1 : 0;
            }
            case F_CREATED_QUERY -> {
                return file.isNew() ? 1 : 0;
            }
            case F_DUPFD -> {
                return duplicateFrom(file, argument, false);
            }
            case F_DUPFD_CLOEXEC -> {
                return duplicateFrom(file, argument, true);
            }
            case F_GETFD -> {
                return files().endsAtExec((int) descriptor) ? 1 : 0;
            }
            case F_SETFD -> {
                files().setEndsAtExec((int) descriptor, (argument & 1) != 0);
                return 0;
            }
            case F_GETFL -> {
                return file.flags();
            }
            case F_SETFL -> {
                return setFlags(file, (int) argument);
            }
            case LockCalls.GETLK,
                    LockCalls.SETLK,
                    LockCalls.SETLKW,
                    LockCalls.OFD_GETLK,
                    LockCalls.OFD_SETLK,
                    LockCalls.OFD_SETLKW -> {
                return locks.control(file, (int) command, argument);
            }
            case F_ADD_SEALS -> {
                return addSeals(file, argument);
            }
            case F_GET_SEALS -> {
                return file instanceof MemoryDescriptor sealed ? sealed.file().seals() : LinuxErrno.EINVAL;
            }
            default -> {
                return LinuxErrno.EINVAL;
            }
        }
    }

    /** {@code F_SETFL} ({@code setfl}). */
    private long setFlags(GuestFile file, int wanted) {
        int added = wanted & ~file.flags();
        if ((added & OpenFlags.NOATIME) != 0 && !EmulatedChanges.isOwner(thread, file)) {
            return LinuxErrno.EPERM;
        }
        if ((wanted & OpenFlags.DIRECT) != 0 && !file.mayBeDirect()) {
            return LinuxErrno.EINVAL;
        }
        int changed = file.sendsSignals() ? SET_FLAGS | OpenFlags.ASYNC : SET_FLAGS;
        file.flags((file.flags() & ~changed) | (wanted & changed));
        return 0;
    }

    /** Adds seals. The file must be open for writing ({@code memfd_fcntl}). */
    private static long addSeals(GuestFile file, long seals) {
        if (!file.mayWrite()) {
            return LinuxErrno.EPERM;
        }
        return file instanceof MemoryDescriptor sealed ? sealed.file().addSeals((int) seals) : LinuxErrno.EINVAL;
    }

    /** A file and the events to poll for, as in {@code struct pollfd}. */
    record PolledFile(GuestFile file, int events, boolean isIgnored) {
        int found() {
            if (isIgnored) {
                return 0;
            }
            if (file == NoOpenFile.NONE) {
                return INVALID;
            }
            return file.polled() & (events | GuestFile.FAILED | GuestFile.HUNG_UP);
        }
    }

    long poll(long address, long count, long timeAddress, long maskAddress, long maskBytes) {
        long time = timeAddress == 0 ? WaitingThread.NEVER : memory.getTime(timeAddress);
        boolean isMaskWrong = maskAddress != 0 && maskBytes != Long.BYTES;
        if (time < 0 || isMaskWrong) {
            return LinuxErrno.EINVAL;
        }
        long waitMask = maskAddress == 0 ? 0 : memory.getLong(maskAddress);
        // The kernel's number of entries has 32 bits.
        int entryCount = (int) count;
        if (Integer.compareUnsigned(entryCount, thread.process().descriptorLimit()) > 0) {
            return LinuxErrno.EINVAL;
        }
        long deadline = timeAddress == 0
                ? WaitingThread.NEVER
                : thread.interruptedCall().deadlineIn(time);
        LongSupplier wait = () -> poll(address, entryCount, timeAddress, time, deadline);
        return maskAddress == 0 ? wait.getAsLong() : thread.mask().during(waitMask, wait);
    }

    private long poll(long address, int entryCount, long timeAddress, long time, long deadline) {
        ByteBuffer entries = memory.getBuffer(address, entryCount * POLL_ENTRY);
        List<PolledFile> polled = new ArrayList<>();
        for (int i = 0; i < entryCount; i++) {
            int descriptor = entries.getInt(POLL_ENTRY * i);
            GuestFile file = descriptor < 0 ? null : thread.openFile(descriptor);
            polled.add(new PolledFile(
                    file == null ? NoOpenFile.NONE : file, entries.getShort(POLL_ENTRY * i + 4), descriptor < 0));
        }
        long waited = await(thread, polled, deadline);
        putLeft(memory, timeAddress, time, deadline);
        if (waited == LinuxErrno.RESTART) {
            return LinuxErrno.RESTART_WITHOUT_HANDLER;
        }
        int ready = 0;
        for (int i = 0; i < entryCount; i++) {
            int found = polled.get(i).found();
            ready += found != 0 ? 1 : 0;
            entries.putShort(POLL_ENTRY * i + 6, (short) found);
        }
        memory.put(address, entries);
        return ready;
    }

    /**
     * Replaces the timeout of a wait with its remaining time, unless the timeout was 0. A fault of this store is
     * ignored ({@code poll_select_finish}).
     */
    static void putLeft(CallMemory memory, long address, long time, long deadline) {
        if (address != 0 && time != 0) {
            byte[] left = new byte[2 * Long.BYTES];
            long nanos = Math.max(deadline - System.nanoTime(), 0);
            ByteBuffer.wrap(left)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(nanos / CallMemory.SECOND)
                    .putLong(nanos % CallMemory.SECOND);
            memory.putSome(address, left, 0, left.length);
        }
    }

    /** Waits until one of the files is ready; returns the result of {@link GuestThread#await}. */
    static long await(GuestThread thread, List<PolledFile> polled, long deadline) {
        List<WaitList> lists = new ArrayList<>();
        for (PolledFile each : polled) {
            WaitList list = each.file.waiters();
            if (list != null && !each.isIgnored) {
                lists.add(list);
                list.add(thread);
            }
        }
        BooleanSupplier isReady = () -> polled.stream().anyMatch(each -> each.found() != 0);
        try {
            return thread.await(new WaitList(), isReady, deadline);
        } finally {
            lists.forEach(list -> list.remove(thread));
        }
    }
}
