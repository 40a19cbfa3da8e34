// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.emulator.elf.ProgramLoader;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.memory.CallMemory;
import java.util.ArrayList;
import java.util.List;

/** The parts of memory that a call reads or writes one after the other, as if they were one part ({@code iov_iter}). */
final class MemoryVector {
    /** The maximum number of bytes of one call ({@code MAX_RW_COUNT}). */
    static final long MOST_BYTES = 0x7fff_f000;

    private static final int PART = 16;

    private final CallMemory memory;
    private final long[] starts;
    private final long[] lengths;
    private final long error;

    private MemoryVector(CallMemory memory, long[] starts, long[] lengths, long error) {
        this.memory = memory;
        this.starts = starts;
        this.lengths = lengths;
        this.error = error;
    }

    /** Creates a vector of one part ({@code access_ok}). */
    static MemoryVector of(CallMemory memory, long start, long length) {
        long[] starts = {start};
        long[] lengths = {length};
        return new MemoryVector(memory, starts, lengths, length < 0 ? LinuxErrno.EFAULT : errorOf(starts, lengths));
    }

    /** Reads the parts from a vector of {@code struct iovec}. A negative length is reported before any other error. */
    static MemoryVector of(CallMemory memory, long vector, int count) {
        long[] starts = new long[count];
        long[] lengths = new long[count];
        for (int i = 0; i < count; i++) {
            starts[i] = memory.getLong(vector + (long) PART * i);
            lengths[i] = memory.getLong(vector + (long) PART * i + Long.BYTES);
            if (lengths[i] < 0) {
                return new MemoryVector(memory, starts, lengths, LinuxErrno.EINVAL);
            }
        }
        if (count == 1) {
            // A single part is shortened before its address range is checked.
            lengths[0] = Math.min(lengths[0], MOST_BYTES);
        }
        return new MemoryVector(memory, starts, lengths, errorOf(starts, lengths));
    }

    private static long errorOf(long[] starts, long[] lengths) {
        long limit = ProgramLoader.GEOMETRY.limit();
        for (int i = 0; i < starts.length; i++) {
            if (starts[i] < 0 || lengths[i] > limit - starts[i]) {
                return LinuxErrno.EFAULT;
            }
        }
        return 0;
    }

    /** Returns the error if the length or the address range of a part is invalid; 0 otherwise. */
    long error() {
        return error;
    }

    /** Returns the number of bytes of all parts. */
    long length() {
        long length = 0;
        for (long each : lengths) {
            length += each;
        }
        return length;
    }

    /** Returns the parts, each as a separate vector. */
    List<MemoryVector> parts() {
        List<MemoryVector> all = new ArrayList<>();
        for (int i = 0; i < starts.length; i++) {
            all.add(of(memory, starts[i], lengths[i]));
        }
        return all;
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

    /**
     * Stores bytes from an offset on, which counts across all parts. Returns how many were stored before the first byte
     * that could not be stored.
     */
    int put(long from, byte[] bytes, int count) {
        return copy(from, count, (address, at, length) -> memory.putSome(address, bytes, at, length));
    }

    /** Loads bytes in the same way as {@link #put} stores them. */
    int get(long from, byte[] bytes, int count) {
        return copy(from, count, (address, at, length) -> memory.getSome(address, bytes, at, length));
    }
}
