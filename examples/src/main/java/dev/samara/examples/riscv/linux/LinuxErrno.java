// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux;

import dev.samara.core.mman.MmException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.NotLinkException;

/** The results of failed system calls: errno, negated. */
final class LinuxErrno {
    static final long EPERM = -1;
    static final long ENOENT = -2;
    static final long ESRCH = -3;
    static final long EINTR = -4;
    static final long EIO = -5;
    static final long ENXIO = -6;
    static final long E2BIG = -7;
    static final long ENOEXEC = -8;
    static final long EBADF = -9;
    static final long ECHILD = -10;
    static final long EAGAIN = -11;
    static final long ENOMEM = -12;
    static final long EACCES = -13;
    static final long EFAULT = -14;
    static final long EBUSY = -16;
    static final long EEXIST = -17;
    static final long EXDEV = -18;
    static final long ENODEV = -19;
    static final long ENOTDIR = -20;
    static final long EISDIR = -21;
    static final long EINVAL = -22;
    static final long ENFILE = -23;
    static final long EMFILE = -24;
    static final long ENOTTY = -25;
    static final long EFBIG = -27;
    static final long ENOSPC = -28;
    static final long ESPIPE = -29;
    static final long EROFS = -30;
    static final long EPIPE = -32;
    static final long ERANGE = -34;
    static final long ENAMETOOLONG = -36;
    static final long ENOSYS = -38;
    static final long ENOTEMPTY = -39;
    static final long ELOOP = -40;
    static final long EOPNOTSUPP = -95;
    static final long ETIMEDOUT = -110;

    /** Results that no guest sees: the call is made again after a signal, unless a handler without SA_RESTART runs. */
    static final long RESTART = -512;

    /** The call is made again after a signal, unless a handler runs. */
    static final long RESTART_WITHOUT_HANDLER = -514;

    private static final int MOST = 4095;

    private LinuxErrno() {}

    static boolean isError(long result) {
        return result < 0 && result >= -MOST;
    }

    /** Returns the error of a failed call of the host. */
    static long of(IOException failure) {
        if (failure instanceof NoSuchFileException || failure instanceof FileNotFoundException) {
            return ENOENT;
        }
        if (failure instanceof FileAlreadyExistsException) {
            return EEXIST;
        }
        if (failure instanceof AccessDeniedException) {
            return EACCES;
        }
        if (failure instanceof DirectoryNotEmptyException) {
            return ENOTEMPTY;
        }
        if (failure instanceof NotDirectoryException) {
            return ENOTDIR;
        }
        if (failure instanceof NotLinkException) {
            return EINVAL;
        }
        return failure instanceof FileSystemLoopException ? ELOOP : EIO;
    }

    static long of(MmException failure) {
        return failure.errno().result();
    }
}
