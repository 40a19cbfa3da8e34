// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * Detects files whose size is not the number of their bytes. The kernel generates the bytes of a file of {@code proc}
 * or {@code sysfs} at each read. The size of a file of {@code proc} is 0 and the size of a file of {@code sysfs} is one
 * page, whatever a read returns. The pages of such a file cannot be cached, and Linux does not map such a file either
 * (ENODEV; EIO for some files of {@code proc}).
 */
final class StoredSize {
    /**
     * The maximum page size of a host. A larger file is not checked, because its last page may have to be read from a
     * network.
     */
    private static final long MOST = 1 << 16;

    /**
     * How often the size must be wrong, because another program may change the file between the check of the size and
     * the read.
     */
    private static final int ATTEMPTS = 3;

    private StoredSize() {}

    /**
     * Returns whether reading a byte confirms that the size of a file is the number of its bytes. May wait as long as
     * any read of the file.
     */
    static boolean isRight(HostChannel channel) throws IOException {
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            long size = channel.size();
            if (size > MOST || hasByte(channel, Math.max(size - 1, 0)) == (size > 0)) {
                return true;
            }
        }
        return false;
    }

    /**
     * Returns whether a file has a byte at an offset. If the read fails, returns true, so that later accesses report
     * the error.
     */
    private static boolean hasByte(HostChannel channel, long offset) {
        try {
            return channel.read(ByteBuffer.allocate(1), offset) > 0;
        } catch (IOException unreadable) {
            return true;
        }
    }
}
