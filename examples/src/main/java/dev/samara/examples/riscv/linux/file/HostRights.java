// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.file;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFileAttributeView;

/** The rights of files of the host. */
public final class HostRights {
    private static final String MODE = "unix:mode";
    private static final int BITS = 07777;

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

    private static boolean hasRights(Path host) {
        return Files.getFileAttributeView(host, PosixFileAttributeView.class) != null;
    }
}
