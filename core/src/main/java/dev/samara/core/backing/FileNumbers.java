// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.backing;

import dev.samara.core.mman.Errno;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Reads and writes numbers in a host file. Errors are thrown, because a returned number cannot represent an errno. */
final class FileNumbers {
    private FileNumbers() {}

    private static ByteBuffer buffer() {
        return ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Reads a number, and zero-extends it. */
    static long get(HostFile file, long offset, int size) throws IOException {
        ByteBuffer bytes = buffer();
        while (bytes.position() < size) {
            long done = file.pread(bytes.limit(size), offset + bytes.position());
            if (done < 0) {
                throw failure(file, "a read", offset, size, done);
            }
            if (done == 0) {
                throw new EOFException(file.name() + " ends before " + size + " bytes at " + offset);
            }
        }
        return bytes.limit(Long.BYTES).getLong(0);
    }

    /** Writes a number. */
    static void put(HostFile file, long offset, int size, long value) throws IOException {
        ByteBuffer bytes = buffer().putLong(0, value).limit(size);
        while (bytes.hasRemaining()) {
            long done = file.pwrite(bytes, offset + bytes.position());
            if (done < 0) {
                throw failure(file, "a write", offset, size, done);
            }
        }
    }

    private static HostFileException failure(HostFile file, String call, long offset, int size, long result) {
        return new HostFileException(file.name(), call + " of " + size + " bytes at " + offset, Errno.of(result));
    }
}
