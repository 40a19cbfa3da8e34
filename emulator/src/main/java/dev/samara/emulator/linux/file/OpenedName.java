// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.core.vma.Backing;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.FileTime;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * The name by which a host file was opened, or by which a directory was entered. The name follows the guest's renames.
 * In the meantime, another program may have given the name to another file, or created a link there that leads out of
 * the guest's root. So each use resolves the name again, and compares the file with the opened file.
 */
public final class OpenedName {
    private final FollowedName name;
    private final FileStatus opened;
    private final GuestRoot root;
    private final GuestNames names;

    /**
     * Starts to follow a name. The caller has held the monitor of {@code names} since it resolved the path.
     *
     * @param place the resolved path
     * @param host the path of the host
     * @param root the root, which resolves the name again
     * @param names the names of the guest's files
     */
    public OpenedName(ResolvedPath place, Path host, GuestRoot root, GuestNames names) throws IOException {
        opened = FileStatus.of(host, false);
        this.root = root;
        this.names = names;
        name = names.follow(place.guest(), opened);
    }

    /** Returns the path of the guest; if the name was removed, the last path. */
    public String path() {
        return name.path();
    }

    /** Returns whether the guest has removed the name, or has given it to another file. */
    public boolean isRemoved() {
        return name.isRemoved();
    }

    /** Returns the path as links in {@code /proc} show it. */
    public String shown() {
        return isRemoved() ? path() + " (deleted)" : path();
    }

    /** Makes the mappings of an open file show this name. */
    public void showFor(Backing file) {
        names.noteMapped(file, this);
    }

    /**
     * A name that leads to the file.
     *
     * @param guest a path of the guest
     * @param host the path of the host
     * @param status the status of the file
     */
    private record FoundName(String guest, Path host, FileStatus status) {}

    /** Returns a name that leads to the file; null if no such name is known. */
    private @Nullable FoundName find() {
        FoundName own = isRemoved() ? null : find(path());
        if (own != null) {
            return own;
        }
        FileStatus last = name.last();
        if (isRemoved() && last != null && last.links() == 0) {
            // The file has no name left, so another file may have its inode number by now.
            return null;
        }
        for (String each : names.linked(opened)) {
            FoundName other = find(each);
            if (other != null) {
                return other;
            }
        }
        return null;
    }

    private @Nullable FoundName find(String guest) {
        Path found = root.resolve("/", guest, false).host();
        if (found == null) {
            return null;
        }
        try {
            FileStatus now = FileStatus.of(found, false);
            return isOpened(now) ? new FoundName(guest, found, now) : null;
        } catch (IOException gone) {
            return null;
        }
    }

    /**
     * Returns the host path of the file, by its name or by another name that the guest created. Null if these names are
     * gone, or belong to other files by now. The caller holds the monitor of the {@link GuestNames}, and keeps it while
     * it uses the path.
     */
    public @Nullable Path host() {
        FoundName found = find();
        return found == null ? null : found.host;
    }

    /** Returns the path of the guest that leads to the file now, as {@link #host} finds it; null if none does. */
    public @Nullable String currentPath() {
        FoundName found = find();
        return found == null ? null : found.guest;
    }

    /** Returns the largest size that the host permits for the file; {@link Long#MAX_VALUE} if that is not known. */
    long largestSize() {
        synchronized (names) {
            Path found = host();
            LargestSizes sizes = names.largestSizes();
            return found == null ? sizes.of(opened.device()) : sizes.of(opened.device(), found);
        }
    }

    /** Updates the times of the file after a write. */
    void written(WriteTimes.Shown last, boolean keepsPrivileges) {
        names.times().written(this, last, keepsPrivileges);
    }

    /**
     * Sets the time of the last change, if the host permits it. Writing the pages back later sets it again. Also clears
     * the set-user-ID and set-group-ID bits of the file ({@code file_remove_privs}), unless the writer may keep them.
     */
    void setModified(FileTime time, boolean keepsPrivileges) {
        synchronized (names) {
            Path found = host();
            if (found == null) {
                showWithoutName(status -> (keepsPrivileges ? status : status.withoutPrivileges())
                        .withTimes(null, time)
                        .changedNow());
                return;
            }
            try {
                if (!keepsPrivileges) {
                    names.dropPrivileges(found);
                }
                Files.setLastModifiedTime(found, time);
            } catch (IOException refused) {
                // The guest may have taken its own rights away.
            }
        }
    }

    /**
     * Changes the status that all descriptors of the file show, if the guest has removed all its names, so that only
     * descriptors lead to it.
     *
     * @return whether it is such a file
     */
    public boolean changeWithoutName(UnaryOperator<FileStatus> change) {
        return names.changeWithoutName(opened, false, change);
    }

    /** Changes the status that all descriptors of the file show while no known name leads to it. */
    public void showWithoutName(UnaryOperator<FileStatus> change) {
        names.changeWithoutName(opened, true, change);
    }

    /** Updates the access time of the file after a read. */
    void accessed(WriteTimes.Shown last) {
        names.times().accessed(this, last);
    }

    /** Sets the time of the last access if the recorded time is too old ({@code relatime_need_update}). */
    void setAccessed(long now) {
        synchronized (names) {
            if (isFixed()) {
                return;
            }
            Path found = host();
            FileTime time = FileTime.from(now, TimeUnit.NANOSECONDS);
            if (found == null) {
                showWithoutName(status -> status.isAccessOld(now) ? status.withTimes(time, null) : status);
                return;
            }
            try {
                if (FileStatus.of(found, false).isAccessOld(now)) {
                    Files.getFileAttributeView(found, BasicFileAttributeView.class)
                            .setTimes(null, time, null);
                }
            } catch (IOException refused) {
                // The guest may have taken its own rights away.
            }
        }
    }

    /** Whether the file is the program and is outside of the root, so that the guest can only read it. */
    public boolean isFixed() {
        return root.resolve("/", path(), false).isFixed();
    }

    /** Returns the status of the file. If no known name leads to the file any more, returns its last known status. */
    public FileStatus status() {
        synchronized (names) {
            FoundName found = find();
            if (found != null) {
                return found.status;
            }
            FileStatus last = name.last();
            return last != null && isOpened(last) ? last : opened.withoutNames();
        }
    }

    /** Also compares the type, because a new file may have the inode number of the deleted one. */
    private boolean isOpened(FileStatus now) {
        return now.isSame(opened) && ((now.mode() ^ opened.mode()) & FileStatus.TYPE) == 0;
    }
}
