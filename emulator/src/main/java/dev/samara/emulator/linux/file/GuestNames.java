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

    /**
     * The name by which a host file was opened, or by which a directory was entered. The name follows the guest's
     * renames. In the meantime, another program may have given the name to another file, or created a link there that
     * leads out of the guest's root. So each use resolves the name again, and compares the file with the opened file.
     */
    public static final class OpenedName {
        private final FileStatus opened;
        private final GuestRoot root;
        private final GuestNames names;

        /**
         * Words: {@code path}, {@code isRemoved}.
         * Written: the calls that rename and remove, holding the monitor of the names (volatile).
         * Read: any thread (volatile).
         * Invariant: a removed name stays removed, and keeps its last path.
         */
        private volatile String path;

        private volatile boolean isRemoved;

        /**
         * Starts to follow a name. The caller has held the monitor of {@code names} since it resolved the path.
         *
         * @param guest the guest's path, without links
         * @param host the path of the host
         * @param root the root, which resolves the name again
         * @param names the names of the guest's files
         */
        public OpenedName(String guest, Path host, GuestRoot root, GuestNames names) throws IOException {
            opened = FileStatus.of(host, false);
            path = guest;
            this.root = root;
            this.names = names;
            names.follow(this);
        }

        /** Returns the path of the guest; if the name was removed, the last path. */
        public String path() {
            return path;
        }

        /** Returns whether the guest has removed the name, or has given it to another file. */
        public boolean isRemoved() {
            return isRemoved;
        }

        void moveTo(String changed) {
            path = changed;
        }

        void remove() {
            isRemoved = true;
        }

        /** Returns the path as links in {@code /proc} show it. */
        public String shown() {
            return isRemoved ? path + " (deleted)" : path;
        }

        /** Makes the mappings of an open file show this name. */
        public void showFor(Backing file) {
            names.noteMapped(file, this);
        }

        /** Returns the path of the host; null if the name is not that of the opened file any more. */
        public @Nullable Path host() {
            Path found = isRemoved ? null : root.resolve("/", path, false).host();
            FileStatus now = found == null ? null : GuestNames.statusOf(found);
            return now != null && now.isSame(opened) && now.isType(opened.mode() & FileStatus.TYPE) ? found : null;
        }

        /** Returns the status of the file now; if it has lost its name, the status at its open without a name. */
        public FileStatus status() {
            synchronized (names) {
                Path found = host();
                FileStatus now = found == null ? null : GuestNames.statusOf(found);
                return now != null ? now : opened.withNames(0);
            }
        }
    }

    /** The current directory and the umask of a process. Thread-safe. */
    public static final class WorkingFolder {
        private static final int RIGHTS = 0777;
        private static final String ROOT = "/";

        /** Null if the directory is the root, and the host has no directory for it. */
        private volatile @Nullable OpenedName name;

        private int umask = 022;

        /** Starts in a directory, or if {@code name} is null, in a root that the host does not have. */
        public WorkingFolder(@Nullable OpenedName name) {
            this.name = name;
        }

        public synchronized WorkingFolder copy() {
            WorkingFolder copy = new WorkingFolder(name);
            copy.umask = umask;
            return copy;
        }

        /** Returns the name of the directory; null for a root that the host does not have. */
        public @Nullable OpenedName name() {
            return name;
        }

        /** Returns the path of the directory; its last path if the directory was removed. */
        public String path() {
            OpenedName now = name;
            return now == null ? ROOT : now.path();
        }

        /** Returns the path as the link in {@code /proc} shows it. */
        public String shown() {
            OpenedName now = name;
            return now == null ? ROOT : now.shown();
        }

        public void enter(OpenedName entered) {
            name = entered;
        }

        public synchronized int umask(int changed) {
            int old = umask;
            umask = changed & RIGHTS;
            return old;
        }

        public synchronized int umask() {
            return umask;
        }
    }
}
