// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFileAttributeView;

/** The rights of files of the host. */
public final class HostRights {
    private static final String MODE = "unix:mode";
    private static final int BITS = 07777;
    private static final int SET_USER = 04000;
    static final int SET_GROUP = 02000;
    private static final int GROUP_EXECUTES = 010;

    private HostRights() {}

    /** Sets the rights of a file, with the set-user-ID bit and the like; on a file system without, nothing happens. */
    public static void set(Path host, int mode) throws IOException {
        if (hasRights(host)) {
            Files.setAttribute(host, MODE, mode & BITS);
        }
    }

    /**
     * Sets the rights of a file that was just made, as {@link #set} does. Fails if another thread has put a link in
     * place of the file. The caller has the lock of the {@link NamedPipes}.
     */
    public static void setOfNew(Path host, int mode) throws IOException {
        // JDK 25 follows a link in spite of the option. The caller has the lock of names, so no thread of the guest
        // puts a link there after this look.
        if (Files.isSymbolicLink(host)) {
            throw new FileSystemException(host.toString(), null, "a link is in place of the new file");
        }
        set(host, mode);
    }

    /**
     * Takes the set-user-ID bit, and the set-group-ID bit of what the group may execute, from a file.
     *
     * @return whether it had one of them
     */
    static boolean dropPrivileges(Path host) throws IOException {
        int mode = FileStatus.of(host, false).mode() & BITS;
        int kept = withoutPrivileges(mode);
        if (kept != mode) {
            set(host, kept);
        }
        return kept != mode;
    }

    /** Returns rights without the set-user-ID bit, and without the set-group-ID bit of what the group may execute. */
    public static int withoutPrivileges(int mode) {
        return mode & BITS & ~(SET_USER | ((mode & GROUP_EXECUTES) != 0 ? SET_GROUP : 0));
    }

    private static boolean hasRights(Path host) {
        return Files.getFileAttributeView(host, PosixFileAttributeView.class) != null;
    }
}
