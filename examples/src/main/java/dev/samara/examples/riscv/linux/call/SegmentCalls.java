// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.call;

import dev.samara.core.vma.SharedSegment;
import dev.samara.examples.riscv.linux.abi.LinuxErrno;
import dev.samara.examples.riscv.linux.memory.CallMemory;
import dev.samara.examples.riscv.linux.memory.SegmentTable;
import dev.samara.examples.riscv.linux.process.GuestThread;
import java.nio.ByteBuffer;

/** Shared memory of System V. */
final class SegmentCalls {
    private static final int PRIVATE = 0;
    private static final int CREATE = 01000;
    private static final int EXCLUSIVE = 02000;
    private static final int REMOVE = 0;
    private static final int STATUS = 2;
    private static final int STATUS_BYTES = 112;

    private final GuestThread thread;

    SegmentCalls(GuestThread thread) {
        this.thread = thread;
    }

    private SegmentTable table() {
        return thread.process().system().segments();
    }

    long get(long key, long size, long flags) {
        if (key != PRIVATE) {
            int known = table().find((int) key);
            if (known >= 0) {
                return (flags & CREATE) != 0 && (flags & EXCLUSIVE) != 0 ? LinuxErrno.EEXIST : known;
            }
            if ((flags & CREATE) == 0) {
                return LinuxErrno.ENOENT;
            }
        }
        if (size <= 0) {
            return LinuxErrno.EINVAL;
        }
        return table().add(thread.process().system().machine(), (int) key, size);
    }

    long attach(long id, long address, long flags) {
        SharedSegment segment = table().get((int) id);
        return thread.process().memory().space().shmat(segment, address, (int) flags);
    }

    long detach(long address) {
        return thread.process().memory().space().shmdt(address);
    }

    long control(long id, long command, long address) {
        SharedSegment segment = table().get((int) id);
        if (segment == null) {
            return LinuxErrno.EINVAL;
        }
        // The bit 0x100 asks for the structures of today.
        switch ((int) command & 0xff) {
            case REMOVE -> {
                segment.removeWhenDetached();
                return 0;
            }
            case STATUS -> {
                ByteBuffer status = CallMemory.structure(STATUS_BYTES);
                status.putInt(20, 0600 | (segment.isMarkedForRemoval() ? CREATE : 0));
                status.putLong(48, segment.size()).putLong(88, segment.attachments());
                thread.memory().put(address, status);
                return 0;
            }
            default -> {
                return LinuxErrno.EINVAL;
            }
        }
    }
}
