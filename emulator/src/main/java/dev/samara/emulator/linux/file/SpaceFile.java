// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.AddressSpace;
import dev.samara.emulator.linux.abi.LinuxErrno;
import java.nio.ByteBuffer;

/**
 * A file of {@code /proc/PID} whose offsets stand for addresses. It has no end while the process has memory, and is
 * empty afterwards.
 */
abstract class SpaceFile extends ProcFile {
    private static final int SET = 0;
    private static final int CURRENT = 1;

    private final AddressSpace space;

    @GuardedBy("this")
    private long position;

    SpaceFile(String path, int flags, int rights, long number, AddressSpace space) {
        super(path, flags, rights, number);
        this.space = space;
    }

    public final AddressSpace space() {
        return space;
    }

    @Override
    public final synchronized long read(FileThread thread, ByteBuffer target) {
        long done = readAt(target, position);
        position += Math.max(done, 0);
        return done;
    }

    @Override
    public final synchronized long readTo(FileThread thread, int length, ReadTarget target) {
        ByteBuffer read = ByteBuffer.allocate(length);
        long done = readAt(read, position);
        if (done <= 0) {
            return done;
        }
        int taken = target.put(read.array(), (int) done);
        position += taken;
        return taken(taken);
    }

    @Override
    public final synchronized long write(FileThread thread, ByteBuffer source) {
        long done = writeAt(source, position);
        position += Math.max(done, 0);
        return done;
    }

    /** Computed from the reported size, which is 0. */
    @Override
    public final synchronized long available() {
        return -position;
    }

    /** Sets the position. Each value is valid, because it is an address ({@code mem_lseek}). */
    @Override
    public final synchronized long seek(long offset, int from) {
        if (from != SET && from != CURRENT) {
            return LinuxErrno.EINVAL;
        }
        position = from == CURRENT ? position + offset : offset;
        return position;
    }
}
