// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.emulator.limit.GuestLimits;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.DeviceFile;
import dev.samara.emulator.linux.file.FileStatus;
import dev.samara.emulator.linux.file.GuestFile;
import dev.samara.emulator.linux.file.GuestFolder;
import dev.samara.emulator.linux.file.NoOpenFile;
import dev.samara.emulator.linux.file.OpenFlags;
import dev.samara.emulator.linux.file.PipeEnd;
import dev.samara.emulator.linux.file.WriteSource;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.process.GuestThread;
import java.nio.ByteBuffer;

/** The calls that move bytes between files and memory, and the calls that change a file by its descriptor. */
final class TransferCalls {
    private static final int CHUNK = GuestLimits.TRANSFER;
    private static final int MOST_PARTS = GuestLimits.PARTS;

    private static final int KEEP_SIZE = 1;
    private static final int PUNCH_HOLE = 2;
    private static final int COLLAPSE_RANGE = 8;
    private static final int ZERO_RANGE = 0x10;
    private static final int INSERT_RANGE = 0x20;
    private static final int UNSHARE_RANGE = 0x40;
    private static final int WRITE_ZEROES = 0x80;

    /** {@code POSIX_FADV_NOREUSE}. */
    private static final int LAST_ADVICE = 5;

    /** The offset of {@code d_reclen}, two bytes, in a {@code linux_dirent64}. */
    private static final int ENTRY_LENGTH = 16;

    /** {@code SEEK_CUR}. */
    private static final int CURRENT = 1;

    /** {@code SEEK_HOLE}. */
    private static final int LAST_WHENCE = 4;

    private final GuestThread thread;
    private final CallMemory memory;

    TransferCalls(GuestThread thread) {
        this.thread = thread;
        memory = thread.memory();
    }

    private GuestFile file(long descriptor) {
        GuestFile found = thread.openFile(descriptor);
        return found == null ? NoOpenFile.NONE : found;
    }

    private long transfer(GuestFile file, boolean isRead, MemoryVector parts, long offset) {
        if (file == NoOpenFile.NONE || !file.hasBytes()) {
            return file == NoOpenFile.NONE ? LinuxErrno.EBADF : LinuxErrno.EINVAL;
        }
        if (offset >= 0 && !(isRead ? file.hasOffsets() : file.takesWritesAt())) {
            return LinuxErrno.ESPIPE;
        }
        if (!(isRead ? file.mayRead() : file.mayWrite())) {
            return LinuxErrno.EBADF;
        }
        if (parts.error() != 0) {
            return parts.error();
        }
        long area = parts.length();
        long wrong = areaError(file, offset, area);
        if (wrong != 0) {
            return wrong;
        }
        long length = Math.min(area, MemoryVector.MOST_BYTES);
        long moved = move(file, isRead, parts, length, offset);
        if (isRead && length > 0 && moved >= 0) {
            file.accessed();
        }
        return moved;
    }

    /**
     * Returns the error of a transfer that would end beyond the largest possible offset ({@code rw_verify_area}); 0
     * otherwise. If a transfer is at the position of a file, the file itself checks this, unless the transfer is done
     * in several parts.
     */
    private static long areaError(GuestFile file, long offset, long length) {
        boolean isUnsigned = file.hasUnsignedOffsets();
        if (offset < 0 && length <= CHUNK && !isUnsigned) {
            return 0;
        }
        long start = offset < 0 ? file.seek(0, CURRENT) : offset;
        if (isUnsigned) {
            return start < 0 && length >= -start ? LinuxErrno.EOVERFLOW : 0;
        }
        return start >= 0 && start > Long.MAX_VALUE - length ? LinuxErrno.EINVAL : 0;
    }

    private long move(GuestFile file, boolean isRead, MemoryVector parts, long length, long offset) {
        if (file.isPipe() && offset < 0) {
            // Not done in parts, because what a pipe accepts and provides depends on the whole transfer.
            return isRead
                    ? file.readTo(thread, (int) length, (bytes, read) -> parts.put(0, bytes, read))
                    : file.writeFrom(thread, length, parts::get);
        }
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
        } while (done < length && !thread.mustEnd());
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
        WriteSource source = (at, bytes, count) -> parts.get(from + at, bytes, count);
        long written = offset < 0 ? file.writeFrom(thread, length, source) : file.writeFromAt(length, source, offset);
        if (isBegun(written)) {
            file.written(thread);
        }
        return written;
    }

    /**
     * Returns whether a write with this result passed the checks of position and size. From then on the file counts as
     * written, even if the source cannot be read or a seal rejects the bytes ({@code file_modified}).
     */
    private static boolean isBegun(long written) {
        return written != 0
                && written != LinuxErrno.EBADF
                && written != LinuxErrno.EINVAL
                && written != LinuxErrno.EFBIG;
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

    /** Transfers several parts as if they were one, at the position of the file if the offset is -1. */
    long parts(boolean isRead, long descriptor, long vector, long count, long offset) {
        GuestFile file = file(descriptor);
        if (file == NoOpenFile.NONE || !file.hasBytes()) {
            return file == NoOpenFile.NONE ? LinuxErrno.EBADF : LinuxErrno.EINVAL;
        }
        if (offset >= 0 && !(isRead ? file.hasOffsets() : file.takesWritesAt())) {
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
        if (parts.error() == 0 && parts.length() == 0) {
            // A transfer of no bytes does not reach the file, not even a file that rejects writes of length 0.
            return 0;
        }
        boolean isDivided = !isRead && file.writesParts() && parts.error() == 0;
        return isDivided ? writeParts(file, parts) : transfer(file, isRead, parts, offset);
    }

    /** Writes each part separately, up to the first that fails ({@code do_loop_readv_writev}). */
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
        boolean isGiven = offsetAddress != 0;
        long given = isGiven ? memory.getLong(offsetAddress) : 0;
        GuestFile source = file(from);
        long result = send(to, source, isGiven, given, count);
        if (isGiven) {
            // Stored even after a failure, so that memory that cannot be written is EFAULT in any case. A device has
            // no position.
            long moved = source instanceof DeviceFile ? 0 : Math.max(result, 0);
            memory.putLong(offsetAddress, given + moved);
        }
        return result;
    }

    private long send(long to, GuestFile source, boolean isGiven, long given, long count) {
        if (source == NoOpenFile.NONE || !source.mayRead()) {
            return LinuxErrno.EBADF;
        }
        boolean hasPosition = source.hasOffsets();
        if (isGiven && !hasPosition && source.hasBytes()) {
            return LinuxErrno.ESPIPE;
        }
        long offset = isGiven ? given : source.seek(0, 1);
        if (count < 0 || (hasPosition && (offset < 0 || offset > Long.MAX_VALUE - count))) {
            return LinuxErrno.EINVAL;
        }
        GuestFile target = file(to);
        if (target == NoOpenFile.NONE || !target.mayWrite()) {
            return LinuxErrno.EBADF;
        }
        long most = Math.min(count, MemoryVector.MOST_BYTES);
        if (isTooFar(source, offset + most) || isTooFar(target, offset + most)) {
            long largest = Math.min(source.largestSize(), target.largestSize());
            if (offset >= largest) {
                return LinuxErrno.EOVERFLOW;
            }
            most = largest - offset;
        }
        long result = target instanceof PipeEnd pipe
                ? pipe.writeFrom(thread, source, offset, most)
                : copy(source, offset, target, most);
        if (result >= 0 && count > 0) {
            source.accessed();
        }
        if (result > 0 && !isGiven) {
            source.seek(offset + result, 0);
        }
        return result;
    }

    /** Copies to a file that is not a pipe ({@code do_splice_direct}); returns the number of bytes, or an error. */
    private long copy(GuestFile source, long offset, GuestFile target, long count) {
        if ((target.flags() & OpenFlags.APPEND) != 0 || source.seek(0, 1) < 0) {
            return LinuxErrno.EINVAL;
        }
        if (count > 0 && !source.isSendable()) {
            // Such a source fails only when it is read, so a count of 0 is not an error.
            return LinuxErrno.EINVAL;
        }
        long done = 0;
        while (done < count && !thread.mustEnd()) {
            ByteBuffer bytes = ByteBuffer.allocate((int) Math.min(count - done, CHUNK));
            long read = source.readAt(bytes, offset + done);
            long written =
                    read <= 0 ? read : target.takesSent() ? target.write(thread, bytes.flip()) : LinuxErrno.EINVAL;
            if (read > 0 && isBegun(written)) {
                target.written(thread);
            }
            if (written <= 0) {
                return done > 0 ? done : written;
            }
            done += written;
        }
        return done;
    }

    long seek(long descriptor, long offset, long from) {
        GuestFile file = file(descriptor);
        boolean isWrong = Integer.compareUnsigned((int) from, LAST_WHENCE) > 0;
        return isWrong && file != NoOpenFile.NONE ? LinuxErrno.EINVAL : file.seek(offset, (int) from);
    }

    long truncate(long descriptor, long length) {
        if (length < 0) {
            return LinuxErrno.EINVAL;
        }
        GuestFile file = file(descriptor);
        if (file == NoOpenFile.NONE || !file.mayWrite()) {
            return file == NoOpenFile.NONE ? LinuxErrno.EBADF : LinuxErrno.EINVAL;
        }
        boolean isLarge = (file.flags() & OpenFlags.LARGEFILE) != 0;
        long result = !isLarge && length > GuestFile.LEAST_LARGEST ? LinuxErrno.EINVAL : file.truncate(length);
        if (result == 0) {
            file.written(thread);
        }
        return result;
    }

    long sync(long descriptor) {
        return file(descriptor).sync();
    }

    /** {@code fallocate}: extends a file, or punches a hole ({@code vfs_fallocate}). */
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
        int type = file.status().mode() & FileStatus.TYPE;
        if (type == FileStatus.FIFO || type == FileStatus.FOLDER) {
            return type == FileStatus.FIFO ? LinuxErrno.ESPIPE : LinuxErrno.EISDIR;
        }
        if (!file.isRegular()) {
            return LinuxErrno.ENODEV;
        }
        if (offset + length < 0 || isTooFar(file, offset + length)) {
            return LinuxErrno.EFBIG;
        }
        if ((int) mode != 0 && (int) mode != (PUNCH_HOLE | KEEP_SIZE)) {
            return LinuxErrno.EOPNOTSUPP;
        }
        long result = (int) mode == 0 ? file.grow(offset + length) : file.punch(offset, length);
        if (result == 0) {
            file.written(thread);
        }
        return result;
    }

    /** Whether a size is beyond the file's maximum. */
    private static boolean isTooFar(GuestFile file, long size) {
        return size > GuestFile.LEAST_LARGEST && size > file.largestSize();
    }

    /** Whether Linux supports a mode of {@code fallocate}, which it checks before the file. */
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

    /** {@code readahead}, for regular files only. It reads nothing, because pages are read when they are needed. */
    long readAhead(long descriptor, long length) {
        GuestFile file = file(descriptor);
        if (file == NoOpenFile.NONE || !file.mayRead()) {
            return LinuxErrno.EBADF;
        }
        boolean isRegular = (file.status().mode() & FileStatus.TYPE) == FileStatus.REGULAR;
        return isRegular && length >= 0 ? 0 : LinuxErrno.EINVAL;
    }

    long entries(long descriptor, long address, long length) {
        GuestFile file = file(descriptor);
        if (!(file instanceof GuestFolder folder)) {
            return file == NoOpenFile.NONE ? LinuxErrno.EBADF : LinuxErrno.ENOTDIR;
        }
        // The kernel's length has 32 bits.
        return folder.entriesTo(
                Math.min(Math.max((int) length, 0), CHUNK), (bytes, found) -> putEntries(address, bytes, found));
    }

    /** Stores directory entries, up to the first that cannot be stored as a whole ({@code filldir64}). */
    private int putEntries(long address, byte[] bytes, int length) {
        int done = 0;
        while (done < length) {
            int entry = (bytes[done + ENTRY_LENGTH] & 0xff) | (bytes[done + ENTRY_LENGTH + 1] & 0xff) << 8;
            int last = done + entry - 1;
            boolean isStored = memory.putSome(address + last, bytes, last, 1) == 1
                    && memory.putSome(address + done, bytes, done, entry) == entry;
            if (!isStored) {
                break;
            }
            done += entry;
        }
        return done;
    }
}
