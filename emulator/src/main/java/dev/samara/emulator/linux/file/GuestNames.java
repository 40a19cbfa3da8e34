// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.core.vma.Backing;
import java.io.IOException;
import java.nio.file.CopyOption;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFileAttributeView;
import java.util.Collections;
import java.util.Map;
import java.util.Set;
import java.util.WeakHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The names of the guest's files. Its monitor is held from the resolution of a path to the end of the path's use, and
 * by all calls that change names. So no thread of the guest can put a link into a path in the meantime. A thread that
 * holds the monitor does not wait for another thread of the guest.
 */
public final class GuestNames {
    private static final int BITS_OF_RIGHTS = 07777;

    private final Set<OpenedName> followed = Collections.newSetFromMap(new WeakHashMap<>());

    /** The name of each file that may be mapped, which {@code /proc/PID/maps} shows. */
    private final Map<Backing, OpenedName> mapped = new WeakHashMap<>();

    public GuestNames() {}

    static @Nullable FileStatus statusOf(Path host) {
        try {
            return FileStatus.of(host, false);
        } catch (IOException none) {
            return null;
        }
    }

    synchronized void follow(OpenedName name) {
        followed.add(name);
    }

    /** Records that the guest removed a name. */
    public synchronized void removed(String guest) {
        for (OpenedName each : followed) {
            if (each.path().equals(guest)) {
                each.remove();
            }
        }
    }

    synchronized void noteMapped(Backing file, OpenedName name) {
        mapped.put(file, name);
    }

    /** Returns what {@code maps} shows as the name of a mapped file; null if it is not a file of the host. */
    public synchronized @Nullable String shownOf(@Nullable Backing backing) {
        OpenedName name = backing == null ? null : mapped.get(backing.underlying());
        return name == null ? null : name.shown();
    }

    /** Sets permission bits, if the host's file system has any. */
    public static void setRights(Path host, int mode) throws IOException {
        if (Files.getFileAttributeView(host, PosixFileAttributeView.class) != null) {
            Files.setAttribute(host, "unix:mode", mode & BITS_OF_RIGHTS);
        }
    }

    /** Sets the permission bits of a file that the caller has just made. */
    public static void setRightsOfNew(Path host, int mode) throws IOException {
        // JDK 25 follows a link in spite of the option. The caller holds the monitor that guards names, so no thread of
        // the guest can put a link there after this check.
        if (Files.isSymbolicLink(host)) {
            throw new FileSystemException(host.toString(), null, "a link is in place of the new file");
        }
        setRights(host, mode);
    }

    public synchronized void makeFolder(Path host, int mode) throws IOException {
        Files.createDirectory(host);
        setRightsOfNew(host, mode);
    }

    /** Moves a file to a path of the host, and all names that it, or files below it, have for the guest. */
    public synchronized void move(Path host, String from, Path target, String to) throws IOException {
        FileStatus moved = statusOf(host);
        FileStatus replaced = statusOf(target);
        CopyOption[] options = {StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING};
        Files.move(host, target, options);
        if (moved != null && replaced != null && moved.isSame(replaced)) {
            // Both are names of one file, and both stay.
            return;
        }
        removed(to);
        for (OpenedName each : followed) {
            String path = each.path();
            if (path.startsWith(from + "/") || (path.equals(from) && !each.isRemoved())) {
                each.moveTo(to + path.substring(from.length()));
            }
        }
    }
}
