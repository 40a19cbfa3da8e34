// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.core.AddressSpace;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.SharedSegment;
import dev.samara.core.vma.Vma;
import dev.samara.emulator.elf.ProgramLoader;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.memory.SegmentTable;
import dev.samara.emulator.linux.memory.SegmentTable.GuestSegment;
import dev.samara.emulator.linux.process.GuestProcess.ResourceLimits;
import dev.samara.emulator.linux.process.GuestThread;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** The calls for System V shared memory ({@code ipc/shm.c}). */
final class SegmentCalls {
    private static final int IPC_RMID = 0;
    private static final int IPC_SET = 1;
    private static final int IPC_STAT = 2;
    private static final int IPC_INFO = 3;
    private static final int SHM_LOCK = 11;
    private static final int SHM_UNLOCK = 12;
    private static final int SHM_STAT = 13;
    private static final int SHM_INFO = 14;
    private static final int SHM_STAT_ANY = 15;
    private static final int STATUS_BYTES = 112;
    private static final int READ = 4;
    private static final int WRITE = 2;
    private static final int EXECUTE = 1;

    private final GuestThread thread;

    SegmentCalls(GuestThread thread) {
        this.thread = thread;
    }

    private SegmentTable table() {
        return thread.process().system.segments;
    }

    private AddressSpace space() {
        return thread.process().memory().space;
    }

    private int user() {
        return thread.process().system.user;
    }

    long get(long key, long size, long flags) {
        return table().get((int) key, size, (int) flags, user(), thread.process().pid);
    }

    long attach(long id, long address, long attachFlags) {
        int flags = (int) attachFlags;
        GuestSegment found = table().find((int) id);
        int wanted = ((flags & Mman.RDONLY) != 0 ? READ : READ | WRITE) | ((flags & Mman.SHM_EXEC) != 0 ? EXECUTE : 0);
        if (found != null && isPossible(address, flags) && !found.allows(user(), wanted)) {
            return LinuxErrno.EACCES;
        }
        long result = space().shmat(found == null ? null : found.segment, address, flags);
        if (found != null && !LinuxErrno.isError(result)) {
            table().attached(found, thread.process().pid);
        }
        return result;
    }

    /** Returns false if the address would be rejected for any segment. */
    private static boolean isPossible(long address, int flags) {
        boolean isRemap = (flags & Mman.REMAP) != 0;
        boolean isRounded = (flags & Mman.RND) != 0;
        long rounded = isRounded ? ProgramLoader.GEOMETRY.roundDown(address) : address;
        return ProgramLoader.GEOMETRY.isAligned(rounded) && !(isRemap && rounded == 0);
    }

    long detach(long address) {
        Vma vma = space().findNext(address);
        SharedSegment segment =
                vma != null && vma.backing() instanceof SharedSegment.Attachment found ? found.segment() : null;
        long result = space().shmdt(address);
        if (result == 0 && segment != null) {
            table().detached(segment, thread.process().pid);
        }
        return result;
    }

    long control(long longId, long command, long address) {
        int id = (int) longId;
        if (id < 0 || (int) command < 0) {
            return LinuxErrno.EINVAL;
        }
        switch ((int) command) {
            case IPC_INFO -> {
                thread.memory().put(address, SegmentTable.limits());
                return table().highestIndex();
            }
            case SHM_INFO -> {
                return usage(address);
            }
            case IPC_STAT, SHM_STAT, SHM_STAT_ANY -> {
                return status(id, (int) command, address);
            }
            case IPC_SET -> {
                ByteBuffer status = thread.memory().getBuffer(address, STATUS_BYTES);
                return change(id, status);
            }
            case IPC_RMID -> {
                return change(id, null);
            }
            case SHM_LOCK, SHM_UNLOCK -> {
                return lock(id, (int) command == SHM_LOCK);
            }
            default -> {
                return LinuxErrno.EINVAL;
            }
        }
    }

    private long usage(long address) {
        ByteBuffer found;
        long index;
        synchronized (table()) {
            found = table().usage();
            index = table().highestIndex();
        }
        thread.memory().put(address, found);
        return index;
    }

    private long status(int id, int command, long address) {
        ByteBuffer status;
        long result;
        synchronized (table()) {
            GuestSegment found = command == IPC_STAT ? table().find(id) : table().findByIndex(id);
            if (found == null) {
                return LinuxErrno.EINVAL;
            }
            if (command != SHM_STAT_ANY && !found.allows(user(), READ)) {
                return LinuxErrno.EACCES;
            }
            status = found.status();
            result = command == IPC_STAT ? 0 : found.id;
        }
        thread.memory().put(address, status);
        return result;
    }

    /** Changes a segment to a status; if the status is null, removes the segment. */
    private long change(int id, @Nullable ByteBuffer status) {
        synchronized (table()) {
            GuestSegment found = table().find(id);
            if (found == null) {
                return LinuxErrno.EINVAL;
            }
            if (!found.isOwnedBy(user())) {
                return LinuxErrno.EPERM;
            }
            if (status != null) {
                return found.change(status) ? 0 : LinuxErrno.EINVAL;
            }
            found.segment.removeWhenDetached();
            return 0;
        }
    }

    private long lock(int id, boolean isLock) {
        GuestSegment found = table().find(id);
        if (found == null) {
            return LinuxErrno.EINVAL;
        }
        if (!found.isOwnedBy(user()) || (isLock && thread.process().limits.soft(ResourceLimits.LOCKED) == 0)) {
            return LinuxErrno.EPERM;
        }
        return isLock ? space().shmLock(found.segment) : space().shmUnlock(found.segment);
    }
}
