// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * Finds files whose size is not the number of their bytes. The kernel makes the bytes of a file of {@code proc} or
 * {@code sysfs} at each read. The size of the former is 0 and that of the latter is a page, whatever a read returns. No
 * page of such a file can be cached, and Linux does not map it either (ENODEV; EIO for some files of {@code proc}).
 */
final class StoredSize {
    /** The largest page of a host. A larger file is not checked: its last page may have to come from a network. */
    private static final long MOST = 1 << 16;

    /** How often a size must be wrong: another program may change the file between the size and the read. */
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

    /** Returns whether a file has a byte at an offset. A byte that cannot be read is there: accesses get the error. */
    private static boolean hasByte(HostChannel channel, long offset) {
        try {
            return channel.read(ByteBuffer.allocate(1), offset) > 0;
        } catch (IOException unreadable) {
            return true;
        }
    }
}
