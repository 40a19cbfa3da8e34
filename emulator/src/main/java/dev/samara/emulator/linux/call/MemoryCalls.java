// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.core.AddressSpace;
import dev.samara.core.PageScan;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.PagemapFlags;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Vma;
import dev.samara.emulator.elf.ProgramLoader;
import dev.samara.emulator.limit.GuestLimits;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.DeviceFile;
import dev.samara.emulator.linux.file.GuestFile;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.memory.ProcessMemory;
import dev.samara.emulator.linux.process.GuestProcess;
import dev.samara.emulator.linux.process.GuestThread;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.function.LongSupplier;

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

    private static final int SET_MDWE = 65;
    private static final int GET_MDWE = 66;
    private static final int SET_VMA = 0x5356_4d41;
    private static final long ANON_NAME = 0;
    private static final int NAME_BYTES = 80;
    private static final int QUERY = 0;
    private static final int GLOBAL = 1;
    private static final int GLOBAL_EXPEDITED = 1 << 1;
    private static final int REGISTER_GLOBAL = 1 << 2;
    private static final int PRIVATE = 1 << 3;
    private static final int REGISTER_PRIVATE = 1 << 4;
    private static final int SYNC_CORE = 1 << 5;
    private static final int REGISTER_SYNC_CORE = 1 << 6;
    private static final int GET_REGISTRATIONS = 1 << 9;

    /** The commands of a kernel without restartable sequences. */
    private static final int COMMANDS = GLOBAL
            | GLOBAL_EXPEDITED
            | REGISTER_GLOBAL
            | PRIVATE
            | REGISTER_PRIVATE
            | SYNC_CORE
            | REGISTER_SYNC_CORE
            | GET_REGISTRATIONS;

    private final GuestThread thread;
    private final CallMemory memory;

    MemoryCalls(GuestThread thread) {
        this.thread = thread;
        memory = thread.memory();
    }

    private GuestProcess process() {
        return thread.process();
    }

    private AddressSpace space() {
        return process().memory().space;
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
        boolean isValidated = (mapFlags & Mman.TYPE) == Mman.SHARED_VALIDATE;
        int flags = isValidated ? narrowed(mapFlags) : (int) mapFlags;
        if ((flags & Mman.ANONYMOUS) != 0) {
            return counted(true, () -> space().mmap(address, length, (int) protection, flags, null, offset));
        }
        GuestFile file = thread.openFile(descriptor);
        if (file == null) {
            return LinuxErrno.EBADF;
        }
        if (file instanceof DeviceFile device && device.isZero()) {
            int anonymous = flags | Mman.ANONYMOUS;
            return counted(true, () -> space().mmap(address, length, (int) protection, anonymous, null, 0));
        }
        Backing backing = file.backing();
        if (backing == null) {
            return LinuxErrno.ENODEV;
        }
        return !file.mayRead()
                ? LinuxErrno.EACCES
                : counted(true, () -> space().mmap(address, length, (int) protection, flags, backing, offset));
    }

    long unmap(long address, long length) {
        Vma first = space().find(address);
        // Whether the middle of a mapping is removed, which leaves two.
        boolean divides = first != null && first.start() < address && first.end() > address + length;
        return counted(divides, () -> space().munmap(address, length));
    }

    long lock(long address, long length, long flags) {
        return counted(true, () -> space().mlock2(address, length, (int) flags));
    }

    long remapPages(long address, long length, long protection, long page, long flags) {
        return counted(true, () -> space().remapFilePages(address, length, narrowed(protection), page, (int) flags));
    }

    long protect(long address, long length, long protection) {
        return counted(true, () -> space().mprotect(address, length, narrowed(protection)));
    }

    long remap(long address, long oldLength, long newLength, long flags, long newAddress) {
        return counted(true, () -> space().mremap(address, oldLength, newLength, narrowed(flags), newAddress));
    }

    long advise(long address, long length, long advice) {
        return counted(true, () -> space().madvise(address, length, (int) advice));
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
            long result = advise(memory.getLong(part), length, advice);
            if (result < 0) {
                return done > 0 ? done : result;
            }
            done += length;
        }
        return done;
    }

    long brk(long address) {
        // brk reports no errors. If it cannot move the break, it returns the present one, which brk(0) reads.
        return process().memory().mayMapNothing() ? space().brk(0) : counted(false, () -> space().brk(address));
    }

    /**
     * Makes a call that may change the number of mappings, and counts them.
     *
     * @param adds whether the call may add mappings, and so fails at the limit of all processes
     */
    long counted(boolean adds, LongSupplier call) {
        ProcessMemory memory = process().memory();
        if (adds && memory.mayMapNothing()) {
            return LinuxErrno.ENOMEM;
        }
        try {
            return call.getAsLong();
        } finally {
            memory.recount();
        }
    }

    long unlock(long address, long length) {
        return counted(true, () -> space().munlock(address, length));
    }

    long lockAll(long flags) {
        return space().mlockall((int) flags);
    }

    long unlockAll() {
        return counted(false, () -> space().munlockall());
    }

    long sync(long address, long length, long flags) {
        return space().msync(address, length, (int) flags);
    }

    long seal(long address, long length, long flags) {
        return counted(true, () -> space().mseal(address, length, flags));
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

    /** Executes an option. Returns EINVAL for an option that is not one of this class. */
    long option(int option, long first, long second, long third, long fourth) {
        switch (option) {
            case SET_MDWE -> {
                return second == 0 && third == 0 && fourth == 0 ? space().setMdwe(first) : LinuxErrno.EINVAL;
            }
            case GET_MDWE -> {
                boolean isAlone = first == 0 && second == 0 && third == 0 && fourth == 0;
                return isAlone ? space().mdwe() : LinuxErrno.EINVAL;
            }
            case SET_VMA -> {
                return first == ANON_NAME ? counted(true, () -> setName(second, third, fourth)) : LinuxErrno.EINVAL;
            }
            default -> {
                return LinuxErrno.EINVAL;
            }
        }
    }

    private long setName(long start, long length, long name) {
        // If the name is too long, the string ends with a null character, which no name may contain.
        return space().setAnonymousName(start, length, name == 0 ? null : memory.string(name, NAME_BYTES));
    }

    long barrier(long command, long flags) {
        if ((int) flags != 0) {
            return LinuxErrno.EINVAL;
        }
        return switch ((int) command) {
            case QUERY -> COMMANDS;
            case GLOBAL -> ofAll(0);
            case GLOBAL_EXPEDITED -> ofAll(REGISTER_GLOBAL);
            case PRIVATE ->
                process().memory().isRegistered(REGISTER_PRIVATE)
                        ? process().memory().space.membarrier()
                        : LinuxErrno.EPERM;
            case SYNC_CORE ->
                process().memory().isRegistered(REGISTER_SYNC_CORE) ? synchronizeCode() : LinuxErrno.EPERM;
            case REGISTER_GLOBAL, REGISTER_PRIVATE, REGISTER_SYNC_CORE -> {
                process().memory().register((int) command);
                yield 0;
            }
            case GET_REGISTRATIONS -> {
                // In the kernel, a SYNC_CORE registration includes the registration for private fences.
                int known = process().memory().registrations();
                yield (known & REGISTER_SYNC_CORE) != 0 ? known | REGISTER_PRIVATE : known;
            }
            default -> LinuxErrno.EINVAL;
        };
    }

    /** Makes the threads of each process execute a fence if the process's memory has the given registrations. */
    private long ofAll(int registrations) {
        for (GuestProcess each : process().system.tree.living()) {
            if (each.memory().isRegistered(registrations)) {
                // A process that has ended in the meantime executes nothing.
                each.memory().space.membarrier();
            }
        }
        return 0;
    }

    /** Makes changed code visible to all threads that share this memory. */
    private long synchronizeCode() {
        for (GuestProcess each : process().system.tree.living()) {
            if (each.memory().identity().equals(process().memory().identity())) {
                each.changedCode(thread);
            }
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
        TransferCalls.MemoryVector parts = TransferCalls.MemoryVector.of(memory, own, ownParts);
        if (parts.error != 0 || parts.length() == 0) {
            return parts.error;
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
        GuestThread found = thread.process().system.tree.findThread((int) pid);
        if (found == null || found.process().isExiting()) {
            return LinuxErrno.ESRCH;
        }
        GuestProcess other = found.process();
        byte[] bytes = new byte[CHUNK];
        long done = 0;
        for (; ; ) {
            int length = (int) Math.min(Math.min(near.left(), far.left()), CHUNK);
            if (length == 0) {
                return done;
            }
            int moved = move(other.memory().space, isRead, near.address, far.address, bytes, length);
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

    /** The {@code ioctl} of {@code /proc/PID/pagemap} ({@code do_pagemap_scan} in {@code fs/proc/task_mmu.c}). */
    static final class PageScanCalls {
        /** The number of the request: {@code _IOWR('f', 16, struct pm_scan_arg)}. */
        static final int PAGEMAP_SCAN = 0xc060_6610;

        private static final int ARGUMENT = 96;
        private static final int WALK_END = 32;
        private static final int REGION = 24;
        private static final int WORDS = 3;
        private static final long MOST_REGIONS = 2048;
        private static final long WP_MATCHING = 1;
        private static final long CHECK_WPASYNC = 2;

        private final CallMemory memory;

        PageScanCalls(CallMemory memory) {
            this.memory = memory;
        }

        /** {@code struct pm_scan_arg}, without {@code size} and {@code walk_end}. */
        private record ScanArgument(
                long flags,
                long start,
                long end,
                long vector,
                long room,
                long most,
                PageScan question,
                long categories) {
            static ScanArgument of(ByteBuffer from) {
                long inverted = from.getLong(64);
                long all = from.getLong(72);
                long any = from.getLong(80);
                long told = from.getLong(88);
                return new ScanArgument(
                        from.getLong(8),
                        from.getLong(16),
                        from.getLong(24),
                        from.getLong(40),
                        from.getLong(48),
                        from.getLong(56),
                        new PageScan().inverted(inverted).all(all).any(any).told(told),
                        inverted | all | any | told);
            }

            /** Returns 0, or the error of invalid arguments ({@code pagemap_scan_get_args}). */
            long error() {
                if ((flags & ~(WP_MATCHING | CHECK_WPASYNC)) != 0
                        || (categories & ~PagemapFlags.ALL) != 0
                        || !ProgramLoader.GEOMETRY.isAligned(start)) {
                    return LinuxErrno.EINVAL;
                }
                long limit = ProgramLoader.GEOMETRY.limit();
                if (start < 0 || end < start || end > limit) {
                    return LinuxErrno.EFAULT;
                }
                if (vector == 0) {
                    return room == 0 ? 0 : LinuxErrno.EINVAL;
                }
                boolean fits = vector > 0 && room >= 0 && room <= limit / REGION && vector <= limit - room * REGION;
                return fits ? 0 : LinuxErrno.EFAULT;
            }
        }

        long scan(AddressSpace space, long address) {
            ByteBuffer given = memory.getBuffer(address, ARGUMENT);
            if (given.getLong(0) != ARGUMENT) {
                return LinuxErrno.EINVAL;
            }
            ScanArgument asked = ScanArgument.of(given);
            long error = asked.error();
            if (error != 0) {
                return error;
            }
            long[] end = {ProgramLoader.GEOMETRY.roundUp(asked.end)};
            long found = asked.flags == 0 ? regions(space, asked, end) : ofProtected(space, asked);
            memory.putLong(address + WALK_END, end[0]);
            return found;
        }

        /**
         * Returns the result of a request for write protection, which requires a {@code userfaultfd}. No mapping has
         * one here.
         */
        private static long ofProtected(AddressSpace space, ScanArgument asked) {
            Vma first = space.findNext(asked.start);
            boolean isAny = first != null && first.start() < asked.end;
            return isAny && (asked.flags & CHECK_WPASYNC) != 0 ? LinuxErrno.EPERM : 0;
        }

        /** Scans in parts, because the guest chooses how many regions it has room for. */
        private long regions(AddressSpace space, ScanArgument asked, long[] end) {
            long at = asked.start;
            long found = 0;
            long pages = 0;
            while (at < end[0]) {
                int room = (int) Math.min(asked.room - found, MOST_REGIONS);
                long[] regions = asked.room == 0 ? null : new long[WORDS * room];
                PageScan question = asked.question.range(at, end[0]).maxPages(asked.most == 0 ? 0 : asked.most - pages);
                long more = space.pagemapScan(question, regions);
                if (more < 0) {
                    return more == LinuxErrno.ESRCH ? 0 : more;
                }
                at = question.walkEnd();
                if (regions != null) {
                    pages += put(asked.vector + found * REGION, regions, (int) more);
                }
                found += more;
                boolean isFull = found == asked.room || (asked.most != 0 && pages == asked.most);
                if (more < room || isFull) {
                    break;
                }
            }
            end[0] = at;
            return found;
        }

        /** Stores regions, and returns how many pages they contain. */
        private long put(long address, long[] regions, int count) {
            ByteBuffer bytes = CallMemory.structure(count * REGION);
            long pages = 0;
            for (int i = 0; i < count; i++) {
                for (int word = 0; word < WORDS; word++) {
                    bytes.putLong(regions[WORDS * i + word]);
                }
                pages += ProgramLoader.GEOMETRY.pages(regions[WORDS * i + 1] - regions[WORDS * i]);
            }
            memory.put(address, bytes);
            return pages;
        }
    }
}
