// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFileAttributeView;

/** Sets and computes the permission bits of host files. */
public final class HostRights {
    private static final String MODE = "unix:mode";
    private static final int BITS = 07777;
    private static final int SET_USER = 04000;
    static final int SET_GROUP = 02000;
    private static final int GROUP_EXECUTES = 010;

    private HostRights() {}

    /**
     * Sets the permission bits of a file, including the set-user-ID, set-group-ID and sticky bits. Does nothing on a
     * file system without POSIX permissions.
     */
    public static void set(Path host, int mode) throws IOException {
        if (hasRights(host)) {
            Files.setAttribute(host, MODE, mode & BITS);
        }
    }

    /**
     * Sets the permission bits of a file that was just created, as {@link #set} does. Fails if the file was replaced by
     * a link in the meantime. The caller holds the monitor of the {@link GuestNames}.
     */
    public static void setOfNew(Path host, int mode) throws IOException {
        // JDK 25 follows a link in spite of the option. The caller holds the monitor that guards names, so no thread of
        // the guest can put a link there after this check.
        if (Files.isSymbolicLink(host)) {
            throw new FileSystemException(host.toString(), null, "a link is in place of the new file");
        }
        set(host, mode);
    }

    /**
     * Clears the set-user-ID bit of a file. Also clears its set-group-ID bit if the group may execute the file.
     *
     * @return whether a bit was cleared
     */
    static boolean dropPrivileges(Path host) throws IOException {
        int mode = FileStatus.of(host, false).mode() & BITS;
        int kept = withoutPrivileges(mode);
        if (kept != mode) {
            set(host, kept);
        }
        return kept != mode;
    }

    /**
     * Returns permission bits without the set-user-ID bit. The set-group-ID bit is also removed if the group may
     * execute the file.
     */
    public static int withoutPrivileges(int mode) {
        return mode & BITS & ~(SET_USER | ((mode & GROUP_EXECUTES) != 0 ? SET_GROUP : 0));
    }

    private static boolean hasRights(Path host) {
        return Files.getFileAttributeView(host, PosixFileAttributeView.class) != null;
    }
}
