// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

import java.io.IOException;

/**
 * The errors that a memory call can return, and those that the host reports for files, under Linux's names and x86-64
 * numbers ({@code errno(3)}).
 *
 * <p>A call that fails returns {@link #result()}, the negated number. It is in {@code [-4095, -1]}, so no address
 * equals it.
 */
public enum Errno {
    /** Operation not permitted: a seal, a missing right, or an address below what this space may map. */
    EPERM(1),
    /** No such file. */
    ENOENT(2),
    /** No such space: the reference is closed, or the space has ended. */
    ESRCH(3),
    /** Interrupted: the call waited for a range in flight, and nothing was changed, unless the call says otherwise. */
    EINTR(4),
    /** Input or output error, of a backing or of the host. */
    EIO(5),
    /** No such device or address: the device behind a special file does not exist. */
    ENXIO(6),
    /** Bad file descriptor: no backing where one is needed, a closed file, or a file that is not open for writing. */
    EBADF(9),
    /** Try again: the limit on locked memory is reached, or a resource is temporarily unavailable. */
    EAGAIN(11),
    /** Out of memory, of address space or of mappings; or a hole where a mapping is needed. */
    ENOMEM(12),
    /** Permission denied: the mode in which the file was opened, or the mapping, does not allow the access. */
    EACCES(13),
    /** Bad address: no mapping, or not the kind of mapping that the call needs. */
    EFAULT(14),
    /** Busy: locked memory cannot be invalidated, or a file is already open with another page size. */
    EBUSY(16),
    /** A mapping or a file already exists. */
    EEXIST(17),
    /** The two names are in different file systems. */
    EXDEV(18),
    /** The file cannot be mapped, or the host file is a device, a FIFO or a socket. */
    ENODEV(19),
    /** A component of the path before the last one is not a directory. */
    ENOTDIR(20),
    /** The file is a directory. */
    EISDIR(21),
    /** Invalid argument. */
    EINVAL(22),
    /** All processes of the host have too many open files. */
    ENFILE(23),
    /** The process has too many open files. */
    EMFILE(24),
    /** The file is in use as swap space, or is the executable of a running program. */
    ETXTBSY(26),
    /** The file would exceed its maximum size. */
    EFBIG(27),
    /** No space left. */
    ENOSPC(28),
    /** The file system is read-only. */
    EROFS(30),
    /** The file has too many hard links. */
    EMLINK(31),
    /** The pipe or the socket has no reader. */
    EPIPE(32),
    /** The name of the file is too long. */
    ENAMETOOLONG(36),
    /** The call, or the operation that its arguments request, does not exist. */
    ENOSYS(38),
    /** The directory is not empty. */
    ENOTEMPTY(39),
    /** There are too many symbolic links in the path. */
    ELOOP(40),
    /** The offset is beyond the maximum size of the file. */
    EOVERFLOW(75),
    /** An unknown flag to a call that refuses unknown flags, or an operation that the backing does not support. */
    EOPNOTSUPP(95),
    /** A wait timed out. */
    ETIMEDOUT(110),
    /** The file owner's quota is exhausted. */
    EDQUOT(122);

    private static final long LOWEST_RESULT = -4095;

    private final int number;

    Errno(int number) {
        this.number = number;
    }

    /**
     * Returns Linux's number for this error.
     *
     * @return the positive number
     */
    public int number() {
        return number;
    }

    /**
     * Returns the value that a call returns if it fails with this error.
     *
     * @return the negated number
     */
    public long result() {
        return -number;
    }

    /**
     * Returns whether a result is an error and not an address or a count.
     *
     * @param result the result of a call
     * @return true if {@code result} is in {@code [-4095, -1]}
     */
    public static boolean isError(long result) {
        return result < 0 && result >= LOWEST_RESULT;
    }

    /**
     * Returns the error of a result.
     *
     * @param result the result of a call; must be an error
     * @return the error
     * @throws IllegalArgumentException if {@code result} is not an error, or an error that this library never returns
     */
    public static Errno of(long result) {
        for (Errno errno : values()) {
            if (errno.result() == result) {
                return errno;
            }
        }
        throw new IllegalArgumentException("result " + result + " is not the negated number of a known errno");
    }

    /**
     * Returns the error of the host behind an exception of the JDK's file and channel classes, for an embedder whose
     * guest uses files of the host.
     *
     * <p>For most errors the JDK only provides a text of the system. English texts are known. On Linux with the GNU C
     * library, so are the texts of the language that the environment names ({@code LANG} and others): their catalogue
     * is read at the first text that is not English. An unknown text is logged once, as a warning of the logger {@code
     * dev.samara.core}. A {@code HostFileException} contains its error.
     *
     * @param failure the exception
     * @return the error; {@link #EIO} if it is unknown
     */
    public static Errno of(IOException failure) {
        return HostErrors.of(failure);
    }
}
