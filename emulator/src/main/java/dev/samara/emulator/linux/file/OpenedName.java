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
 * The name by which a file of the host was opened, or a folder entered. It follows what the guest renames. Another
 * program may have given it to another file since, or put a link there that leads out of the guest's root. So each use
 * resolves it again, and compares the file with the one that was opened.
 */
public final class OpenedName {
    private final FollowedName name;
    private final FileStatus opened;
    private final GuestRoot root;
    private final NamedPipes names;

    /**
     * Notes a name. The caller has the monitor of the names since it has resolved the path.
     *
     * @param place the path, resolved
     * @param host the path of the host
     * @param root resolves it again
     * @param names the names of the guest's files
     */
    public OpenedName(ResolvedPath place, Path host, GuestRoot root, NamedPipes names) throws IOException {
        opened = FileStatus.of(host, false);
        this.root = root;
        this.names = names;
        name = names.follow(place.guest(), opened);
    }

    /** Returns the path of the guest; the last one if the name is removed. */
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
     * Where the file is.
     *
     * @param guest a path of the guest
     * @param host the path of the host
     * @param status the status of the file
     */
    private record FoundName(String guest, Path host, FileStatus status) {}

    /** Returns a name that leads to the file; null if the guest knows none. */
    private @Nullable FoundName find() {
        FoundName own = isRemoved() ? null : find(path());
        if (own != null) {
            return own;
        }
        FileStatus last = name.last();
        if (isRemoved() && last != null && last.links() == 0) {
            // No name is left. Another file may have its number by now.
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
     * Returns where the host has the file, by its name or by another one that the guest has made; null if they are
     * gone, or other files' by now. The caller has the monitor of the names, and keeps it while it uses the path.
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

    /** Shows that the file was written now. */
    void written(WriteTimes.Shown last, boolean keepsPrivileges) {
        names.times().written(this, last, keepsPrivileges);
    }

    /**
     * Sets the time of the last change as far as the host permits it: a save sets it again. The file loses the bits
     * that make a program of it run as its owner ({@code file_remove_privs}), unless its writer may keep them.
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
     * Changes what all descriptors of the file show, if the guest has left it without names: nothing but they lead to
     * it.
     *
     * @return whether it is such a file
     */
    public boolean changeWithoutName(UnaryOperator<FileStatus> change) {
        return names.changeWithoutName(opened, false, change);
    }

    /** Changes what all descriptors of the file show while nothing that the guest knows leads to it. */
    public void showWithoutName(UnaryOperator<FileStatus> change) {
        names.changeWithoutName(opened, true, change);
    }

    /** Shows that bytes of the file were asked for now. */
    void accessed(WriteTimes.Shown last) {
        names.times().accessed(this, last);
    }

    /** Sets the time of the last access if the present one is too old ({@code relatime_need_update}). */
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

    /** Whether it is the program outside of the root, which the guest can only read. */
    public boolean isFixed() {
        return root.resolve("/", path(), false).isFixed();
    }

    /** Returns the status of the file; the last one that is known if the name is not the file's any more. */
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

    /** The number of a file that was deleted may be that of a new link by now. */
    private boolean isOpened(FileStatus now) {
        return now.isSame(opened) && ((now.mode() ^ opened.mode()) & FileStatus.TYPE) == 0;
    }
}
