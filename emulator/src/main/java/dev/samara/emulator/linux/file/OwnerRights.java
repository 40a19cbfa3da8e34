// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.emulator.linux.abi.LinuxErrno;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The rights of files of the host as the guest has them: it takes itself for their owner ({@code inode_permission}).
 * The host itself does not look at them if the emulator runs as its user 0. A guest that is user 0 has all of them.
 */
public final class OwnerRights {
    public static final int READ = FileStatus.MAY_READ;
    public static final int WRITE = FileStatus.MAY_WRITE;
    public static final int EXECUTE = 1;

    private static final int OF_OWNER = 6;

    private final boolean isBound;

    /** Makes the rights of a guest that is a user. */
    public OwnerRights(int user) {
        isBound = user != 0;
    }

    /** Returns EACCES if a file or a folder, which is no link, lacks one of some rights; 0 also if nothing is there. */
    public long check(@Nullable Path host, int wanted) {
        if (!isBound || host == null || wanted == 0) {
            return 0;
        }
        try {
            int mode = (int) Files.getAttribute(host, "unix:mode", LinkOption.NOFOLLOW_LINKS);
            return (mode >> OF_OWNER & wanted) == wanted ? 0 : LinuxErrno.EACCES;
        } catch (IOException none) {
            return 0;
        }
    }

    /** Returns EACCES if a file or a folder with some status lacks one of some rights. */
    public long check(FileStatus status, int wanted) {
        return !isBound || (status.mode() >> OF_OWNER & wanted) == wanted ? 0 : LinuxErrno.EACCES;
    }

    /** Returns EACCES if names of a folder may not be added or removed. */
    public long checkFolderOf(@Nullable Path host) {
        return host == null ? 0 : check(host.getParent(), WRITE | EXECUTE);
    }

    /** Returns EACCES if a file may not be opened with some bits of {@link OpenFlags}. */
    public long checkOpen(Path host, int flags) {
        return check(host, wanted(flags));
    }

    /** Returns EACCES if an open file of bytes at offsets, or a pipe, which has no name, may not be opened again. */
    public long checkOpen(GuestFile open, int flags) {
        boolean isPipe = (open.status().mode() & FileStatus.TYPE) == FileStatus.FIFO;
        return isPipe || open.isMappable() ? checkOpen(open.status(), flags) : 0;
    }

    /** Returns EACCES if a file with some status may not be opened. */
    public long checkOpen(FileStatus status, int flags) {
        return check(status, wanted(flags));
    }

    private static int wanted(int flags) {
        if ((flags & OpenFlags.PATH) != 0) {
            return 0;
        }
        int access = flags & OpenFlags.ACCESS;
        boolean reads = access != OpenFlags.WRONLY;
        boolean writes = access != OpenFlags.RDONLY || (flags & OpenFlags.TRUNC) != 0;
        return (reads ? READ : 0) | (writes ? WRITE : 0);
    }
}
