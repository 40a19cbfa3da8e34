// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.core.AddressSpace;
import dev.samara.emulator.linux.abi.LinuxErrno;
import java.nio.ByteBuffer;

/**
 * {@code /proc/PID/mem}: the memory of a process, accessed regardless of the rights of its mappings ({@code mem_rw} in
 * {@code fs/proc/base.c}).
 */
public final class MemoryAccess extends SpaceFile {
    private final Runnable afterWrite;

    /**
     * Opens the memory of a process.
     *
     * @param path the path of the file
     * @param flags bits of {@link OpenFlags}
     * @param number the inode number
     * @param space the memory
     * @param afterWrite called after each write, which may have changed code
     */
    public MemoryAccess(String path, int flags, long number, AddressSpace space, Runnable afterWrite) {
        super(path, flags, 0600, number, space);
        this.afterWrite = afterWrite;
    }

    @Override
    public long readAt(ByteBuffer target, long offset) {
        return target.hasRemaining() ? result(space().readForced(offset, target)) : 0;
    }

    @Override
    public long writeAt(ByteBuffer source, long offset) {
        if (!source.hasRemaining()) {
            return 0;
        }
        long done = result(space().writeForced(offset, source));
        if (done > 0) {
            afterWrite.run();
        }
        return done;
    }

    @Override
    public boolean takesSent() {
        return false;
    }

    @Override
    public boolean hasUnsignedOffsets() {
        return true;
    }

    private static long result(long done) {
        return done > 0 ? done : done == LinuxErrno.ESRCH ? 0 : LinuxErrno.EIO;
    }
}
