// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import java.io.File;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import org.jspecify.annotations.Nullable;

/**
 * One buffer for frames of a machine. It uses memory of the system only for the parts that were provided. The buffer
 * maps a deleted file in {@code /dev/shm}. The system frees the file when the process ends, or after the buffer is
 * collected.
 *
 * <p>An access to a part that was not provided may throw InternalError if the system has no memory for the part. So
 * {@link #provide} first writes zeros; if the system has no memory, the write fails with an IOException.
 */
final class SparseRegion {
    /** The size of a large region in bytes, without the zero page. */
    static final long MOST_MEMORY = 1L << 30;

    /** The maximum size of the zero page, which the last region of a machine contains in addition. */
    static final long ZERO_PAGE = 1L << 24;

    private static final long MOST = MOST_MEMORY + ZERO_PAGE;

    /**
     * The directory in which Linux keeps files in memory. Without it there are no regions, because files in other
     * directories would be written to disk.
     */
    private static final File MEMORY = new File("/dev/shm");

    private static final byte[] ZEROS = new byte[1 << 16];

    /** Counted for each region in addition to its memory, because it uses a mapping and an open file. */
    private static final long OVERHEAD = 1L << 24;

    private final RandomAccessFile file;
    private final MappedByteBuffer bytes;
    private final RegionBudget.Share share;

    SparseRegion(RandomAccessFile file, MappedByteBuffer bytes) {
        this.file = file;
        this.bytes = bytes;
        share = RegionBudget.ALL.share(bytes);
        share.add(OVERHEAD);
    }

    /** Returns whether the system has room for regions. Other processes may use up the room at any time. */
    static boolean hasRoom(long size) {
        return MEMORY.canWrite() && MEMORY.getUsableSpace() >= size;
    }

    /** Returns whether the system has room for one region of a size. */
    static boolean isPossible(long size) {
        return size <= MOST && hasRoom(size);
    }

    /** Returns a region of a size, of which no part is provided yet; null if the system has no room for it. */
    static @Nullable SparseRegion open(long size) {
        if (!isPossible(size)) {
            return null;
        }
        // FileChannel.map fails on an interrupted thread.
        boolean isInterrupted = Thread.interrupted();
        try {
            // Unlike File.createTempFile, this creates a file that no other user can open.
            File named = Files.createTempFile(MEMORY.toPath(), "samara", null).toFile();
            try {
                return mapped(new RandomAccessFile(named, "rw"), size);
            } finally {
                if (!named.delete()) {
                    named.deleteOnExit();
                }
            }
        } catch (IOException | SecurityException | OutOfMemoryError refused) {
            return null;
        } finally {
            if (isInterrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private static SparseRegion mapped(RandomAccessFile file, long size) throws IOException {
        try {
            file.setLength(size);
            MappedByteBuffer bytes = file.getChannel().map(FileChannel.MapMode.READ_WRITE, 0, size);
            bytes.order(ByteOrder.LITTLE_ENDIAN);
            return new SparseRegion(file, bytes);
        } catch (IOException | OutOfMemoryError refused) {
            file.close();
            throw refused;
        }
    }

    /** Returns all bytes of the region, little-endian; always the same object. */
    MappedByteBuffer bytes() {
        return bytes;
    }

    /** Takes memory of the system for a part. Returns false if the system has none. Called under a lock. */
    boolean provide(long from, int length) {
        boolean isProvided = false;
        long before = share.bytes();
        try {
            share.add(length);
            file.seek(from);
            for (int done = 0; done < length; done += ZEROS.length) {
                file.write(ZEROS, 0, Math.min(ZEROS.length, length - done));
            }
            isProvided = true;
        } catch (IOException full) {
            giveBack(from);
        } finally {
            // Runs also after an Error, when the part may or may not be counted; the caller then retries.
            if (!isProvided) {
                share.add(before - share.bytes());
            }
        }
        return isProvided;
    }

    /** Returns the bytes that count for this region. */
    long counted() {
        return share.bytes();
    }

    /**
     * Releases the memory from an offset on to the system. No frame is there, because parts are provided in ascending
     * order.
     */
    private void giveBack(long from) {
        try {
            file.setLength(from);
        } catch (IOException kept) {
            // Ignored: the memory stays allocated until the buffer is collected.
        }
    }
}
