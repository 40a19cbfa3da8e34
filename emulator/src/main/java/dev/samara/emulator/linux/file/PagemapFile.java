// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.core.AddressSpace;
import dev.samara.emulator.linux.abi.LinuxErrno;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * {@code /proc/PID/pagemap}, which contains a word for each page ({@code pagemap_read} in {@code fs/proc/task_mmu.c}).
 */
public final class PagemapFile extends SpaceFile {
    /**
     * Opens the file of a space.
     *
     * @param path its path
     * @param flags bits of {@link OpenFlags}
     * @param number the inode number
     * @param space the space
     */
    public PagemapFile(String path, int flags, long number, AddressSpace space) {
        super(path, flags, 0400, number, space);
    }

    @Override
    public long unknownRequest() {
        return LinuxErrno.EINVAL;
    }

    @Override
    public long readAt(ByteBuffer target, long offset) {
        int length = target.remaining();
        if (offset < 0 || offset % Long.BYTES != 0 || length % Long.BYTES != 0) {
            return LinuxErrno.EINVAL;
        }
        long page = offset / Long.BYTES;
        if (page >= space().geometry().pages(space().geometry().limit())) {
            return 0;
        }
        long[] words = new long[length / Long.BYTES];
        long bytes = (long) words.length << space().geometry().pageShift();
        long found = space().pagemap(page << space().geometry().pageShift(), bytes, words);
        if (found < 0) {
            return found == LinuxErrno.ESRCH ? 0 : found;
        }
        target.order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < found; i++) {
            target.putLong(words[i]);
        }
        return found * Long.BYTES;
    }
}
