// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The largest sizes of files that the file systems of the host permit ({@code s_maxbytes}), by their devices. The JDK
 * does not report these sizes, but the host rejects a position beyond the largest size of the file system. Thread-safe.
 */
final class LargestSizes {
    private final Map<Long, Long> found = new ConcurrentHashMap<>();

    /**
     * Returns the largest size of a regular file.
     *
     * @param device the number of its device
     * @param host the path of the file
     * @return bytes; {@link Long#MAX_VALUE} if the file cannot be opened for reading, and no file of its device was
     *     opened before
     */
    long of(long device, Path host) {
        Long known = found.get(device);
        while (known == null) {
            try {
                known = search(host);
                found.put(device, known);
            } catch (ClosedByInterruptException again) {
                // A signal to the thread of the guest interrupted it. The signal is not lost, because the next search
                // restores the interrupt status.
                known = null;
            } catch (IOException unreadable) {
                return Long.MAX_VALUE;
            }
        }
        return known;
    }

    /** Returns the largest size that was found for a device; {@link Long#MAX_VALUE} if none was found. */
    long of(long device) {
        return found.getOrDefault(device, Long.MAX_VALUE);
    }

    private static long search(Path host) throws IOException {
        boolean wasInterrupted = Thread.interrupted();
        try (FileChannel file = FileChannel.open(host, StandardOpenOption.READ)) {
            long low = GuestFile.LEAST_LARGEST;
            long high = Long.MAX_VALUE;
            while (low < high) {
                long middle = low + (high - low) / 2 + 1;
                if (accepts(file, middle)) {
                    low = middle;
                } else {
                    high = middle - 1;
                }
            }
            return low;
        } finally {
            if (wasInterrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private static boolean accepts(FileChannel file, long position) throws IOException {
        try {
            file.position(position);
            return true;
        } catch (ClosedByInterruptException interrupted) {
            throw interrupted;
        } catch (IOException beyond) {
            return false;
        }
    }
}
