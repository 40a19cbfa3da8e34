// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.core.AddressSpace;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.vma.Backing;
import dev.samara.emulator.elf.ProgramLoader;
import dev.samara.emulator.limit.GuestLimits;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.GuestFile;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.process.GuestProcess;
import dev.samara.emulator.linux.process.GuestThread;
import java.util.Arrays;

/**
 * The memory calls. The library implements all of them. The guest's arguments are passed to it unchanged, and its
 * results are returned to the guest.
 */
final class MemoryCalls {
    private static final int MOST_PARTS = GuestLimits.PARTS;
    private static final int PART = 16;
    private static final int CHUNK = 64 << 10;
    private static final long PAGE = 4096;

    /** The maximum number of pages of one {@code mincore} call to the library. */
    private static final int PAGES = 4096;

    /** A bit that has no meaning in a protection, in the flags of {@code mremap}, or beside MAP_SHARED_VALIDATE. */
    private static final int WITHOUT_MEANING = 1 << 31;

    private static final int PIDFD_SELF_THREAD = -10000;
    private static final int PIDFD_SELF = -10001;

    private final GuestThread thread;
    private final CallMemory memory;

    MemoryCalls(GuestThread thread) {
        this.thread = thread;
        memory = thread.memory();
    }

    private AddressSpace space() {
        return thread.process().memory().space();
    }

    /**
     * Returns bits for the library, which takes 32 of them, where Linux looks at all 64. A bit that only Linux looks at
     * becomes one that has no meaning either.
     */
    private static int narrowed(long bits) {
        return bits >>> Integer.SIZE == 0 ? (int) bits : (int) bits | WITHOUT_MEANING;
    }

    long map(long address, long length, long protection, long mapFlags, long descriptor, long offset) {
        // All other types of mappings ignore bits that have no meaning.
        boolean isValidated = (mapFlags & MapFlags.TYPE) == MapFlags.SHARED_VALIDATE;
        int flags = isValidated ? narrowed(mapFlags) : (int) mapFlags;
        Backing backing = null;
        if ((flags & MapFlags.ANONYMOUS) == 0) {
            GuestFile file = thread.openFile(descriptor);
            if (file == null) {
                return LinuxErrno.EBADF;
            }
            backing = file.mapped();
        }
        return space().mmap(address, length, (int) protection, flags, backing, offset);
    }

    long unmap(long address, long length) {
        return space().munmap(address, length);
    }

    long protect(long address, long length, long protection) {
        return space().mprotect(address, length, narrowed(protection));
    }

    long remap(long address, long oldLength, long newLength, long flags, long newAddress) {
        return space().mremap(address, oldLength, newLength, narrowed(flags), newAddress);
    }

    long remapPages(long address, long length, long protection, long page, long flags) {
        return space().remapFilePages(address, length, narrowed(protection), page, (int) flags);
    }

    long advise(long address, long length, long advice) {
        return space().madvise(address, length, (int) advice);
    }

    /** {@code process_madvise}, for the calling process only. */
    long advise(long pidDescriptor, long vector, long count, long advice, long flags) {
        int parts = (int) count;
        if ((int) flags != 0 || parts < 0 || parts > MOST_PARTS) {
            return LinuxErrno.EINVAL;
        }
        if (new PartCursor(vector, parts).isWrong()) {
            return LinuxErrno.EINVAL;
        }
        if ((int) pidDescriptor != PIDFD_SELF_THREAD && (int) pidDescriptor != PIDFD_SELF) {
            return LinuxErrno.EBADF;
        }
        long done = 0;
        for (long part = vector; part != vector + (long) PART * parts; part += PART) {
            long length = memory.getLong(part + Long.BYTES);
            long result = space().madvise(memory.getLong(part), length, (int) advice);
            if (result < 0) {
                return done > 0 ? done : result;
            }
            done += length;
        }
        return done;
    }

    long brk(long address) {
        return space().brk(address);
    }

    long lock(long address, long length) {
        return space().mlock(address, length);
    }

    long lock2(long address, long length, long flags) {
        return space().mlock2(address, length, (int) flags);
    }

    long unlock(long address, long length) {
        return space().munlock(address, length);
    }

    long lockAll(long flags) {
        return space().mlockall((int) flags);
    }

    long unlockAll() {
        return space().munlockall();
    }

    long sync(long address, long length, long flags) {
        return space().msync(address, length, (int) flags);
    }

    long seal(long address, long length, long flags) {
        return space().mseal(address, length, flags);
    }

    long inCore(long address, long length, long vector) {
        if (!ProgramLoader.GEOMETRY.isAligned(address)) {
            return LinuxErrno.EINVAL;
        }
        if (length < 0 || address < 0 || length > ProgramLoader.GEOMETRY.limit() - address) {
            return LinuxErrno.ENOMEM;
        }
        // Processed in parts, as on Linux, because the guest chooses the length.
        byte[] found = new byte[PAGES];
        long done = 0;
        do {
            long part = Math.min(length - done, PAGES * PAGE);
            long result = space().mincore(address + done, part, found);
            if (result != 0) {
                return result;
            }
            memory.put(vector + done / PAGE, Arrays.copyOf(found, (int) ((part + PAGE - 1) / PAGE)));
            done += part;
        } while (done != length);
        return 0;
    }

    /** {@code riscv_flush_icache}: makes code that the guest changed visible to this thread or to all threads. */
    long flushCode(long flags) {
        if ((flags & ~1) != 0) {
            return LinuxErrno.EINVAL;
        }
        if (flags == 1) {
            thread.changedCode();
        } else {
            thread.process().changedCode(thread);
        }
        return 0;
    }

    /** Copies between this process and another one ({@code process_vm_readv}, {@code process_vm_writev}). */
    long transfer(boolean isRead, long pid, long own, long ownCount, long others, long otherCount, long flags) {
        // Of the number of own parts, the kernel looks at 32 bits (import_iovec).
        int ownParts = (int) ownCount;
        if (flags != 0 || ownParts < 0 || ownParts > MOST_PARTS) {
            return LinuxErrno.EINVAL;
        }
        MemoryVector parts = MemoryVector.of(memory, own, ownParts);
        if (parts.error() != 0 || parts.length() == 0) {
            return parts.error();
        }
        if (otherCount < 0 || otherCount > MOST_PARTS) {
            return LinuxErrno.EINVAL;
        }
        PartCursor near = new PartCursor(own, ownParts);
        PartCursor far = new PartCursor(others, otherCount);
        if (far.isWrong()) {
            return LinuxErrno.EINVAL;
        }
        if (far.left() == 0) {
            // If there is nothing to copy, the other process is not looked up.
            return 0;
        }
        // The ID may be that of any thread of the process. A thread that has ended has no memory any more.
        GuestThread found = thread.process().system().tree().findThread((int) pid);
        if (found == null || found.process().isExiting()) {
            return LinuxErrno.ESRCH;
        }
        GuestProcess other = found.process();
        if (other.pid() != thread.process().pid() && !thread.credentials().mayInspect(found.credentials())) {
            return LinuxErrno.EPERM;
        }
        byte[] bytes = new byte[CHUNK];
        long done = 0;
        for (; ; ) {
            int length = (int) Math.min(Math.min(near.left(), far.left()), CHUNK);
            if (length == 0) {
                return done;
            }
            int moved = move(other.memory().space(), isRead, near.address, far.address, bytes, length);
            done += moved;
            if (moved < length) {
                return done > 0 ? done : LinuxErrno.EFAULT;
            }
            near.advance(length);
            far.advance(length);
        }
    }

    private int move(AddressSpace other, boolean isRead, long own, long far, byte[] bytes, int length) {
        if (isRead) {
            int got = (int) Math.max(other.read(far, bytes, 0, length), 0);
            return memory.putSome(own, bytes, 0, got);
        }
        int got = memory.getSome(own, bytes, 0, length);
        return (int) Math.max(other.write(far, bytes, 0, got), 0);
    }

    /** The position of a copy in a vector of parts. */
    private final class PartCursor {
        private long next;
        private long count;
        private long address;
        private long length;

        PartCursor(long vector, long count) {
            next = vector;
            this.count = count;
        }

        /** Returns whether a part has a negative length. */
        boolean isWrong() {
            boolean isWrong = false;
            for (long i = 0; i < count && !isWrong; i++) {
                isWrong = memory.getLong(next + PART * i + Long.BYTES) < 0;
            }
            return isWrong;
        }

        /** Returns how many bytes of the current part are left; 0 at the end of the vector. */
        long left() {
            while (length == 0 && count > 0) {
                address = memory.getLong(next);
                // Another thread may have changed the length since it was checked.
                length = Math.max(memory.getLong(next + Long.BYTES), 0);
                next += PART;
                count--;
            }
            return length;
        }

        void advance(long done) {
            address += done;
            length -= done;
        }
    }
}
