// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.emulator.linux.abi.LinuxErrno;

/**
 * A regular file of {@code /proc}. Its size stays 0, even after a truncation to another size ({@code proc_setattr}).
 */
abstract class ProcFile extends GuestFile {
    private final FileStatus status;

    /**
     * Opens a file.
     *
     * @param path its path
     * @param flags bits of {@link OpenFlags}
     * @param rights the permission bits
     * @param number the inode number
     */
    ProcFile(String path, int flags, int rights, long number) {
        super(path, flags);
        status = FileStatus.of(FileStatus.REGULAR | rights, number, 0);
    }

    @Override
    public final long truncate(long length) {
        return length > LEAST_LARGEST ? LinuxErrno.EFBIG : 0;
    }

    @Override
    public final long grow(long length) {
        return LinuxErrno.EOPNOTSUPP;
    }

    @Override
    public final long largestSize() {
        return LEAST_LARGEST;
    }

    @Override
    public final int blockSize() {
        return BLOCK_OF_PROC;
    }

    @Override
    public final FileStatus status() {
        return status;
    }

    @Override
    final boolean mayExecute() {
        return false;
    }
}
