// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.emulator.elf.ProgramLoader;
import dev.samara.emulator.limit.GuestLimits;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.DescriptorTable.OpenFlags;
import dev.samara.emulator.linux.file.FileStatus;
import dev.samara.emulator.linux.file.GuestFile;
import dev.samara.emulator.linux.file.GuestFolder;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.process.GuestThread;
import org.jspecify.annotations.Nullable;

/**
 * The calls that transfer bytes, and those that change a file's size or position. Each transfer takes the same steps:
 * its memory is a {@link MemoryVector}, of one part for {@code read} and {@code write}; the file and its rights are
 * checked; the bytes pass through {@link GuestFile#read} and {@link GuestFile#write} in pieces, so that a guest cannot
 * make the emulator allocate what it names as a length.
 */
final class TransferCalls {
    private static final int CHUNK = GuestLimits.TRANSFER;
    private static final int MOST_PARTS = GuestLimits.PARTS;
    private static final int KEEP_SIZE = 1;
    private static final int PUNCH_HOLE = 2;
    private static final int ENTRY_LENGTH = 16;
    private static final int SET = 0;
    private static final int CURRENT = 1;

    private final GuestThread thread;
    private final CallMemory memory;

    TransferCalls(GuestThread thread) {
        this.thread = thread;
        memory = thread.memory();
    }

    /** The memory of a transfer: parts of the guest's memory, one after the other. */
    static final class MemoryVector {
        /** The maximum number of bytes of a transfer (MAX_RW_COUNT). */
        static final long MOST_BYTES = 0x7fff_f000;

        private static final int PART = 16;

        private final CallMemory memory;
        private final long[] starts;
        private final long[] lengths;

        /** Why the memory cannot be used; 0 if it can. */
        final long error;

        private MemoryVector(CallMemory memory, long[] starts, long[] lengths, long ofNegative) {
            this.memory = memory;
            this.starts = starts;
            this.lengths = lengths;
            error = errorOf(starts, lengths, ofNegative);
        }

        /** Returns the memory of a call that names one part. */
        static MemoryVector of(CallMemory memory, long start, long length) {
            return new MemoryVector(memory, new long[] {start}, new long[] {length}, LinuxErrno.EFAULT);
        }

        /** Reads an array of {@code struct iovec}. */
        static MemoryVector of(CallMemory memory, long vector, int count) {
            long[] starts = new long[count];
            long[] lengths = new long[count];
            for (int i = 0; i < count; i++) {
                starts[i] = memory.getLong(vector + (long) PART * i);
                lengths[i] = memory.getLong(vector + (long) PART * i + Long.BYTES);
            }
            return new MemoryVector(memory, starts, lengths, LinuxErrno.EINVAL);
        }

        private static long errorOf(long[] starts, long[] lengths, long ofNegative) {
            long limit = ProgramLoader.GEOMETRY.limit();
            for (long each : lengths) {
                if (each < 0) {
                    return ofNegative;
                }
            }
            for (int i = 0; i < starts.length; i++) {
                if (starts[i] < 0 || lengths[i] > limit - starts[i]) {
                    return LinuxErrno.EFAULT;
                }
            }
            return 0;
        }

        long length() {
            long length = 0;
            for (long each : lengths) {
                length += each;
            }
            return length;
        }

        private interface Copy {
            int copy(long address, int at, int length);
        }

        private int copy(long from, int count, Copy copy) {
            int done = 0;
            long before = 0;
            for (int i = 0; i < starts.length && done < count; i++) {
                long skipped = Math.max(from + done - before, 0);
                before += lengths[i];
                int part = (int) Math.min(lengths[i] - skipped, count - done);
                if (part > 0) {
                    int copied = copy.copy(starts[i] + skipped, done, part);
                    done += copied;
                    if (copied < part) {
                        break;
                    }
                }
            }
            return done;
        }

        /** Stores bytes from an offset on; returns how many were stored before the memory ended. */
        int put(long from, byte[] bytes, int count) {
            return copy(from, count, (address, at, length) -> memory.putSome(address, bytes, at, length));
        }

        /** Loads bytes from an offset on; returns how many were loaded before the memory ended. */
        int get(long from, byte[] bytes, int count) {
            return copy(from, count, (address, at, length) -> memory.getSome(address, bytes, at, length));
        }
    }

    /** {@code read}, {@code write}, and with an offset {@code pread64} and {@code pwrite64}. */
    long one(boolean isRead, long descriptor, long address, long length, boolean isAt, long offset) {
        return isAt && offset < 0
                ? LinuxErrno.EINVAL
                : transfer(descriptor, isRead, MemoryVector.of(memory, address, length), isAt, offset);
    }

    /** {@code readv}, {@code writev}, and with an offset {@code preadv} and {@code pwritev}. */
    long parts(boolean isRead, long descriptor, long vector, long count, boolean isAt, long offset) {
        // The kernel's number of parts has 32 bits.
        if ((isAt && offset < 0) || Integer.compareUnsigned((int) count, MOST_PARTS) > 0) {
            return LinuxErrno.EINVAL;
        }
        return transfer(descriptor, isRead, MemoryVector.of(memory, vector, (int) count), isAt, offset);
    }

    private long transfer(long descriptor, boolean isRead, MemoryVector parts, boolean isAt, long offset) {
        GuestFile file = thread.openFile(descriptor);
        if (file == null) {
            return LinuxErrno.EBADF;
        }
        if (isAt && !file.hasOffsets()) {
            return LinuxErrno.ESPIPE;
        }
        if (!(isRead ? file.mayRead() : file.mayWrite())) {
            return LinuxErrno.EBADF;
        }
        if (parts.error != 0) {
            return parts.error;
        }
        long length = Math.min(parts.length(), MemoryVector.MOST_BYTES);
        if (isAt && offset > Long.MAX_VALUE - length) {
            return LinuxErrno.EINVAL;
        }
        long most = file.isPipe() ? length : CHUNK;
        long done = 0;
        do {
            long from = done;
            long part = Math.min(length - done, most);
            long at = isAt ? offset + done : GuestFile.POSITION;
            long moved = isRead
                    ? file.read(thread, at, (int) part, (bytes, read) -> parts.put(from, bytes, read))
                    : file.write(thread, at, part, (start, bytes, count) -> parts.get(from + start, bytes, count));
            if (moved < 0) {
                return done > 0 ? done : moved;
            }
            done += moved;
            if (moved < part) {
                break;
            }
        } while (done < length && !thread.mustEnd());
        return done;
    }

    /** {@code sendfile}: reads into an array, and writes it, until one of them has an end. */
    long send(long to, long from, long offsetAddress, long count) {
        GuestFile source = thread.openFile(from);
        GuestFile target = thread.openFile(to);
        if (source == null || !source.mayRead() || target == null || !target.mayWrite()) {
            return LinuxErrno.EBADF;
        }
        boolean isGiven = offsetAddress != 0;
        if (isGiven && !source.hasOffsets()) {
            return LinuxErrno.ESPIPE;
        }
        long offset = isGiven ? memory.getLong(offsetAddress) : source.seek(0, CURRENT);
        if (count < 0 || offset < 0 || (target.flags() & OpenFlags.APPEND) != 0) {
            return LinuxErrno.EINVAL;
        }
        long most = Math.min(count, MemoryVector.MOST_BYTES);
        long done = 0;
        long moved = 1;
        while (moved > 0 && done < most && !thread.mustEnd()) {
            moved = sendPart(source, offset + done, target, (int) Math.min(most - done, CHUNK));
            done += Math.max(moved, 0);
        }
        if (isGiven) {
            memory.putLong(offsetAddress, offset + done);
        } else {
            source.seek(offset + done, SET);
        }
        return done > 0 ? done : Math.min(moved, 0);
    }

    private long sendPart(GuestFile source, long offset, GuestFile target, int most) {
        byte[] bytes = new byte[most];
        long read = source.read(thread, offset, most, (found, length) -> {
            System.arraycopy(found, 0, bytes, 0, length);
            return length;
        });
        return read <= 0
                ? read
                : target.write(thread, GuestFile.POSITION, read, (from, to, length) -> {
                    System.arraycopy(bytes, (int) from, to, 0, length);
                    return length;
                });
    }

    long seek(long descriptor, long offset, long from) {
        GuestFile file = thread.openFile(descriptor);
        return file == null ? LinuxErrno.EBADF : file.seek(offset, (int) from);
    }

    long truncate(long descriptor, long length) {
        if (length < 0) {
            return LinuxErrno.EINVAL;
        }
        GuestFile file = thread.openFile(descriptor);
        if (file == null) {
            return LinuxErrno.EBADF;
        }
        return file.mayWrite() ? file.truncate(length) : LinuxErrno.EINVAL;
    }

    long sync(long descriptor) {
        GuestFile file = thread.openFile(descriptor);
        return file == null ? LinuxErrno.EBADF : file.sync();
    }

    /** {@code fallocate}: growth, and holes. */
    long allocate(long descriptor, long mode, long offset, long length) {
        GuestFile file = thread.openFile(descriptor);
        if (file == null) {
            return LinuxErrno.EBADF;
        }
        if (offset < 0 || length <= 0) {
            return LinuxErrno.EINVAL;
        }
        boolean isHole = (int) mode == (PUNCH_HOLE | KEEP_SIZE);
        if ((int) mode != 0 && !isHole) {
            return LinuxErrno.EOPNOTSUPP;
        }
        if (!file.mayWrite()) {
            return LinuxErrno.EBADF;
        }
        FileStatus found = file.status();
        if (!found.isType(FileStatus.REGULAR)) {
            return found.isType(FileStatus.FIFO) ? LinuxErrno.ESPIPE : LinuxErrno.ENODEV;
        }
        if (offset + length < 0) {
            return LinuxErrno.EFBIG;
        }
        return isHole ? file.punch(offset, length) : file.grow(offset + length);
    }

    /** {@code getdents64}. */
    long entries(long descriptor, long address, long length) {
        @Nullable GuestFile file = thread.openFile(descriptor);
        if (!(file instanceof GuestFolder folder)) {
            return file == null ? LinuxErrno.EBADF : LinuxErrno.ENOTDIR;
        }
        // The kernel's length has 32 bits.
        int most = Math.min(Math.max((int) length, 0), CHUNK);
        return folder.entriesTo(most, (bytes, found) -> putEntries(address, bytes, found));
    }

    /** Stores whole entries, as long as there is memory. */
    private int putEntries(long address, byte[] bytes, int length) {
        int done = 0;
        while (done < length) {
            int entry = (bytes[done + ENTRY_LENGTH] & 0xff) | (bytes[done + ENTRY_LENGTH + 1] & 0xff) << 8;
            if (memory.putSome(address + done, bytes, done, entry) < entry) {
                break;
            }
            done += entry;
        }
        return done;
    }
}
