// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.core.vma.Backing;
import java.io.IOException;
import java.nio.file.CopyOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * The names of host files, as the guest's calls create and change them.
 *
 * <p>The monitor of this object guards all changes that the guest makes to names, and each use of a path from its
 * resolution on. So no thread puts a link into a path that another thread just resolved. A thread that holds the
 * monitor waits for no other thread of the guest. The names of open files and of current directories follow these
 * changes.
 */
public final class GuestNames {
    private final FollowedNames followed = new FollowedNames();
    private final LinkedNames linked = new LinkedNames();

    /** The name by which each mappable host file was opened, as long as the file is in use. */
    private final Map<Backing, OpenedName> mapped = new WeakHashMap<>();

    private final WriteTimes times = new WriteTimes();
    private final LargestSizes largestSizes = new LargestSizes();

    public GuestNames() {}

    /** Returns the object that updates the times of files that the guest reads and writes. */
    public WriteTimes times() {
        return times;
    }

    /** Returns the largest sizes of host files. */
    LargestSizes largestSizes() {
        return largestSizes;
    }

    /** Starts to follow a name, which the guest's calls change from now on. */
    synchronized FollowedName follow(String guest, FileStatus opened) {
        return followed.follow(guest, opened);
    }

    /** Returns further names that a file may have, besides the name by which it was opened. */
    synchronized List<String> linked(FileStatus file) {
        return linked.of(file);
    }

    /** Notes that the guest has created a hard link. */
    public synchronized void linked(String from, String to, Path host) {
        FileStatus now = statusOf(host);
        if (now != null) {
            linked.linked(from, to, now);
        }
    }

    /** Notes that the guest has removed a name. */
    public synchronized void removed(String guest, @Nullable FileStatus before) {
        linked.removed(guest);
        followed.removed(guest, before);
    }

    /** Notes that the guest renamed a file or a directory. */
    public synchronized void renamed(String from, String to, @Nullable FileStatus replaced) {
        linked.renamed(from, to);
        followed.renamed(from, to, replaced);
    }

    /**
     * Changes the status that the guest sees of a file, if the guest has removed all names of the file. Returns whether
     * it removed them.
     */
    synchronized boolean changeWithoutName(FileStatus file, boolean isOfLost, UnaryOperator<FileStatus> change) {
        return followed.changeWithoutName(file, isOfLost, change);
    }

    /**
     * Called after the status of a file has changed. Open files whose removed name led to the same file show the new
     * status.
     */
    public synchronized void changed(Path host) {
        FileStatus now = statusOf(host);
        if (now != null) {
            followed.changed(now);
        }
    }

    /** Clears the set-user-ID and set-group-ID bits of a file, as {@link HostRights#dropPrivileges} does. */
    public synchronized void dropPrivileges(Path host) throws IOException {
        if (HostRights.dropPrivileges(host)) {
            changed(host);
        }
    }

    /** Records the name by which a mappable file was opened. */
    public synchronized void noteMapped(Backing file, OpenedName name) {
        mapped.put(file, name);
    }

    /** Returns the path that {@code /proc} shows for a mapping of a file; null if the file was not opened by a name. */
    public synchronized @Nullable String shownOf(@Nullable Backing backing) {
        OpenedName name = backing == null ? null : mapped.get(backing.underlying());
        return name == null ? null : name.shown();
    }

    /** Creates a regular file on the host. */
    public synchronized void makePlain(Path host, int mode) throws IOException {
        Files.createFile(host);
        HostRights.setOfNew(host, mode);
    }

    /** Creates a directory on the host. */
    public synchronized void makeFolder(Path host, int mode) throws IOException {
        Files.createDirectory(host);
        // The host decides whether a new directory inherits the set-group-ID bit of its parent ({@code
        // inode_init_owner}).
        HostRights.setOfNew(host, mode | (FileStatus.of(host, false).mode() & HostRights.SET_GROUP));
    }

    private static @Nullable FileStatus statusOf(Path host) {
        try {
            return FileStatus.of(host, false);
        } catch (IOException none) {
            return null;
        }
    }

    /**
     * Renames a host file. Replaces a file that has the new name.
     *
     * @return false if both names belong to the same file; then both stay
     */
    public synchronized boolean move(Path from, Path to) throws IOException {
        FileStatus moved = statusOf(from);
        FileStatus replaced = statusOf(to);
        CopyOption[] options = {StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING};
        Files.move(from, to, options);
        return moved == null || replaced == null || !moved.isSame(replaced);
    }

    /** Gives a host file a further name. */
    public synchronized void link(Path from, Path to) throws IOException {
        Files.createLink(to, from);
        changed(to);
    }
}
