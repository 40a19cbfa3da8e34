// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.emulator.linux.abi.LinuxErrno;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Checks the permissions of host files for the guest, which counts as their owner ({@code inode_permission}). If the
 * emulator runs as the host's user 0, the host itself does not check them. A guest that is user 0 has all permissions.
 */
public final class OwnerRights {
    public static final int READ = FileStatus.MAY_READ;
    public static final int WRITE = FileStatus.MAY_WRITE;
    public static final int EXECUTE = 1;

    private static final int OF_OWNER = 6;

    private final boolean isBound;

    /** Creates the checks for a guest with a user ID. */
    public OwnerRights(int user) {
        isBound = user != 0;
    }

    /**
     * Returns EACCES if a file or directory lacks one of the wanted permissions; 0 if it has them or does not exist.
     * The path must not be a link.
     */
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

    /** Returns EACCES if a file or directory with this status lacks one of the wanted permissions. */
    public long check(FileStatus status, int wanted) {
        return !isBound || (status.mode() >> OF_OWNER & wanted) == wanted ? 0 : LinuxErrno.EACCES;
    }

    /** Returns EACCES if the guest may not add names to the parent directory of a file, or remove names from it. */
    public long checkFolderOf(@Nullable Path host) {
        return host == null ? 0 : check(host.getParent(), WRITE | EXECUTE);
    }

    /** Returns EACCES if a file may not be opened with these {@link OpenFlags}. */
    public long checkOpen(Path host, int flags) {
        return check(host, wanted(flags));
    }

    /** Returns EACCES if an open file may not be opened again. Checks only mappable files and pipes. */
    public long checkOpen(GuestFile open, int flags) {
        boolean isPipe = (open.status().mode() & FileStatus.TYPE) == FileStatus.FIFO;
        return isPipe || open.isMappable() ? checkOpen(open.status(), flags) : 0;
    }

    /** Returns EACCES if a file with this status may not be opened. */
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
