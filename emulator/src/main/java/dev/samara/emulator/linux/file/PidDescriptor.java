// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.wait.WaitList;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * A descriptor of a process or of a thread ({@code pidfd_open}). It becomes readable when the process or thread ends.
 */
public final class PidDescriptor extends GuestFile {
    /** Marks a descriptor of a thread. */
    public static final int THREAD = OpenFlags.EXCL;

    /** The process or thread. Its ID is never reused. */
    public interface PidState {
        int id();

        /** Whether it has ended. A process ends when all its threads have ended. */
        boolean isEnded();

        /** Whether no process can wait for it any more. */
        boolean isForgotten();

        /** The threads that wait for a change of this state. */
        WaitList ends();
    }

    /** The first inode number of these files. All other files have smaller ones. */
    private static final long FIRST_NUMBER = 1L << 40;

    private final PidState target;

    /**
     * Creates a descriptor.
     *
     * @param target the process or thread
     * @param flags {@link #THREAD} and {@link OpenFlags#NONBLOCK}
     */
    public PidDescriptor(PidState target, int flags) {
        super("anon_inode:[pidfd]", OpenFlags.RDWR | (flags & (THREAD | OpenFlags.NONBLOCK)));
        this.target = target;
    }

    public int id() {
        return target.id();
    }

    public boolean isOfThread() {
        return (flags() & THREAD) != 0;
    }

    public boolean isPatient() {
        return !isNonBlocking();
    }

    @Override
    public long read(FileThread thread, ByteBuffer target) {
        return LinuxErrno.EINVAL;
    }

    @Override
    public long write(FileThread thread, ByteBuffer source) {
        return LinuxErrno.EINVAL;
    }

    /** Permits only {@code O_PATH}, because the file belongs to user 0. */
    @Override
    public @Nullable GuestFile reopened(int changed) {
        return (changed & OpenFlags.PATH) == 0 ? null : new OpenedPlace(this, changed & OpenFlags.KEPT);
    }

    @Override
    public boolean hasBytes() {
        return false;
    }

    @Override
    public boolean hasOffsets() {
        return false;
    }

    @Override
    public boolean hasPath() {
        return false;
    }

    @Override
    public boolean isAnonymous() {
        return true;
    }

    /**
     * The files of pidfs are regular files, although {@code stat} does not report their type ({@code pidfs_getattr}).
     */
    @Override
    public boolean isRegular() {
        return true;
    }

    @Override
    public long truncate(long length) {
        return LinuxErrno.EOPNOTSUPP;
    }

    @Override
    public long grow(long length) {
        return LinuxErrno.EOPNOTSUPP;
    }

    @Override
    public FileStatus status() {
        return FileStatus.of(0700, FIRST_NUMBER + id(), 0);
    }

    @Override
    public int ready() {
        return target.isForgotten() ? READABLE | HUNG_UP : target.isEnded() ? READABLE : 0;
    }

    @Override
    public WaitList waiters() {
        return target.ends();
    }
}
