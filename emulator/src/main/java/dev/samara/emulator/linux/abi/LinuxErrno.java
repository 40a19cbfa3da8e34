// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.abi;

import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import java.io.IOException;

/** The results of failed system calls: negated errno values. */
public final class LinuxErrno {
    public static final long EPERM = -1;
    public static final long ENOENT = -2;
    public static final long ESRCH = -3;
    public static final long EINTR = -4;
    public static final long EIO = -5;
    public static final long ENXIO = -6;
    public static final long E2BIG = -7;
    public static final long ENOEXEC = -8;
    public static final long EBADF = -9;
    public static final long ECHILD = -10;
    public static final long EAGAIN = -11;
    public static final long ENOMEM = -12;
    public static final long EACCES = -13;
    public static final long EFAULT = -14;
    public static final long EBUSY = -16;
    public static final long EEXIST = -17;
    public static final long EXDEV = -18;
    public static final long ENODEV = -19;
    public static final long ENOTDIR = -20;
    public static final long EISDIR = -21;
    public static final long EINVAL = -22;
    public static final long ENFILE = -23;
    public static final long EMFILE = -24;
    public static final long ENOTTY = -25;
    public static final long ETXTBSY = -26;
    public static final long EFBIG = -27;
    public static final long ENOSPC = -28;
    public static final long ESPIPE = -29;
    public static final long EROFS = -30;
    public static final long EMLINK = -31;
    public static final long EPIPE = -32;
    public static final long ERANGE = -34;
    public static final long EDEADLK = -35;
    public static final long ENAMETOOLONG = -36;
    public static final long ENOLCK = -37;
    public static final long ENOSYS = -38;
    public static final long ENOTEMPTY = -39;
    public static final long ELOOP = -40;
    public static final long EOVERFLOW = -75;
    public static final long EOPNOTSUPP = -95;
    public static final long ETIMEDOUT = -110;
    public static final long EDQUOT = -122;

    /**
     * The call is restarted after a signal, unless a handler without SA_RESTART runs. The guest sees neither this
     * result nor the next one.
     */
    public static final long RESTART = -512;

    /** The call is restarted after a signal, unless a handler runs. */
    public static final long RESTART_WITHOUT_HANDLER = -514;

    private static final int MOST = 4095;

    private LinuxErrno() {}

    /** Whether a result means that the call may be restarted after a signal. */
    public static boolean mayRestart(long result) {
        return result == RESTART || result == RESTART_WITHOUT_HANDLER;
    }

    public static boolean isError(long result) {
        return result < 0 && result >= -MOST;
    }

    /** Returns the error of a failed call of the host; EIO if it is unknown. */
    public static long of(IOException failure) {
        return Errno.of(failure).result();
    }

    public static long of(MmException failure) {
        return failure.errno().result();
    }
}
