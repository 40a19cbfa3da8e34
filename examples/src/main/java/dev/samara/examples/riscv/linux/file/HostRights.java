// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.file;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFilePermission;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The rights of files of the host. */
public final class HostRights {
    private HostRights() {}

    /** Sets the rights of a file; on a file system without them, nothing happens. */
    public static void set(Path host, int mode) throws IOException {
        set(Files.getFileAttributeView(host, PosixFileAttributeView.class), mode);
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
        set(Files.getFileAttributeView(host, PosixFileAttributeView.class, LinkOption.NOFOLLOW_LINKS), mode);
    }

    private static void set(@Nullable PosixFileAttributeView file, int mode) throws IOException {
        if (file == null) {
            return;
        }
        PosixFilePermission[] all = PosixFilePermission.values();
        Set<PosixFilePermission> chosen = EnumSet.noneOf(PosixFilePermission.class);
        for (int i = 0; i < all.length; i++) {
            // The first one is the highest of nine bits.
            if ((mode >> (all.length - 1 - i) & 1) != 0) {
                chosen.add(all[i]);
            }
        }
        file.setPermissions(chosen);
    }
}
