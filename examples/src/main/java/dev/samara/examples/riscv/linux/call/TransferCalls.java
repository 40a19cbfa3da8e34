// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.call;

import dev.samara.examples.riscv.limit.GuestLimits;
import dev.samara.examples.riscv.linux.abi.LinuxErrno;
import dev.samara.examples.riscv.linux.file.FileStatus;
import dev.samara.examples.riscv.linux.file.GuestFile;
import dev.samara.examples.riscv.linux.file.GuestFolder;
import dev.samara.examples.riscv.linux.file.NoOpenFile;
import dev.samara.examples.riscv.linux.file.OpenFlags;
import dev.samara.examples.riscv.linux.memory.CallMemory;
import dev.samara.examples.riscv.linux.process.GuestThread;
import java.nio.ByteBuffer;

/** The calls that move bytes between files and memory, and those that change a file by its descriptor. */
final class TransferCalls {
    private static final int CHUNK = GuestLimits.TRANSFER;
    private static final int MOST_PARTS = GuestLimits.PARTS;
    private static final int PIPE_PAGE = 4096;

    /** The most bytes of one call ({@code MAX_RW_COUNT}). */
    private static final long MOST_BYTES = 0x7fff_f000;

    private static final int KEEP_SIZE = 1;
    private static final int PUNCH_HOLE = 2;
    private static final int COLLAPSE_RANGE = 8;
    private static final int ZERO_RANGE = 0x10;
    private static final int INSERT_RANGE = 0x20;
    private static final int UNSHARE_RANGE = 0x40;
    private static final int WRITE_ZEROES = 0x80;

    /** {@code POSIX_FADV_NOREUSE}. */
    private static final int LAST_ADVICE = 5;

    private final GuestThread thread;
    private final CallMemory memory;

    TransferCalls(GuestThread thread) {
        this.thread = thread;
        memory = thread.memory();
    }

    private GuestFile file(long descriptor) {
        GuestFile found = thread.file(descriptor);
        return found == null || (found.flags() & OpenFlags.PATH) != 0 ? NoOpenFile.NONE : found;
    }

    private long transfer(GuestFile file, boolean isRead, MemoryVector parts, long offset) {
        if (file == NoOpenFile.NONE) {
            return LinuxErrno.EBADF;
        }
        if (offset >= 0 && !file.hasOffsets()) {
            return LinuxErrno.ESPIPE;
        }
        if (!(isRead ? file.mayRead() : file.mayWrite())) {
            return LinuxErrno.EBADF;
        }
        if (parts.error() != 0) {
            return parts.error();
        }
        long length = Math.min(parts.length(), MOST_BYTES);
        long done = 0;
        do {
            int part = (int) Math.min(length - done, CHUNK);
            long at = offset < 0 ? -1 : offset + done;
            long moved = isRead ? readPart(file, parts, done, part, at) : writePart(file, parts, done, part, at);
            if (moved < 0) {
                return done > 0 ? done : moved;
            }
            done += moved;
            if (moved < part) {
                break;
            }
        } while (done < length && !thread.isInterrupted());
        return done;
    }

    private long readPart(GuestFile file, MemoryVector parts, long from, int length, long offset) {
        if (offset < 0) {
            return file.readTo(thread, length, (bytes, read) -> parts.put(from, bytes, read));
        }
        byte[] bytes = new byte[length];
        long read = file.readAt(ByteBuffer.wrap(bytes), offset);
        if (read <= 0) {
            return read;
        }
        int put = parts.put(from, bytes, (int) read);
        return put == 0 ? LinuxErrno.EFAULT : put;
    }

    private long writePart(GuestFile file, MemoryVector parts, long from, int length, long offset) {
        if (file.dropsBytes()) {
            return length;
        }
        byte[] bytes = new byte[length];
        int got = parts.get(from, bytes, length);
        if (got < length && file.isPipe()) {
            // A page that was not filled is not added.
            got -= got % PIPE_PAGE;
        }
        if (got == 0 && length > 0) {
            return LinuxErrno.EFAULT;
        }
        ByteBuffer given = ByteBuffer.wrap(bytes, 0, got);
        return offset < 0 ? file.write(thread, given) : file.writeAt(given, offset);
    }

    long read(long descriptor, long address, long length) {
        return transfer(file(descriptor), true, MemoryVector.of(memory, address, length), -1);
    }

    long write(long descriptor, long address, long length) {
        return transfer(file(descriptor), false, MemoryVector.of(memory, address, length), -1);
    }

    long readAt(long descriptor, long address, long length, long offset) {
        return offset < 0
                ? LinuxErrno.EINVAL
                : transfer(file(descriptor), true, MemoryVector.of(memory, address, length), offset);
    }

    long writeAt(long descriptor, long address, long length, long offset) {
        return offset < 0
                ? LinuxErrno.EINVAL
                : transfer(file(descriptor), false, MemoryVector.of(memory, address, length), offset);
    }

    /** Moves several parts as one; at the position of the file if the offset is -1. */
    long parts(boolean isRead, long descriptor, long vector, long count, long offset) {
        GuestFile file = file(descriptor);
        if (file == NoOpenFile.NONE) {
            return LinuxErrno.EBADF;
        }
        if (offset >= 0 && !file.hasOffsets()) {
            return LinuxErrno.ESPIPE;
        }
        if (!(isRead ? file.mayRead() : file.mayWrite())) {
            return LinuxErrno.EBADF;
        }
        // The kernel's number of parts has 32 bits.
        if (Integer.compareUnsigned((int) count, MOST_PARTS) > 0) {
            return LinuxErrno.EINVAL;
        }
        MemoryVector parts = MemoryVector.of(memory, vector, (int) count);
        if (!isRead && file.writesParts() && parts.error() == 0) {
            return writeParts(file, parts);
        }
        return parts.error() == 0 && parts.length() == 0 ? 0 : transfer(file, isRead, parts, offset);
    }

    /** Writes part by part, up to the first that fails ({@code do_loop_readv_writev}). */
    private long writeParts(GuestFile file, MemoryVector parts) {
        long done = 0;
        for (MemoryVector each : parts.parts()) {
            long written = transfer(file, false, each, -1);
            if (written < 0) {
                return done > 0 ? done : written;
            }
            done += written;
            if (written < each.length()) {
                break;
            }
        }
        return done;
    }

    /** Copies from file to file ({@code sendfile}). */
    long send(long to, long from, long offsetAddress, long count) {
        long given = offsetAddress == 0 ? 0 : memory.getLong(offsetAddress);
        GuestFile source = file(from);
        if (source == NoOpenFile.NONE || !source.mayRead()) {
            return LinuxErrno.EBADF;
        }
        boolean hasPosition = source.hasOffsets();
        if (offsetAddress != 0 && !hasPosition) {
            return LinuxErrno.ESPIPE;
        }
        long offset = offsetAddress == 0 ? source.seek(0, 1) : given;
        if (count < 0 || (hasPosition && (offset < 0 || offset > Long.MAX_VALUE - count))) {
            return LinuxErrno.EINVAL;
        }
        GuestFile target = file(to);
        if (target == NoOpenFile.NONE || !target.mayWrite()) {
            return LinuxErrno.EBADF;
        }
        if (!source.isMappable() || (target.flags() & OpenFlags.APPEND) != 0) {
            return LinuxErrno.EINVAL;
        }
        long done = 0;
        long error = 0;
        while (done < count && error == 0 && !thread.isInterrupted()) {
            ByteBuffer bytes = ByteBuffer.allocate((int) Math.min(count - done, CHUNK));
            long read = source.readAt(bytes, offset + done);
            if (read == 0) {
                break;
            }
            long written = read < 0 ? read : target.write(thread, bytes.flip());
            error = Math.min(written, 0);
            done += Math.max(written, 0);
        }
        if (offsetAddress == 0) {
            source.seek(offset + done, 0);
        } else {
            memory.putLong(offsetAddress, offset + done);
        }
        return done > 0 ? done : error;
    }

    long seek(long descriptor, long offset, long from) {
        return file(descriptor).seek(offset, (int) from);
    }

    long truncate(long descriptor, long length) {
        GuestFile file = file(descriptor);
        return file != NoOpenFile.NONE && !file.mayWrite() ? LinuxErrno.EINVAL : file.truncate(length);
    }

    long sync(long descriptor) {
        return file(descriptor).sync();
    }

    /** {@code fallocate}: makes a file at least as long, or punches a hole ({@code vfs_fallocate}). */
    long allocate(long descriptor, long mode, long offset, long length) {
        GuestFile file = file(descriptor);
        if (file == NoOpenFile.NONE) {
            return LinuxErrno.EBADF;
        }
        if (offset < 0 || length <= 0) {
            return LinuxErrno.EINVAL;
        }
        if (!isModeOfLinux((int) mode)) {
            return LinuxErrno.EOPNOTSUPP;
        }
        if (!file.mayWrite()) {
            return LinuxErrno.EBADF;
        }
        switch (file.status().mode() & FileStatus.TYPE) {
            case FileStatus.FIFO -> {
                return LinuxErrno.ESPIPE;
            }
            case FileStatus.FOLDER -> {
                return LinuxErrno.EISDIR;
            }
            case FileStatus.REGULAR -> {
                if (offset + length < 0) {
                    return LinuxErrno.EFBIG;
                }
                if ((int) mode != 0 && (int) mode != (PUNCH_HOLE | KEEP_SIZE)) {
                    return LinuxErrno.EOPNOTSUPP;
                }
                return (int) mode == 0 ? file.grow(offset + length) : file.punch(offset, length);
            }
            default -> {
                return LinuxErrno.ENODEV;
            }
        }
    }

    /** Whether Linux knows a mode of {@code fallocate}, which it asks before it looks at the file. */
    private static boolean isModeOfLinux(int mode) {
        return switch (mode & ~KEEP_SIZE) {
            case 0, ZERO_RANGE, UNSHARE_RANGE -> true;
            case PUNCH_HOLE -> (mode & KEEP_SIZE) != 0;
            case COLLAPSE_RANGE, INSERT_RANGE, WRITE_ZEROES -> (mode & KEEP_SIZE) == 0;
            default -> false;
        };
    }

    /** {@code fadvise64}, a hint that changes nothing here ({@code generic_fadvise}). */
    long advise(long descriptor, long length, long advice) {
        GuestFile file = file(descriptor);
        if (file == NoOpenFile.NONE) {
            return LinuxErrno.EBADF;
        }
        if ((file.status().mode() & FileStatus.TYPE) == FileStatus.FIFO) {
            return LinuxErrno.ESPIPE;
        }
        boolean isKnown = (int) advice >= 0 && (int) advice <= LAST_ADVICE;
        return length < 0 || !isKnown ? LinuxErrno.EINVAL : 0;
    }

    /** {@code readahead}, of regular files only; it reads nothing, as pages are read when they are needed. */
    long readAhead(long descriptor, long length) {
        GuestFile file = file(descriptor);
        if (file == NoOpenFile.NONE || !file.mayRead()) {
            return LinuxErrno.EBADF;
        }
        boolean isRegular = (file.status().mode() & FileStatus.TYPE) == FileStatus.REGULAR;
        return isRegular && file.isMappable() && length >= 0 ? 0 : LinuxErrno.EINVAL;
    }

    long entries(long descriptor, long address, long length) {
        GuestFile file = file(descriptor);
        if (!(file instanceof GuestFolder folder)) {
            return file == NoOpenFile.NONE ? LinuxErrno.EBADF : LinuxErrno.ENOTDIR;
        }
        return folder.entriesTo(
                (int) Math.min(Math.max(length, 0), CHUNK), (bytes, found) -> memory.putSome(address, bytes, 0, found));
    }
}
